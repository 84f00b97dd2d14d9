//! A job: its mosaic, how far it is, who works on it, what can be done with it.

use azulejo_protocol::{ApiError, Job, JobId, JobStatus, WorkerInfo};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_navigate, use_params_map, use_query_map};

use super::NotFound;
use crate::actions::get_job;
use crate::base::at;
use crate::clock::Ago;
use crate::components::{
    Compare, DeadTiles, FailureNotice, InstallationNotice, JobActions, Meter, MosaicFigure, RecipeTitle,
    Stages, TabProgress, WorkersOnJob, in_place,
};
use crate::failure::Failure;
use crate::live::{JobNews, Live, merge};
use crate::shared::Shared;
use crate::studio_address::studio_address;
use crate::words;

/// The page.
#[component]
pub fn JobPage() -> impl IntoView {
    let params = use_params_map();
    let shared = expect_context::<Shared>();
    let id = Memo::new(move |_| {
        params.with(|params| params.get_str("id").and_then(|id| id.parse::<JobId>().ok()))
    });
    let job = Resource::new(
        move || id.get(),
        |id| async move {
            match id {
                Some(id) => get_job(id).await,
                None => Err(Failure(ApiError::not_found(
                    "job_not_found",
                    "there is no such job",
                ))),
            }
        },
    );
    view! {
        <Suspense fallback=|| {
            view! {
                <main id="main">
                    <p class="quiet">"Loading"</p>
                </main>
            }
        }>
            {move || Suspend::new(async move {
                let workers = shared.workers.await.unwrap_or_default();
                match job.await {
                    Ok(job) => view! { <JobView first=job workers /> }.into_any(),
                    Err(failure) if failure.is_not_found() => view! { <NotFound /> }.into_any(),
                    Err(failure) => {
                        view! {
                            <Title text="Job · Azulejo" />
                            <main id="main">
                                <FailureNotice failure />
                            </main>
                        }
                            .into_any()
                    }
                }
            })}
        </Suspense>
    }
    .into_any()
}

#[component]
fn JobView(first: Job, workers: Vec<WorkerInfo>) -> impl IntoView {
    let live = expect_context::<Live>();
    let id = first.job_id;
    live.watch(id);
    let recipe = first.transformation.clone();
    let address = |job| at(&studio_address(&recipe, None, job));
    let (change, reuse) = (address(Some(id)), address(None));
    let name = &first.original_filename;
    let facts = [
        first
            .page
            .map_or_else(|| name.clone(), |page| format!("{name}, page {page}")),
        format!("{} × {}", first.input_size.width, first.input_size.height),
        first.input_format.label(),
        words::bytes(first.input_bytes),
    ];
    let created = first.created_at;
    let cached_from = first.cached_from;
    let job = RwSignal::new(first);
    let changed = Callback::new(move |news: Job| job.update(|job| *job = merge(job.clone(), news)));
    let navigate = use_navigate();
    Effect::new(move |_| match live.jobs.with(|jobs| jobs.get(&id).cloned()) {
        Some(JobNews::Changed(news)) => changed.run(*news),
        Some(JobNews::Gone) => navigate("/jobs", in_place()),
        None => (),
    });
    let query = use_query_map();
    let status = Memo::new(move |_| job.with(|job| job.status));
    let comparing = Memo::new(move |_| {
        status.get() == JobStatus::Completed
            && query.with(|query| query.get_str("view") == Some("compare"))
            && job.with(words::is_comparable)
    });
    let error =
        Memo::new(move |_| job.with(|job| job.error.clone().filter(|_| job.status == JobStatus::Failed)));
    let expires = Memo::new(move |_| job.with(|job| job.expires_at));
    let original_gone = Memo::new(move |_| job.with(|job| job.original_gone));
    let notes = Memo::new(move |_| job.with(|job| job.notes.clone()));
    // The grid is fixed by the recipe and the input; a retry keeps it.
    view! {
        <TabProgress job />
        <main id="main" class="job">
            <InstallationNotice />
            <p class="eyebrow">
                "Job " <span class="mono" title=id.to_string()>{id.short()}</span> <i>"·"</i> "submitted "
                <Ago time=created />
                {facts.map(|fact| view! { <i>"·"</i> <span class="part">{fact}</span> }).collect_view()}
                {cached_from
                    .map(|earlier| {
                        view! {
                            <i>"·"</i>
                            <span class="part">
                                "result of job "
                                <a class="mono" href=at(&format!("/job/{earlier}")) title="The same image, recipe and format">
                                    {earlier.short()}
                                </a>
                            </span>
                        }
                    })}
                {move || {
                    expires
                        .get()
                        .map(|time| {
                            view! {
                                <i>"·"</i>
                                <span class="part">
                                    "kept until "
                                    <time datetime=words::machine(time) title=words::exact(time)>
                                        {time.date().to_string()}
                                    </time>
                                </span>
                            }
                        })
                }}
                {move || {
                    original_gone
                        .get()
                        .then(|| {
                            view! {
                                <i>"·"</i>
                                <span class="part" title="The uploaded picture was deleted because of its age: nothing can be run on it again">
                                    "original deleted"
                                </span>
                            }
                        })
                }}
            </p>
            <div class="head">
                <h1>
                    <RecipeTitle recipe />
                </h1>
                <div class="acts">
                    {move || {
                        (!original_gone.get())
                            .then(|| {
                                view! {
                                    <a class="button" href=change.clone() title="In the Studio, with this picture: no upload">
                                        "Change the recipe"
                                    </a>
                                }
                            })
                    }}
                    <a class="button" href=reuse title="In the Studio, for another picture">
                        "Use this recipe"
                    </a>
                    <JobActions job changed comparing />
                </div>
            </div>
            {move || {
                error
                    .get()
                    .map(|error| {
                        view! {
                            <p class="notice dead" role="alert">
                                <span class="key dead"></span>
                                {words::sentence(&error)}
                            </p>
                        }
                    })
            }}
            {move || {
                notes
                    .get()
                    .iter()
                    .map(|note| view! { <p class="quiet">{words::sentence(note)}</p> })
                    .collect_view()
            }}
            <Meter job />
            <div class="cols">
                <div class="stage">
                    {move || {
                        if comparing.get() {
                            view! { <Compare job=job.get_untracked() /> }.into_any()
                        } else {
                            view! { <MosaicFigure job /> }.into_any()
                        }
                    }}
                </div>
                <aside class="rail" aria-label="About this job">
                    <DeadTiles job changed />
                    <WorkersOnJob job first=workers />
                    <Stages job />
                </aside>
            </div>
        </main>
    }
    .into_any()
}
