//! All jobs: search and filter by a form that needs no JavaScript, rows that keep themselves up to date with it.

use azulejo_protocol::{Job, JobStatus};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_navigate};

use crate::actions::list_jobs;
use crate::base::at;
use crate::components::{FailureNotice, InstallationNotice, JobTable, Kept, ReplayAll};
use crate::job_list::{self, Filter};
use crate::live::Live;
use crate::studio_address::query_value;

/// Rows on a page.
const PAGE: u32 = 50;

/// The page.
#[component]
pub fn JobsPage() -> impl IntoView {
    let query = use_location().search;
    let filter = Memo::new(move |_| {
        query.with(|query| Filter {
            status: query_value(query, "status").and_then(|status| status.parse().ok()),
            search: query_value(query, "search")
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty()),
            offset: query_value(query, "offset")
                .and_then(|offset| offset.parse().ok())
                .unwrap_or(0),
        })
    });
    let jobs = Resource::new(
        move || filter.get(),
        |filter| list_jobs(filter.status, filter.search, Some(PAGE), Some(filter.offset)),
    );
    view! {
        <Title text="Jobs · Azulejo" />
        <main id="main">
            <InstallationNotice />
            <div class="head">
                <h1>"Jobs"</h1>
                <FilterForm filter />
            </div>
            <Transition fallback=|| view! { <p class="quiet">"Loading"</p> }>
                {move || Suspend::new(async move {
                    match jobs.await {
                        Ok(first) => view! { <Rows first filter=filter.get_untracked() /> }.into_any(),
                        Err(failure) => view! { <FailureNotice failure /> }.into_any(),
                    }
                })}
            </Transition>
            <Kept />
        </main>
    }
    .into_any()
}

#[component]
fn FilterForm(filter: Memo<Filter>) -> impl IntoView {
    let option = move |status: JobStatus| {
        view! {
            <option
                value=status.name()
                selected=move || filter.with(|filter| filter.status == Some(status))
                prop:selected=move || filter.with(|filter| filter.status == Some(status))
            >
                {status.name()}
            </option>
        }
    };
    // Without this code the form loads the list anew; with it Back leads through the searches, and the field follows.
    let navigate = use_navigate();
    let (field, state) = (
        NodeRef::<leptos::html::Input>::new(),
        NodeRef::<leptos::html::Select>::new(),
    );
    let submit = move |event: leptos::ev::SubmitEvent| {
        let (Some(field), Some(state)) = (field.get_untracked(), state.get_untracked()) else {
            return;
        };
        event.prevent_default();
        let asked = Filter {
            status: state.value().parse().ok(),
            search: Some(field.value().trim().to_owned()).filter(|text| !text.is_empty()),
            offset: 0,
        };
        navigate(&asked.address(0), Default::default());
    };
    view! {
        <form class="filter" method="get" action=at("/jobs") role="search" on:submit=submit>
            <input
                node_ref=field
                type="search"
                name="search"
                autocomplete="off"
                placeholder="File, recipe or id"
                aria-label="Search"
                value=move || filter.with(|filter| filter.search.clone())
                prop:value=move || filter.with(|filter| filter.search.clone().unwrap_or_default())
            />
            <select node_ref=state name="status" aria-label="State" autocomplete="off">
                <option value="">"any state"</option>
                {option(JobStatus::Processing)}
                {option(JobStatus::Completed)}
                {option(JobStatus::Failed)}
                {option(JobStatus::Cancelled)}
            </select>
            <button>"Search"</button>
        </form>
    }
    .into_any()
}

#[component]
fn Rows(first: Vec<Job>, filter: Filter) -> impl IntoView {
    let live = expect_context::<Live>();
    let full = first.len() as u32 >= PAGE;
    let offset = filter.offset;
    let page = filter.clone();
    let jobs = Memo::new(move |_| {
        live.jobs
            .with(|news| job_list::merged(&first, news, &page, PAGE as usize))
    });
    // Of its own, so that the table stays when its rows change.
    let is_empty = Memo::new(move |_| jobs.with(Vec::is_empty));
    let filtered = filter.status.is_some() || filter.search.is_some();
    let asked = filter.clone();
    let link = move |offset: u32| at(&filter.address(offset));
    view! {
        {move || {
            if is_empty.get() {
                if filtered || offset > 0 {
                    view! {
                        <p class="empty">
                            "No job is like that. " <a href=at("/jobs")>"Show all jobs"</a>
                        </p>
                    }
                        .into_any()
                } else {
                    view! {
                        <p class="empty">
                            "No jobs yet. Drop a picture on the " <a href=at("/")>"Studio"</a> " to begin."
                        </p>
                    }
                        .into_any()
                }
            } else {
                view! { <JobTable jobs /> }.into_any()
            }
        }}
        <ReplayAll jobs filter=asked />
        {(offset > 0 || full)
            .then(|| {
                view! {
                    <nav class="pager" aria-label="Pages">
                        {(offset > 0).then(|| view! { <a class="button" href=link(offset.saturating_sub(PAGE))>"Newer"</a> })}
                        {full.then(|| view! { <a class="button" href=link(offset.saturating_add(PAGE))>"Older"</a> })}
                    </nav>
                }
            })}
    }
    .into_any()
}
