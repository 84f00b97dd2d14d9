//! What can be done with a job: compare, download, cancel, retry, delete. Forms, so that they work without
//! JavaScript; with it they are calls of the same server functions.

use azulejo_protocol::{Job, JobStatus, StageName};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::FailureNotice;
use super::call_form::CallForm;
use crate::actions::{CancelJob, DeleteJob, RetryJob};
use crate::base::at;
use crate::words;

/// Goes to a place instead of the one that is shown: Back does not lead to a job that is gone.
pub fn in_place() -> NavigateOptions {
    NavigateOptions {
        replace: true,
        ..NavigateOptions::default()
    }
}

/// The buttons for `job` as it stands. `changed` gets the job that an action answers with.
#[component]
pub fn JobActions(
    /// The job.
    #[prop(into)]
    job: Signal<Job>,
    /// Called with the job as an action left it.
    #[prop(into)]
    changed: Callback<Job>,
    /// Whether the comparison is shown.
    #[prop(into)]
    comparing: Signal<bool>,
) -> impl IntoView {
    let id = job.with_untracked(|job| job.job_id);
    let status = Memo::new(move |_| job.with(|job| job.status));
    // Without it there is nothing to compare the result with, and nothing to start again on.
    let has_original = Memo::new(move |_| job.with(|job| !job.original_gone));
    let cancel = ServerAction::<CancelJob>::new();
    let retry = ServerAction::<RetryJob>::new();
    let delete = ServerAction::<DeleteJob>::new();
    // An effect for each, so that the answer of one is not told again when that of the other comes.
    for answer in [cancel.value(), retry.value()] {
        Effect::new(move |_| {
            if let Some(Ok(job)) = answer.get() {
                changed.run(job);
            }
        });
    }
    let navigate = use_navigate();
    Effect::new(move |_| {
        if let Some(Ok(())) = delete.value().get() {
            navigate("/jobs", in_place());
        }
    });
    // Decoding a damaged file again gives the same: there it is not the first thing to do.
    let is_undecoded = Memo::new(move |_| {
        job.with(|job| {
            let decode = job.stages.iter().find(|stage| stage.name == StageName::Decode);
            job.status == JobStatus::Failed && decode.is_some_and(|stage| stage.finished_at.is_none())
        })
    });
    let failure = move || {
        let of_job = |value: Option<Result<Job, _>>| value.and_then(Result::err);
        of_job(cancel.value().get())
            .or_else(|| of_job(retry.value().get()))
            .or_else(|| delete.value().get().and_then(Result::err))
    };
    let sure = RwSignal::new(false);
    let ask_first = move |event: leptos::ev::MouseEvent| {
        if !sure.get_untracked() {
            event.prevent_default();
            sure.set(true);
        }
    };
    let buttons = move || {
        let id_field = move || view! { <input type="hidden" name="id" value=id.to_string() /> };
        match status.get() {
            JobStatus::Processing => view! {
                <CallForm action=cancel>
                    {id_field()} <button class="warn" disabled=move || cancel.pending().get()>
                        "Cancel"
                    </button>
                </CallForm>
            }
            .into_any(),
            status => view! {
                {(status == JobStatus::Completed)
                    .then(|| {
                        let size = job.with_untracked(|job| job.output_bytes.map(words::bytes));
                        let (comparable, openable) = job
                            .with_untracked(|job| {
                                (words::is_comparable(job), words::browsers_show(&job.result_filename))
                            });
                        view! {
                            {(comparable && has_original.get())
                                .then(|| {
                                    view! {
                                        <a
                                            class="button"
                                            href=move || {
                                                if comparing.get() {
                                                    at(&format!("/job/{id}"))
                                                } else {
                                                    at(&format!("/job/{id}?view=compare"))
                                                }
                                            }
                                        >
                                            {move || if comparing.get() { "Show tiles" } else { "Compare" }}
                                        </a>
                                    }
                                })}
                            {openable
                                .then(|| {
                                    view! {
                                        <a class="button" href=at(&format!("/job/{id}/result")) rel="external" target="_blank">
                                            "Open"
                                        </a>
                                    }
                                })}
                            <a class="button go" href=at(&format!("/download/{id}")) rel="external" download="">
                                {size.map_or_else(|| "Download".to_owned(), |size| format!("Download {size}"))}
                            </a>
                        }
                    })}
                {(status != JobStatus::Completed && has_original.get())
                    .then(|| {
                        view! {
                            <CallForm action=retry>
                                {id_field()}
                                <button class:go=move || !is_undecoded.get() disabled=move || retry.pending().get()>
                                    "Retry"
                                </button>
                            </CallForm>
                        }
                    })}
                <CallForm action=delete>
                    {id_field()}
                    <button
                        class="warn"
                        on:click=ask_first
                        on:blur=move |_| sure.set(false)
                        disabled=move || delete.pending().get()
                    >
                        {move || if sure.get() { "Delete for good" } else { "Delete" }}
                    </button>
                </CallForm>
            }
            .into_any(),
        }
    };
    view! {
        <div class="acts">{buttons}</div>
        {move || failure().map(|failure| view! { <FailureNotice failure /> })}
    }
    .into_any()
}
