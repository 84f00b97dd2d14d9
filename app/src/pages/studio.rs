//! The Studio: choose a picture, compose a recipe, see what it will cost, start. The page is one form that posts to
//! `/process` by itself; in the browser it uploads with progress and then goes to the job.

use azulejo_protocol::{Health, Job, WorkerInfo};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::actions::list_jobs;
#[cfg(not(feature = "hydrate"))]
use crate::components::UploadControls;
use crate::components::{
    DropZone, FailureNotice, InstallationNotice, JobTable, Phase, RecipeBuilder, SubmitPanel, WorkerList,
};
use crate::estimate::{estimate, expected_rate};
use crate::failure::Failure;
use crate::job_list::{self, Filter};
use crate::live::Live;
use crate::root::Shared;
#[cfg(feature = "hydrate")]
use crate::sending;
use crate::studio_state::StudioState;

/// Jobs shown below.
const RECENT: usize = 5;

/// The page.
#[component]
pub fn StudioPage() -> impl IntoView {
    let shared = expect_context::<Shared>();
    let recent = Resource::new(|| (), |()| list_jobs(None, None, Some(RECENT as u32), None));
    view! {
        <Title text="Azulejo" />
        <main id="main">
            <h1 class="visually-hidden">"Studio"</h1>
            <InstallationNotice />
            <Suspense fallback=|| view! { <p class="quiet">"Loading"</p> }>
                {move || Suspend::new(async move {
                    let (health, workers) = (shared.health.await.ok(), shared.workers.await.unwrap_or_default());
                    view! { <Studio health workers recent /> }
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
    recent: Resource<Result<Vec<Job>, Failure>>,
) -> impl IntoView {
    let live = expect_context::<Live>();
    let StudioState { picked, text, .. } = expect_context::<StudioState>();
    let query = use_query_map();
    let asked = query.with_untracked(|query| query.get_str("recipe").map(ToOwned::to_owned));
    if let Some(asked) = asked.filter(|asked| asked.len() <= azulejo_imaging::MAX_TEXT) {
        text.set(asked);
    }
    let phase = RwSignal::new(Phase::Idle);

    let health = Memo::new(move |_| live.health.get().or_else(|| health.clone()));
    let workers = Memo::new(move |_| live.workers.get().unwrap_or_else(|| workers.clone()));
    let objection = Memo::new(move |_| {
        let limits = health.with(|health| health.as_ref().map(|health| health.limits))?;
        picked.with(|picked| picked.as_ref().and_then(|picked| picked.objection(&limits)))
    });
    let cost = Memo::new(move |_| {
        let header = picked.with(|picked| picked.as_ref()?.header)?;
        let recipe = text.with(|text| azulejo_imaging::Recipe::parse(text)).ok()?;
        let limits = health.with(|health| health.as_ref().map(|health| health.limits))?;
        let rate = health.with(|health| workers.with(|workers| expected_rate(health.as_ref(), workers)));
        Some(estimate(&recipe, header.size(), header.carried(), &limits, rate))
    });
    let size = Memo::new(move |_| picked.with(|picked| picked.as_ref()?.size()));
    let pictures =
        Memo::new(move |_| picked.with(|picked| picked.as_ref().map_or(0, |picked| 1 + picked.others.len())));
    // Without this code the server says what is wrong with a recipe, so the button works until it is here.
    let ready = RwSignal::new(false);
    Effect::new(move |_| ready.set(true));
    let is_recipe =
        Memo::new(move |_| !ready.get() || text.with(|text| azulejo_imaging::Recipe::parse(text).is_ok()));
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
    let (choose, submit, controls, preview) = sending::actions(phase, objection);
    #[cfg(not(feature = "hydrate"))]
    let (choose, submit, controls, preview) = (
        Callback::new(|_: web_sys::HtmlInputElement| ()),
        |_: leptos::ev::SubmitEvent| (),
        UploadControls::none(),
        || None::<AnyView>,
    );
    let previewing = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        previewing.set(picked.with(|picked| picked.as_ref().is_some_and(|picked| picked.is_previewed())));
    });

    view! {
        <form
            class="studio"
            method="post"
            action="/process"
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
                                    </p>
                                    {picked.without_preview().map(|why| view! { <p class="quiet">{why}</p> })}
                                </section>
                            }
                        })
                }}
                <RecipeBuilder text picture=size />
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

#[component]
fn Recent(first: Vec<Job>) -> impl IntoView {
    let live = expect_context::<Live>();
    let jobs = Memo::new(move |_| {
        live.jobs
            .with(|news| job_list::merged(&first, news, &Filter::default(), RECENT))
    });
    move || {
        if jobs.with(Vec::is_empty) {
            view! { <p class="empty">"None yet. The first picture that you process appears here."</p> }
                .into_any()
        } else {
            view! { <JobTable jobs /> }.into_any()
        }
    }
}
