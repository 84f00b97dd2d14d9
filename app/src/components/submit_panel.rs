//! The end of the Studio's rail: the estimate, the one button, and the upload while it runs.

use leptos::prelude::*;

use crate::estimate::Estimate;
use crate::failure::Failure;
use crate::words;

use super::{FailureNotice, Sending, UploadControls, UploadProgress};

/// Where the way from the button to the job stands.
#[cfg_attr(
    not(feature = "hydrate"),
    allow(dead_code, reason = "used in the browser only")
)]
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Nothing has begun.
    Idle,
    /// Bytes go to the server.
    Uploading(Sending),
    /// The file is there; the server starts the job.
    Starting,
    /// It did not work.
    Failed(Failure),
}

impl Phase {
    /// The phase without what changes during an upload.
    fn kind(&self) -> Self {
        match self {
            Self::Uploading(_) => Self::Uploading(Sending::nothing()),
            other => other.clone(),
        }
    }

    /// Whether the person has to wait.
    pub const fn is_busy(&self) -> bool {
        matches!(self, Self::Uploading(..) | Self::Starting)
    }
}

/// Why tiles are smaller than usual.
const SMALLER: &str =
    "With this recipe a tile needs much of the picture, and what it needs has to fit one record.";

/// What is said in place of seconds.
const UNMEASURED: &str = "How long it takes was not measured yet.";

fn tiles(count: u32, smaller: Option<u32>) -> String {
    let noun = if count == 1 { "tile" } else { "tiles" };
    smaller.map_or_else(|| noun.to_owned(), |side| format!("{noun} of {side} px"))
}

/// What is said of the jobs before this one.
fn after(seconds: f64) -> String {
    format!("after about {} of other jobs", words::roughly(seconds))
}

/// Estimate, button, progress.
#[component]
pub fn SubmitPanel(
    /// The estimate, once there is a picture; or why there would be no result.
    #[prop(into)]
    estimate: Signal<Option<Result<Estimate, String>>>,
    /// How many workers there are.
    #[prop(into)]
    workers: Signal<u32>,
    /// What speaks against the picture.
    #[prop(into)]
    objection: Signal<Option<String>>,
    /// Whether the recipe is one. What is wrong with it is said where it is written.
    #[prop(into)]
    is_recipe: Signal<bool>,
    /// Pictures that are processed at once.
    #[prop(into)]
    pictures: Signal<usize>,
    /// Where it stands.
    #[prop(into)]
    phase: Signal<Phase>,
    /// What can be done about the upload.
    controls: UploadControls,
) -> impl IntoView {
    let problem = move || {
        objection.get().or_else(|| {
            estimate
                .get()
                .and_then(Result::err)
                .map(|reason| words::sentence(&reason))
        })
    };
    // Its size is that of the result.
    let is_cut =
        move || phase.with(|phase| matches!(phase, Phase::Failed(failure) if failure.0.code == "upload_cut"));
    // While an upload runs only its figures change: its buttons stay the same.
    let shown = Memo::new(move |_| phase.with(Phase::kind));
    let sending = Memo::new(move |before: Option<&Sending>| {
        let now = phase.with(|phase| match phase {
            Phase::Uploading(sending) => Some(sending.clone()),
            _ => None,
        });
        now.or_else(|| before.cloned()).unwrap_or_else(Sending::nothing)
    });
    let label = move || match (pictures.get(), estimate.get()) {
        _ if is_cut() => "Resume".to_owned(),
        (2.., _) => format!("Process {} pictures", pictures.get()),
        (_, Some(Ok(Estimate { output, .. }))) => {
            format!("Process to {} × {}", output.width, output.height)
        }
        _ => "Process".to_owned(),
    };
    view! {
        <section class="submit" aria-label="Estimate">
            {move || {
                estimate
                    .get()
                    .and_then(Result::ok)
                    .map(|estimate| {
                        view! {
                            <dl class="estimate">
                                <div>
                                    <dt title=estimate.smaller.map(|_| SMALLER)>
                                        {tiles(estimate.tiles, estimate.smaller)}
                                    </dt>
                                    <dd>{estimate.tiles}</dd>
                                </div>
                                <div>
                                    <dt>"through Kafka"</dt>
                                    <dd>{words::bytes(estimate.bytes)}</dd>
                                </div>
                                <div>
                                    <dt>
                                        {match workers.get() {
                                            0 => "no worker yet".to_owned(),
                                            count => format!("on {}", words::plural(u64::from(count), "worker")),
                                        }}
                                    </dt>
                                    <dd>
                                        {match (workers.get(), estimate.seconds) {
                                            (1.., Some(seconds)) => format!("≈ {}", words::roughly(seconds)),
                                            _ => "–".to_owned(),
                                        }}
                                    </dd>
                                </div>
                            </dl>
                            {(workers.get() > 0 && estimate.seconds.is_none()).then(|| view! { <p class="quiet">{UNMEASURED}</p> })}
                            {estimate.ahead.map(|ahead| view! { <p class="quiet">{after(ahead)}</p> })}
                        }
                    })
            }}
            <p class="error" role="alert">
                {problem}
            </p>
            <button
                type="submit"
                class="go wide"
                disabled=move || phase.with(Phase::is_busy) || problem().is_some() || !is_recipe.get()
                hidden=move || phase.with(Phase::is_busy)
            >
                {label}
            </button>
            {move || match shown.get() {
                Phase::Idle => ().into_any(),
                Phase::Failed(failure) => view! { <FailureNotice failure /> }.into_any(),
                Phase::Starting => {
                    view! {
                        <div class="uploading">
                            <progress aria-label="Starting the job"></progress>
                            <p role="status">"Starting the job"</p>
                        </div>
                    }
                        .into_any()
                }
                Phase::Uploading(_) => view! { <UploadProgress sending controls /> }.into_any(),
            }}
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_before_this_one_are_told_in_plain_words() {
        assert_eq!(after(40.0), "after about 40 s of other jobs");
        assert_eq!(after(600.0), "after about 10 min of other jobs");
    }
}
