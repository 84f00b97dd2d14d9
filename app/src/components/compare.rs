//! Original and result in one picture, with a split that can be dragged, or moved by keyboard: it is a range input
//! that covers the picture. Where the result has another shape than the original, they stand side by side.

use azulejo_protocol::Job;
use leptos::prelude::*;

use super::mosaic::picture;
use crate::base::at;
use crate::mosaic::Grid;
use crate::words;

/// How far an arrow key moves the split, as a share of the width.
const KEY_STEP: f64 = 0.05;

/// Results of more pixels are shown scaled down.
const MOST_PIXELS: u64 = 40_000_000;

/// A picture, and the rectangle that it covers, in pixels of the result.
struct Shown {
    address: String,
    width: u32,
    height: u32,
}

/// The result itself, where a browser shows such a file and it is not too large; else the mosaic.
fn result_of(job: &Job) -> Shown {
    let size = job.output_size;
    if words::browsers_show(&job.result_filename) && size.pixels() <= MOST_PIXELS {
        return Shown {
            address: at(&format!("/job/{}/result", job.job_id)),
            width: size.width,
            height: size.height,
        };
    }
    let (width, height) = Grid::of(job).picture();
    Shown {
        address: picture(job.job_id, job.mosaic_version, None).unwrap_or_default(),
        width,
        height,
    }
}

/// The comparison of a completed job.
#[component]
pub fn Compare(
    /// The job.
    job: Job,
) -> impl IntoView {
    let original = at(&format!("/job/{}/original", job.job_id));
    let result = result_of(&job);
    if job.input_size == job.output_size {
        let (width, height) = (job.output_size.width, job.output_size.height);
        view! {
            <figure class="compare">
                <Split width height original result />
                <figcaption>
                    <span class="hint">"Drag the line, or move it with the arrow keys."</span>
                </figcaption>
            </figure>
        }
        .into_any()
    } else {
        view! {
            <div class="compare side">
                <figure>
                    <img src=original alt="Original" width=job.input_size.width height=job.input_size.height />
                    <figcaption>{format!("original, {} × {}", job.input_size.width, job.input_size.height)}</figcaption>
                </figure>
                <figure>
                    <img src=result.address alt="Result" width=result.width height=result.height />
                    <figcaption>{format!("result, {} × {}", job.output_size.width, job.output_size.height)}</figcaption>
                </figure>
            </div>
        }
        .into_any()
    }
}

/// The picture with the split.
#[component]
fn Split(width: u32, height: u32, original: String, result: Shown) -> impl IntoView {
    let share = RwSignal::new(0.5_f64);
    let x = move || format!("{:.1}", share.get() * f64::from(width));
    let right = move || format!("{:.1}", (1.0 - share.get()) * f64::from(width));
    let knob = f64::from(width) / 60.0;
    // A step of the range is a thousandth, for the pointer; the arrow keys go fifty times as far.
    let press = move |event: leptos::ev::KeyboardEvent| {
        let by = match event.key().as_str() {
            "ArrowLeft" | "ArrowDown" => -KEY_STEP,
            "ArrowRight" | "ArrowUp" => KEY_STEP,
            "PageDown" => -4.0 * KEY_STEP,
            "PageUp" => 4.0 * KEY_STEP,
            _ => return,
        };
        event.prevent_default();
        let fine = if event.shift_key() { 0.1 } else { 1.0 };
        share.update(|share| *share = (*share + by * fine).clamp(0.0, 1.0));
    };
    view! {
        <div class="split">
            <svg viewBox=format!("0 0 {width} {height}") width=width height=height role="img" aria-label="Original on the left, result on the right">
                <defs>
                    <clipPath id="split-right">
                        <rect x=x width=right height=height />
                    </clipPath>
                </defs>
                <rect class="paper" width=width height=height />
                <image href=original width=width height=height preserveAspectRatio="none" />
                <g clip-path="url(#split-right)">
                    <rect class="paper" width=width height=height />
                    <image href=result.address width=result.width height=result.height preserveAspectRatio="none" />
                </g>
                <path class="line" d=move || format!("M{} 0V{height}", x()) />
                <g class="knob" transform=move || format!("translate({} {})", x(), height / 2)>
                    <circle r=knob />
                    <path d=format!(
                        "M{0} -{1}L-{2} 0L{0} {1}M{3} -{1}L{4} 0L{3} {1}",
                        -knob * 0.25,
                        knob * 0.4,
                        knob * 0.6,
                        knob * 0.25,
                        knob * 0.6,
                    ) />
                </g>
            </svg>
            <input
                type="range"
                min="0"
                max="1000"
                value="500"
                prop:value=move || (share.get() * 1000.0).round()
                aria-label="Split between original and result"
                aria-valuetext=move || format!("original {:.0} %", share.get() * 100.0)
                on:keydown=press
                on:input=move |event| {
                    if let Ok(value) = event_target_value(&event).parse::<f64>() {
                        share.set(value / 1000.0);
                    }
                }
            />
            <span class="tag left">"original"</span>
            <span class="tag right">"result"</span>
        </div>
    }
    .into_any()
}
