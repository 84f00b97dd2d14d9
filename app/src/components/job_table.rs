//! Rows of jobs: a small mosaic, name, recipe, progress, rate, age, state.

use azulejo_protocol::{Job, JobStatus, TileState};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::mosaic::picture;
use crate::base::at;
use crate::clock::Ago;
use crate::mosaic::{Counts, Grid, states};
use crate::recipe_words;
use crate::words;

/// The class of a state's dot, which is always beside the word.
pub const fn status_class(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Processing => "dot flight",
        JobStatus::Completed => "dot done",
        JobStatus::Failed => "dot dead",
        JobStatus::Cancelled => "dot off",
    }
}

/// The job's picture in 48 pixels.
#[component]
fn Thumbnail(
    /// The job.
    #[prop(into)]
    job: Signal<Job>,
) -> impl IntoView {
    let view = Memo::new(move |_| {
        job.with(|job| {
            let grid = Grid::of(job);
            // Beyond this, tiles are smaller than a pixel and the picture says it all.
            let told = if grid.count() <= 4096 {
                states(job)
            } else {
                Vec::new()
            };
            let side = grid.width.max(grid.height);
            (
                format!(
                    "{} {} {side} {side}",
                    (i64::from(grid.width) - i64::from(side)) / 2,
                    (i64::from(grid.height) - i64::from(side)) / 2
                ),
                grid,
                [TileState::Queued, TileState::InFlight, TileState::Dead]
                    .map(|state| grid.path(&told, |other| other == state)),
                picture(job.job_id, job.mosaic_version, Some(96)),
            )
        })
    });
    move || {
        let (frame, grid, [queued, flight, dead], source) = view.get();
        let (width, height) = grid.picture();
        view! {
            <svg class="thumbnail" viewBox=frame aria-hidden="true">
                <rect class="biscuit" width=grid.width height=grid.height />
                {source
                    .map(|source| {
                        view! {
                            <image href=source width=width height=height preserveAspectRatio="none" />
                        }
                    })}
                <path class="queued" d=queued />
                <path class="flight" d=flight />
                <path class="dead" d=dead />
                {(grid.columns().max(grid.rows()) <= 8).then(|| view! { <path class="grout fine" d=grid.grout() /> })}
            </svg>
        }
    }
}

/// A table of jobs, or the words for when there are none.
#[component]
pub fn JobTable(
    /// The jobs, in order.
    #[prop(into)]
    jobs: Signal<Vec<Job>>,
) -> impl IntoView {
    view! {
        <table class="jobs">
            <thead>
                <tr>
                    <th scope="col" colspan="2">
                        "Picture"
                    </th>
                    <th scope="col">"Recipe"</th>
                    <th scope="col">"Progress"</th>
                    <th scope="col" class="number">
                        "Rate"
                    </th>
                    <th scope="col">"Age"</th>
                    <th scope="col">"State"</th>
                </tr>
            </thead>
            <tbody>
                <For each=move || jobs.get() key=|job| job.job_id let:job>
                    <JobRow first=job jobs />
                </For>
            </tbody>
        </table>
    }
    .into_any()
}

#[component]
fn JobRow(first: Job, jobs: Signal<Vec<Job>>) -> impl IntoView {
    let id = first.job_id;
    let name = first.original_filename.clone();
    let recipe = recipe_words::sentence(&first.transformation);
    let text = first.transformation.clone();
    let size = format!("{} × {}", first.output_size.width, first.output_size.height);
    let created = first.created_at;
    // The row stays as long as the job does; only what changes in it is drawn anew.
    let job = Memo::new(move |before: Option<&Job>| {
        jobs.with(|jobs| jobs.iter().find(|job| job.job_id == id).cloned())
            .or_else(|| before.cloned())
            .unwrap_or_else(|| first.clone())
    });
    let rate = move || {
        job.with(|job| match job.tiles_per_second {
            rate if rate > 0.0 => words::rate(f64::from(rate)),
            _ => "–".to_owned(),
        })
    };
    // The whole row leads to the job. The name is the link: a link cannot be stretched over a row in every browser.
    let navigate = use_navigate();
    let follow = move |event: leptos::ev::MouseEvent| {
        let with_key = event.ctrl_key() || event.meta_key() || event.shift_key();
        let target = event_target::<web_sys::Element>(&event);
        let on_link = target.closest("a").is_ok_and(|link| link.is_some());
        if !with_key && !on_link {
            navigate(&format!("/job/{id}"), Default::default());
        }
    };
    view! {
        <tr on:click=follow>
            <td class="picture">
                <Thumbnail job />
            </td>
            <th scope="row">
                <a href=at(&format!("/job/{id}"))>{name}</a>
                <small>{size}</small>
            </th>
            <td class="recipe" title=text>
                {recipe}
            </td>
            <td class="progress">
                <Bar job />
                <small>
                    {move || {
                        job.with(|job| {
                            format!("{} of {}", job.progress.completed, words::plural(u64::from(job.progress.total), "tile"))
                        })
                    }}
                </small>
            </td>
            <td class="number rate">{rate}</td>
            <td class="age">
                <Ago time=created />
            </td>
            <td class="status">
                <span class=move || status_class(job.with(|job| job.status))></span>
                {move || job.with(|job| job.status.name())}
            </td>
        </tr>
    }
    .into_any()
}

/// The bar in three colours, as on the job's page.
#[component]
fn Bar(#[prop(into)] job: Signal<Job>) -> impl IntoView {
    let parts = Memo::new(move |_| {
        job.with(|job| {
            let counts = Counts::of(job);
            let share = |count: u32| f64::from(count) * 100.0 / f64::from(counts.total().max(1));
            (share(counts.done), share(counts.in_flight), share(counts.dead))
        })
    });
    let number = |value: f64| format!("{value:.2}");
    view! {
        <svg class="bar-line" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
            <rect class="rest" width="100" height="1" />
            <rect class="done" width=move || number(parts.get().0) height="1" />
            <rect class="flight" x=move || number(parts.get().0) width=move || number(parts.get().1) height="1" />
            <rect
                class="dead"
                x=move || number(parts.get().0 + parts.get().1)
                width=move || number(parts.get().2)
                height="1"
            />
        </svg>
    }
    .into_any()
}
