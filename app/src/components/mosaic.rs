//! The mosaic: a job's progress as its picture. Unglazed where tiles wait, ochre in the kiln, the real pixels when
//! they are done, terracotta with a cross when dead, grout between.
//!
//! The picture is double-buffered: when the job tells of a new version, that is loaded into the hidden one of two
//! image elements, and when it is there both change over together with the tile states that belong to it.

use azulejo_protocol::{Job, JobId, TileState};
use leptos::prelude::*;

use super::tile_caption::TileCaption;
use crate::base::at;
use crate::mosaic::{Grid, Move, states};

/// One consistent view of a job: the states and the picture that belong together.
#[derive(Debug, Clone, PartialEq)]
struct Frame {
    version: u64,
    states: Vec<TileState>,
    /// Tiles that were not done in the frame before.
    landed: String,
}

impl Frame {
    fn of(job: &Job) -> Self {
        Self {
            version: job.mosaic_version,
            states: states(job),
            landed: String::new(),
        }
    }
}

/// The address of the picture of job `id`; none as long as nothing is done.
pub fn picture(id: JobId, version: u64, fit: Option<u32>) -> Option<String> {
    (version > 0).then(|| match fit {
        Some(fit) => at(&format!("/job/{id}/mosaic.png?v={version}&fit={fit}")),
        None => at(&format!("/job/{id}/mosaic.png?v={version}")),
    })
}

/// The mosaic of a job, with the tile under the pointer or the keyboard's focus explained below.
#[component]
pub fn MosaicFigure(
    /// The job.
    #[prop(into)]
    job: Signal<Job>,
) -> impl IntoView {
    let id = job.with_untracked(|job| job.job_id);
    let grid = job.with_untracked(Grid::of);
    let frame = RwSignal::new(job.with_untracked(Frame::of));
    // The two image elements, and which of them is shown. The first picture comes with the page; from then on the
    // elements' addresses are set where they are swapped.
    let first = picture(id, frame.with_untracked(|frame| frame.version), None);
    let images = [NodeRef::<leptos::svg::Image>::new(), NodeRef::new()];
    let back = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    swapping::start(job, frame, images, back);

    let focus = RwSignal::new(None::<u32>);
    let wall = NodeRef::<leptos::html::Div>::new();
    let point = move |event: leptos::ev::PointerEvent| {
        let Some(wall) = wall.get_untracked() else { return };
        let rect = wall.get_bounding_client_rect();
        let x = (f64::from(event.client_x()) - rect.left()) / rect.width();
        let y = (f64::from(event.client_y()) - rect.top()) / rect.height();
        focus.set(grid.at(x, y));
    };
    let press = move |event: leptos::ev::KeyboardEvent| {
        let step = match event.key().as_str() {
            "ArrowLeft" => Move::Left,
            "ArrowRight" => Move::Right,
            "ArrowUp" => Move::Up,
            "ArrowDown" => Move::Down,
            "Home" => Move::RowStart,
            "End" => Move::RowEnd,
            "Escape" => return focus.set(None),
            _ => return,
        };
        event.prevent_default();
        focus.update(|focus| *focus = Some(focus.map_or(0, |index| grid.step(index, step))));
    };

    let tiles = move |state: TileState| {
        Memo::new(move |_| frame.with(|frame| grid.path(&frame.states, |other| other == state)))
    };
    let (queued, flight, dead) = (
        tiles(TileState::Queued),
        tiles(TileState::InFlight),
        tiles(TileState::Dead),
    );
    let crosses = Memo::new(move |_| frame.with(|frame| grid.crosses(&frame.states)));
    let landed = Memo::new(move |_| frame.with(|frame| (frame.version, frame.landed.clone())));
    let label = move || {
        job.with(|job| {
            format!(
                "Mosaic of {} columns and {} rows: {} of {} tiles done",
                grid.columns(),
                grid.rows(),
                job.progress.completed,
                job.progress.total
            )
        })
    };
    let width = grid.width.to_string();
    let height = grid.height.to_string();
    let (picture_width, picture_height) = grid.picture();
    let layer = |which: usize, source: Option<String>| {
        view! {
            <image
                node_ref=images[which]
                class=move || if usize::from(back.get()) == which { "glazed" } else { "glazed off" }
                href=source
                width=picture_width
                height=picture_height
                preserveAspectRatio="none"
            />
        }
    };
    let layers = (layer(0, first), layer(1, None));

    view! {
        <figure class="mosaic-figure">
            <div
                class="wall"
                node_ref=wall
                tabindex="0"
                role="application"
                aria-roledescription="mosaic"
                aria-label="Tiles. Arrow keys go from tile to tile, Escape leaves"
                aria-describedby="tile-caption"
                on:pointermove=point
                on:pointerdown=point
                on:pointerleave=move |_| focus.set(None)
                on:keydown=press
            >
                <svg
                    class="mosaic"
                    viewBox=format!("0 0 {} {}", grid.width, grid.height)
                    // With these the style sheet can fit it into a box as it would an image.
                    width=width.clone()
                    height=height.clone()
                    role="img"
                    aria-label=label
                >
                    <rect class="paper" width=width.clone() height=height.clone() />
                    {layers.0}
                    {layers.1}
                    <path class="queued" d=move || queued.get() />
                    <path class="flight" d=move || flight.get() />
                    // A new element for every version, so that the fade begins anew.
                    {move || {
                        let (version, path) = landed.get();
                        let class = if version % 2 == 0 { "landing even" } else { "landing odd" };
                        view! { <path class=class d=path /> }
                    }}
                    <path class="dead" d=move || dead.get() />
                    <path class="cross" d=move || crosses.get() />
                    <path class=grid.grout_class() d=grid.grout() />
                    {move || {
                        focus
                            .get()
                            .map(|index| {
                                let (x, y, width, height) = grid.rect(index);
                                view! { <rect class="focus" x=x y=y width=width height=height /> }
                            })
                    }}
                </svg>
            </div>
            <TileCaption job=id grid states=Signal::derive(move || frame.with(|frame| frame.states.clone())) focus />
        </figure>
    }
    .into_any()
}

