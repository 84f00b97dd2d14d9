//! The Studio: choose a picture, compose a recipe, see what it will cost, start. The page is one form that posts to
//! `/process` by itself; in the browser it uploads with progress and then goes to the job. With `?job=ID` the picture is that
//! of a job, which the server keeps: then the form posts to `/job/ID/again`.

use azulejo_imaging::Recipe;
use azulejo_protocol::{ApiError, Costs, Health, Job, JobId, WorkerInfo};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_query_map};

use crate::actions::{get_costs, get_job, list_jobs};
use crate::base::at;
#[cfg(not(feature = "hydrate"))]
use crate::components::UploadControls;
use crate::components::{
    DropZone, FailureNotice, FileChoice, InstallationNotice, JobTable, PageChoice, Phase, RecipeBuilder,
    SubmitPanel, WorkerList,
};
use crate::estimate::{Fleet, estimate};
use crate::failure::Failure;
use crate::job_list::{self, Filter};
use crate::live::Live;
use crate::picked::Picked;
#[cfg(feature = "hydrate")]
use crate::sending;
use crate::shared::Shared;
use crate::studio_address::query_value;
use crate::studio_state::StudioState;

/// What is said of a picture that need not be sent.
const KEPT: &str = "on the server already: another recipe needs no upload";
/// Jobs shown below.
const RECENT: usize = 5;

/// The page.
#[component]
pub fn StudioPage() -> impl IntoView {
    let shared = expect_context::<Shared>();
    let costs = Resource::new(|| (), |()| get_costs());
    let recent = Resource::new(|| (), |()| list_jobs(None, None, Some(RECENT as u32), None));
    let query = use_query_map();
    let asked = move || query.with(|query| query.get_str("job").and_then(|id| id.parse::<JobId>().ok()));
    let original = Resource::new(asked, |id| async move {
        match id {
            Some(id) => Some(get_job(id).await),
            None => None,
        }
    });
    view! {
        <Title text="Azulejo" />
        <main id="main">
            <h1 class="visually-hidden">"Studio"</h1>
            <InstallationNotice />
            <Suspense fallback=|| view! { <p class="quiet">"Loading"</p> }>
                {move || Suspend::new(async move {
                    let (health, workers) = (shared.health.await.ok(), shared.workers.await.unwrap_or_default());
                    let costs = costs.await.unwrap_or_default();
                    view! { <Studio health workers costs recent original=original.await /> }
                })}
            </Suspense>
        </main>
    }
    .into_any()
}

