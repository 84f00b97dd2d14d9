//! The Studio: choose a picture, compose a recipe, see what it will cost, start. The page is one form that posts to
//! `/process` by itself; in the browser it uploads with progress and then goes to the job.

use azulejo_protocol::{Health, Job, WorkerInfo};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::actions::list_jobs;
use crate::components::{
    DropZone, FailureNotice, InstallationNotice, JobTable, Phase, RecipeBuilder, SubmitPanel, WorkerList,
};
use crate::estimate::{estimate, expected_rate};
use crate::failure::Failure;
use crate::job_list::{self, Filter};
use crate::live::Live;
use crate::picked::Picked;
use crate::root::Shared;

/// The recipe of a fresh page.
const FIRST_RECIPE: &str = "blur:sigma=6|sharpen";
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
    let query = use_query_map();
    let text = RwSignal::new(query.with_untracked(|query| {
        query
            .get_str("recipe")
            .filter(|text| text.len() <= 4096)
            .unwrap_or(FIRST_RECIPE)
            .to_owned()
    }));
    let picked = RwSignal::new(None::<Picked>);
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
        let size = azulejo_imaging::Size::new(header.width, header.height);
        Some(estimate(&recipe, size, header.carried(), &limits, rate))
    });
    let size = Memo::new(move |_| {
        picked.with(|picked| {
            picked
                .as_ref()?
                .size()
                .map(|size| format!("{} × {}", size.width, size.height))
        })
    });
    let live_workers = Memo::new(move |_| {
        workers.with(|workers| workers.iter().filter(|worker| worker.status.is_live()).count() as u32)
    });

    #[cfg(feature = "hydrate")]
    let (choose, submit, cancel, drop, preview) = sending::actions(picked, text, phase, objection);
    #[cfg(not(feature = "hydrate"))]
    let (choose, submit, cancel, drop, preview) = (
        Callback::new(|_: web_sys::HtmlInputElement| ()),
        |_: leptos::ev::SubmitEvent| (),
        Callback::new(|()| ()),
        |_: leptos::ev::DragEvent| (),
        || None::<AnyView>,
    );
    let previewing = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        previewing.set(picked.with(|picked| picked.as_ref().is_some_and(Picked::is_previewed)));
    });

    view! {
        <form class="studio" method="post" action="/process" enctype="multipart/form-data" on:submit=submit>
            <div
                class="stage"
                class:previewing=move || previewing.get()
                on:dragover=|event| event.prevent_default()
                on:drop=drop
            >
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
                                    </p>
                                    {picked.without_preview().map(|why| view! { <p class="quiet">{why}</p> })}
                                </section>
                            }
                        })
                }}
                <RecipeBuilder text />
                <SubmitPanel estimate=cost workers=live_workers objection size phase cancel />
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

#[cfg(feature = "hydrate")]
mod sending {
    use leptos::prelude::*;
    use leptos_router::hooks::use_navigate;
    use wasm_bindgen::JsCast;
    use wasm_bindgen_futures::JsFuture;
    use web_sys::{File, HtmlInputElement, Url};

    use crate::actions::process;
    use crate::components::{Phase, Preview};
    use crate::header;
    use crate::picked::Picked;
    use crate::previewing::Engine;
    use crate::upload::Upload;

    /// Enough for the header of a JPEG behind its colour profile and thumbnail.
    const HEADER_BYTES: f64 = 1_048_576.0;

    type Submit = Box<dyn Fn(leptos::ev::SubmitEvent)>;
    type Drop = Box<dyn Fn(leptos::ev::DragEvent)>;
    type View = Box<dyn Fn() -> Option<AnyView> + Send>;