#[cfg(feature = "hydrate")]
mod swapping {
    use azulejo_protocol::{Job, TileState};
    use leptos::prelude::*;

    use super::{Frame, picture};
    use crate::browser::{decode, loaded, reduced_motion, sleep};
    use crate::mosaic::Grid;

    type Images = [NodeRef<leptos::svg::Image>; 2];

    /// Milliseconds until a picture that could not be loaded is tried again; twice as long each time.
    const FIRST_PAUSE: i32 = 300;
    const LONGEST_PAUSE: i32 = 5000;

    /// Follows `job`: a frame without a new picture is shown at once; one with a new picture when that has loaded.
    pub fn start(job: Signal<Job>, frame: RwSignal<Frame>, images: Images, back: RwSignal<bool>) {
        let loading = StoredValue::new(false);
        let waiting = StoredValue::new(None::<Box<Job>>);
        Effect::new(move |_| {
            let job = job.get();
            waiting.set_value(Some(Box::new(job)));
            if loading.get_value() {
                return;
            }
            loading.set_value(true);
            leptos::task::spawn_local(async move {
                let mut pause = FIRST_PAUSE;
                while let Some(job) = waiting.try_update_value(Option::take).flatten() {
                    if show(&job, frame, images, back).await {
                        pause = FIRST_PAUSE;
                        continue;
                    }
                    // The last picture of a job has no later event that would bring another chance.
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    waiting.try_update_value(|waiting| waiting.get_or_insert(job).job_id);
                }
                loading.try_set_value(false);
            });
        });
    }

    /// Shows `job` as it is; `false` when its picture could not be loaded.
    async fn show(job: &Job, frame: RwSignal<Frame>, images: Images, back: RwSignal<bool>) -> bool {
        let Some(version) = frame.try_with_untracked(|frame| frame.version) else {
            return true;
        };
        let mut next = Frame::of(job);
        if job.mosaic_version == version {
            // The same picture: tiles that are done since would be holes in it, so they stay as they were.
            let _ = frame.try_maybe_update(|frame| {
                for (new, old) in next.states.iter_mut().zip(&frame.states) {
                    if *new == TileState::Done {
                        *new = *old;
                    }
                }
                let changed = frame.states != next.states;
                if changed {
                    frame.states = std::mem::take(&mut next.states);
                }
                (changed, ())
            });
            return true;
        }
        let swaps = match picture(job.job_id, job.mosaic_version, None) {
            Some(address) => {
                let Some(was_back) = back.try_get_untracked() else {
                    return true;
                };
                // Shown without the picture it would be a hole.
                if !load_hidden(&address, images[usize::from(!was_back)]).await {
                    return false;
                }
                true
            }
            None => false,
        };
        let grid = Grid::of(job);
        frame.try_update(|frame| {
            if !reduced_motion() && frame.states.len() == next.states.len() {
                let landed: Vec<bool> = frame
                    .states
                    .iter()
                    .zip(&next.states)
                    .map(|(old, new)| *old != TileState::Done && *new == TileState::Done)
                    .collect();
                next.landed = grid.path(&landed, |landed| landed);
            }
            *frame = next;
        });
        if swaps {
            back.try_update(|back| *back = !*back);
        }
        true
    }

    /// Puts the picture at `address` into the hidden image element; whether it is there to be shown.
    async fn load_hidden(address: &str, image: NodeRef<leptos::svg::Image>) -> bool {
        let Some(decoded) = decode(address).await else {
            return false;
        };
        let Some(Some(image)) = image.try_get_untracked() else {
            return false;
        };
        // An attribute of a fixed name can be set.
        let _ = image.set_attribute("href", address);
        loaded(&image).await;
        // A few frames for the hidden element to paint in.
        sleep(60).await;
        drop(decoded);
        true
    }
}