#[component]
fn Studio(
    health: Option<Health>,
    workers: Vec<WorkerInfo>,
    costs: Costs,
    recent: Resource<Result<Vec<Job>, Failure>>,
    /// The job whose picture is asked for.
    original: Option<Result<Job, Failure>>,
) -> impl IntoView {
    let live = expect_context::<Live>();
    let state = expect_context::<StudioState>();
    let StudioState {
        picked, text, file, ..
    } = state;
    take_query(state);
    let lost = take_original(state, original);
    let phase = RwSignal::new(Phase::Idle);

    let health = Memo::new(move |_| live.health.get().or_else(|| health.clone()));
    let workers = Memo::new(move |_| live.workers.get().unwrap_or_else(|| workers.clone()));
    let costs = Memo::new(move |_| live.costs.get().unwrap_or_else(|| costs.clone()));
    let objection = Memo::new(move |_| {
        let limits = health.with(|health| health.as_ref().map(|health| health.limits))?;
        picked.with(|picked| picked.as_ref().and_then(|picked| picked.objection(&limits)))
    });
    let parsed = Memo::new(move |_| {
        text.with(|text| Recipe::parse(text))
            .map_err(|error| error.to_string())
    });
    let fleet = Memo::new(move |_| {
        health.with(|health| {
            let health = health.as_ref()?;
            // In whole seconds, so that not every word of the server is a new estimate.
            let queue = health.queue_seconds.map(f32::round);
            Some((health.limits, health.slots, queue))
        })
    });
    let cost = Memo::new(move |_| {
        let (size, format, kind) = picked.with(|picked| {
            let picked = picked.as_ref()?;
            Some((picked.size()?, picked.format()?, picked.kind()?))
        })?;
        let recipe = parsed.get().ok()?;
        let (limits, slots, queue) = fleet.get()?;
        let unwritable = file.get().and_then(|file| {
            let kind = file.kind();
            let problem = kind.problem(recipe.output_size(size).ok()?, recipe.output_format(format))?;
            Some(format!("{kind} {problem}: choose another kind of result"))
        });
        if let Some(problem) = unwritable {
            return Some(Err(problem));
        }
        costs.with(|costs| {
            let fleet = Fleet {
                costs,
                slots,
                kind: kind.name(),
                queue: queue.map(f64::from),
            };
            Some(estimate(&recipe, size, format, &limits, &fleet))
        })
    });
    let size = Memo::new(move |_| picked.with(|picked| picked.as_ref()?.size()));
    let pictures =
        Memo::new(move |_| picked.with(|picked| picked.as_ref().map_or(0, |picked| 1 + picked.others.len())));
    // Without this code the server says what is wrong with a recipe, so the button works until it is here.
    let ready = RwSignal::new(false);
    Effect::new(move |_| ready.set(true));
    let is_recipe = Memo::new(move |_| !ready.get() || parsed.with(Result::is_ok));
    // Enter in a field is for the field: a job is begun by its button.
    let keep = |event: leptos::ev::KeyboardEvent| {
        let target = event_target::<web_sys::Element>(&event);
        if event.key() == "Enter" && target.matches("input:not([type=file])").unwrap_or(false) {
            event.prevent_default();
        }
    };
    let live_workers = Memo::new(move |_| {
        workers.with(|workers| workers.iter().filter(|worker| worker.status.is_live()).count() as u32)
    });

    #[cfg(feature = "hydrate")]
    let sending::Actions {
        choose,
        turn_to,
        submit,
        controls,
        preview,
    } = sending::actions(phase, objection);
    #[cfg(not(feature = "hydrate"))]
    let (choose, turn_to, submit, controls, preview) = (
        Callback::new(|_: web_sys::HtmlInputElement| ()),
        Callback::new(|_: Option<u32>| ()),
        |_: leptos::ev::SubmitEvent| (),
        UploadControls::none(),
        || None::<AnyView>,
    );
    let previewing = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        previewing
            .set(picked.with(|picked| picked.as_ref().is_some_and(|picked| picked.decoded().is_some())));
    });

    let action = move || {
        let stored = picked.with(|picked| picked.as_ref()?.stored);
        at(&stored.map_or_else(|| "/process".to_owned(), |job| format!("/job/{job}/again")))
    };
    view! {
        {lost.map(|failure| view! { <FailureNotice failure /> })}
        <form
            class="studio"
            method="post"
            action=action
            enctype="multipart/form-data"
            on:submit=submit
            on:keydown=keep
        >
            <div class="stage" class:previewing=move || previewing.get()>
                <DropZone picked choose />
                {preview}
            </div>
            <aside class="rail" aria-label="Recipe and estimate">
                {move || {
                    picked
                        .get()
                        .map(|picked| {
                            view! {
                                <section aria-labelledby="picture-title">
                                    <h2 id="picture-title">"Picture"</h2>
                                    <p class="file">
                                        <b>{picked.name.clone()}</b>
                                        <small>{picked.describe()}</small>
                                        {picked.others().map(|others| view! { <small>{others}</small> })}
                                        {picked.is_kept().then(|| view! { <small>{KEPT}</small> })}
                                    </p>
                                    {picked.without_preview().map(|why| view! { <p class="quiet">{why}</p> })}
                                </section>
                            }
                        })
                }}
                <PageChoice picked is_busy=Signal::derive(move || phase.with(Phase::is_busy)) turn_to />
                <RecipeBuilder text parsed file picture=size />
                <FileChoice file />
                <SubmitPanel estimate=cost workers=live_workers objection is_recipe pictures phase controls />
                <section aria-labelledby="live-title">
                    <h2 id="live-title">"Workers"</h2>
                    <WorkerList workers />
                </section>
            </aside>
        </form>
        <section class="recent" aria-labelledby="recent-title">
            <h2 id="recent-title">"Recent jobs"</h2>
            <Suspense>
                {move || Suspend::new(async move {
                    match recent.await {
                        Ok(first) => view! { <Recent first /> }.into_any(),
                        Err(failure) => view! { <FailureNotice failure /> }.into_any(),
                    }
                })}
            </Suspense>
        </section>
    }
    .into_any()
}

/// Takes over what the address asks for: the recipe and the kind of file.
fn take_query(state: StudioState) {
    let query = use_location().search.get_untracked();
    let value = |name: &str| query_value(&query, name);
    if let Some(recipe) = value("recipe").filter(|recipe| recipe.len() <= azulejo_imaging::MAX_TEXT) {
        state.text.set(recipe);
        // An address without a kind is that of a result as the picture is.
        state.file.set(value("format").and_then(|text| text.parse().ok()));
    }
}

/// Shows the picture of the job that the address asks for, unless it is what is shown; gives back why it cannot be shown.
fn take_original(state: StudioState, original: Option<Result<Job, Failure>>) -> Option<Failure> {
    let job = match original? {
        Ok(job) if job.original_gone => {
            let detail = "the picture of that job was deleted because of its age: choose the file again";
            return Some(Failure(ApiError::new(410, "original_gone", detail)));
        }
        Ok(job) => job,
        Err(failure) => return Some(failure),
    };
    let is_shown = state.picked.with_untracked(|picked| {
        picked
            .as_ref()
            .is_some_and(|picked| picked.stored == Some(job.job_id) && picked.page == job.page)
    });
    if !is_shown {
        #[cfg(feature = "hydrate")]
        {
            state.files.set_value(Vec::new());
            state.loaded.set_value(None);
        }
        state.picked.set(Some(Picked::of_job(&job)));
    }
    None
}

#[component]
fn Recent(first: Vec<Job>) -> impl IntoView {
    let live = expect_context::<Live>();
    let jobs = Memo::new(move |_| {
        live.jobs
            .with(|news| job_list::merged(&first, news, &Filter::default(), RECENT))
    });
    // Of its own, so that the table stays when its rows change.
    let is_empty = Memo::new(move |_| jobs.with(Vec::is_empty));
    move || {
        if is_empty.get() {
            view! { <p class="empty">"None yet. The first picture that you process appears here."</p> }
                .into_any()
        } else {
            view! { <JobTable jobs /> }.into_any()
        }
    }
}