    /// What happens when a file is chosen, when the form is sent, when the upload is cancelled and when a file is
    /// dropped; and the preview.
    pub fn actions(
        picked: RwSignal<Option<Picked>>,
        text: RwSignal<String>,
        phase: RwSignal<Phase>,
        objection: Memo<Option<String>>,
    ) -> (Callback<HtmlInputElement>, Submit, Callback<()>, Drop, View) {
        let file = StoredValue::new_local(None::<File>);
        let upload = Upload::new();
        let engine = Engine::new(text);
        let forget = move || {
            if let Some(Some(picked)) = picked.try_get_untracked() {
                // The address was made by this page.
                let _ = Url::revoke_object_url(&picked.url);
            }
        };
        on_cleanup(move || {
            upload.cancel();
            forget();
        });
        let choose = Callback::new(move |input: HtmlInputElement| {
            forget();
            phase.set(Phase::Idle);
            let chosen = input.files().and_then(|files| files.get(0));
            file.set_value(chosen.clone());
            let Some(chosen) = chosen else {
                return picked.set(None);
            };
            leptos::task::spawn_local(async move {
                let found = look_at(&chosen).await;
                if let Some(size) = found.size().filter(|_| found.is_previewed()) {
                    engine.open(&chosen, (size.width, size.height));
                }
                picked.try_set(Some(found));
            });
        });
        let navigate = use_navigate();
        let submit = move |event: leptos::ev::SubmitEvent| {
            // Whatever the reason that this page has not heard of a file: the form posts by itself, and the browser or the
            // server says what is wrong.
            let Some(file) = file.get_value() else {
                return;
            };
            event.prevent_default();
            if objection.get_untracked().is_some() || phase.with_untracked(Phase::is_busy) {
                return;
            }
            let recipe = text.get_untracked();
            let navigate = navigate.clone();
            phase.set(Phase::Uploading(0.0, file.size()));
            leptos::task::spawn_local(async move {
                let sent = upload
                    .send(&file, move |sent, total| {
                        phase.try_set(Phase::Uploading(sent, total));
                    })
                    .await;
                let id = match sent {
                    Ok(id) => id,
                    Err(failure) if failure.0.code == "cancelled" => {
                        phase.try_set(Phase::Idle);
                        return;
                    }
                    Err(failure) => {
                        phase.try_set(Phase::Failed(failure));
                        return;
                    }
                };
                phase.try_set(Phase::Starting);
                match process(id, recipe).await {
                    Ok(job) => navigate(&format!("/job/{}", job.job_id), Default::default()),
                    Err(failure) => {
                        phase.try_set(Phase::Failed(failure));
                    }
                }
            });
        };
        // A file dropped anywhere on the stage is put into the input, as if it had been chosen there.
        let drop = move |event: leptos::ev::DragEvent| {
            let Some(files) = event
                .data_transfer()
                .and_then(|data| data.files())
                .filter(|files| files.length() > 0)
            else {
                return;
            };
            event.prevent_default();
            let input = document()
                .get_element_by_id("file")
                .and_then(|input| input.dyn_into::<HtmlInputElement>().ok());
            if let Some(input) = input {
                input.set_files(Some(&files));
                choose.run(input);
            }
        };
        let preview = move || {
            picked
                .get()
                .filter(Picked::is_previewed)
                .map(|picked| view! { <Preview engine picked /> }.into_any())
        };
        (
            choose,
            Box::new(submit),
            Callback::new(move |()| upload.cancel()),
            Box::new(drop),
            Box::new(preview),
        )
    }

    async fn look_at(file: &File) -> Picked {
        let end = file.size().min(HEADER_BYTES);
        let mut header = None;
        if let Ok(start) = file.slice_with_f64_and_f64(0.0, end)
            && let Ok(buffer) = JsFuture::from(start.array_buffer()).await
        {
            header = header::read(&js_sys::Uint8Array::new(&buffer).to_vec());
        }
        Picked {
            name: file.name(),
            bytes: file.size() as u64,
            header,
            url: Url::create_object_url_with_blob(file).unwrap_or_default(),
        }
    }
}
