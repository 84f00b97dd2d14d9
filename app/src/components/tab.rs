//! The tab of a job: its title and its icon fill up while the job runs.

use azulejo_protocol::{Job, JobStatus};
use leptos::prelude::*;
use leptos_meta::Title;

#[cfg(feature = "hydrate")]
use crate::base::at;
use crate::recipe_words;

/// The title: `61 % blur σ 6 · Azulejo`.
fn title(job: &Job) -> String {
    let recipe = recipe_words::sentence(&job.transformation);
    let total = u64::from(job.progress.total.max(1));
    match job.status {
        JobStatus::Processing => {
            format!(
                "{} % {recipe} · Azulejo",
                u64::from(job.progress.completed) * 100 / total
            )
        }
        JobStatus::Completed => format!("{recipe} · Azulejo"),
        status => format!("{status}: {recipe} · Azulejo"),
    }
}

/// The icon as a data address: sixteen tiles, glazed as far as the job is. Colours are fixed, since an icon does not
/// see the style sheet.
#[cfg_attr(
    not(feature = "hydrate"),
    allow(dead_code, reason = "used in the browser only")
)]
pub fn icon(job: &Job) -> Option<String> {
    if job.status == JobStatus::Completed {
        return None;
    }
    let total = u64::from(job.progress.total.max(1));
    let glazed = u64::from(job.progress.completed) * 16 / total;
    let tiles = |range: std::ops::Range<u64>| {
        range
            .map(|n| format!("M{} {}h7v7h-7z", n % 4 * 8, n / 4 * 8))
            .collect::<String>()
    };
    let glaze = if job.status == JobStatus::Processing {
        "%231d47b8"
    } else {
        "%23b8452a"
    };
    Some(format!(
        "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 31 31'>\
         <path fill='{glaze}' d='{}'/><path fill='%23cfc4b2' d='{}'/></svg>",
        tiles(0..glazed),
        tiles(glazed..16)
    ))
}

/// Keeps title and icon up to date; the icon is the plain one again when the page is left.
#[component]
pub fn TabProgress(
    /// The job.
    #[prop(into)]
    job: Signal<Job>,
) -> impl IntoView {
    #[cfg(feature = "hydrate")]
    {
        let icon = Memo::new(move |_| job.with(icon));
        Effect::new(move |_| set_icon(icon.get().as_deref()));
        on_cleanup(|| set_icon(None));
    }
    view! { <Title text=move || job.with(title) /> }
}

#[cfg(feature = "hydrate")]
fn set_icon(address: Option<&str>) {
    if let Ok(Some(link)) = document().query_selector("link[rel=icon]") {
        // Setting an attribute of a fixed name does not fail.
        let _ = link.set_attribute("href", address.unwrap_or(&at("/favicon.svg")));
    }
}
