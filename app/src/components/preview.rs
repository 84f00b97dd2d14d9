//! The picture in the Studio, before and after, rendered in the browser by the kernels that the workers run.

use azulejo_imaging::Encoding;
use leptos::prelude::*;

use crate::claim::Claim;
use crate::picked::Decoded;
use crate::previewing::{Engine, Mode};
use crate::words;

/// Beyond so many the whole is not rendered at once.
const MOST_FITTED: u64 = 16_000_000;
/// How near the pointer takes hold of the split, pixels.
const REACH: f64 = 24.0;
/// How far an arrow key goes, pixels.
const STEP: f64 = 64.0;

/// What the pointer does while it is down.
#[derive(Debug, Clone, Copy)]
enum Drag {
    Split,
    /// From this point of the screen and this corner of the view.
    Pan {
        from: (f64, f64),
        corner: (f64, f64),
    },
}

/// The canvas with its split, and the tools below.
#[component]
pub fn Preview(
    /// The preview's engine.
    engine: Engine,
    /// The picture.
    picture: Decoded,
    /// The kind of file of the result.
    file: RwSignal<Option<Encoding>>,
) -> impl IntoView {
    let drag = RwSignal::new(None::<Drag>);
    let pixels = picture.size.pixels();
    let shown = engine.shown;
    let compares = Memo::new(move |_| shown.with(|shown| shown.as_ref().is_some_and(|shown| shown.compares)));
    let scale = move || {
        engine.canvas.get_untracked().map_or(1.0, |canvas| {
            f64::from(canvas.width()) / canvas.get_bounding_client_rect().width().max(1.0)
        })
    };
    let share_at = move |client_x: i32| {
        engine.canvas.get_untracked().map_or(0.5, |canvas| {
            let rect = canvas.get_bounding_client_rect();
            ((f64::from(client_x) - rect.left()) / rect.width().max(1.0)).clamp(0.0, 1.0)
        })
    };
    let down = move |event: leptos::ev::PointerEvent| {
        let Some(canvas) = engine.canvas.get_untracked() else {
            return;
        };
        let distance = (share_at(event.client_x()) - engine.split.get_untracked()).abs()
            * canvas.get_bounding_client_rect().width();
        let mode = engine.mode.get_untracked();
        let takes_split = mode != Mode::SideBySide && compares.get_untracked();
        drag.set(if takes_split && (distance < REACH || mode == Mode::Fit) {
            Some(Drag::Split)
        } else {
            let corner = shown.with_untracked(|shown| {
                shown
                    .as_ref()
                    .map(|shown| (f64::from(shown.left), f64::from(shown.top)))
            });
            corner.map(|corner| Drag::Pan {
                from: (f64::from(event.client_x()), f64::from(event.client_y())),
                corner,
            })
        });
        // Without capture the drag ends at the canvas' edge, no worse.
        let _ = canvas.set_pointer_capture(event.pointer_id());
    };
    let moved = move |event: leptos::ev::PointerEvent| match drag.get_untracked() {
        Some(Drag::Split) => engine.split.set(share_at(event.client_x())),
        Some(Drag::Pan { from, corner }) => {
            let by = scale();
            engine.corner.set((
                corner.0 - (f64::from(event.client_x()) - from.0) * by,
                corner.1 - (f64::from(event.client_y()) - from.1) * by,
            ));
        }
        None => (),
    };
    let press = move |event: leptos::ev::KeyboardEvent| {
        let (x, y) = match event.key().as_str() {
            "ArrowLeft" => (-STEP, 0.0),
            "ArrowRight" => (STEP, 0.0),
            "ArrowUp" => (0.0, -STEP),
            "ArrowDown" => (0.0, STEP),
            _ => return,
        };
        event.prevent_default();
        if let Some(shown) = shown.get_untracked() {
            engine
                .corner
                .set((f64::from(shown.left) + x, f64::from(shown.top) + y));
        }
    };
    let tool = move |mode: Mode, label: &'static str, disabled: bool| {
        view! {
            <button
                type="button"
                aria-pressed=move || (engine.mode.get() == mode).to_string()
                disabled=disabled
                title=disabled.then_some("This picture is too large to be rendered whole in the browser")
                on:click=move |_| engine.mode.set(mode)
            >
                {label}
            </button>
        }
    };
    // Of the kind of file that is chosen, else of the one that the server makes of this picture.
    let claim = move || {
        let rendered = shown.with(|shown| shown.as_ref().map(|shown| shown.rendered))?;
        let usual = || picture.kind.usual_result(rendered.size, rendered.format);
        Claim::of(rendered, file.get().unwrap_or_else(|| usual().into()))
    };
    let tag = move || {
        let is_valid = engine
            .recipe
            .with(|text| azulejo_imaging::Recipe::parse(text).is_ok());
        match engine.mode.get() {
            _ if engine.error.with(Option::is_some) || !is_valid => {
                "preview · of the recipe before".to_owned()
            }
            _ if !engine.is_current() => "rendering in this browser".to_owned(),
            Mode::Fit => "preview · scaled down".to_owned(),
            _ => match claim() {
                Some(claim) => format!("preview · 1:1 · {}", claim.words()),
                None => "preview · 1:1".to_owned(),
            },
        }
    };
    view! {
        <div class="preview">
            <div class="split" class:plain=move || !compares.get()>
                // The size of the stage until the first part is rendered, so that nothing jumps.
                <canvas
                    node_ref=engine.canvas
                    width="1152"
                    height="768"
                    tabindex="0"
                    role="img"
                    aria-label="Original on the left, preview of the result on the right. Arrow keys move the part that is shown"
                    on:pointerdown=down
                    on:pointermove=moved
                    on:pointerup=move |_| drag.set(None)
                    on:pointercancel=move |_| drag.set(None)
                    on:keydown=press
                ></canvas>
                {move || compares.get().then(|| view! { <span class="tag left">"original"</span> })}
                <span class="tag right">{tag}</span>
            </div>
            <div class="tools">
                {tool(Mode::Fit, "Fit", pixels > MOST_FITTED)}
                {tool(Mode::OneToOne, "1:1", false)}
                {tool(Mode::SideBySide, "Side by side", false)}
                {move || {
                    (compares.get() && engine.mode.get() != Mode::SideBySide)
                        .then(|| {
                            view! {
                                <label class="split-slider">
                                    <span class="visually-hidden">"Split between original and preview"</span>
                                    <input
                                        type="range"
                                        min="0"
                                        max="1000"
                                        prop:value=move || (engine.split.get() * 1000.0).round()
                                        on:input=move |event| {
                                            if let Ok(value) = event_target_value(&event).parse::<f64>() {
                                                engine.split.set(value / 1000.0);
                                            }
                                        }
                                    />
                                </label>
                            }
                        })
                }}
                <span class="took mono">
                    {move || {
                        engine
                            .error
                            .get()
                            .map(|error| words::sentence(&error))
                            .or_else(|| {
                                shown
                                    .with(|shown| {
                                        shown
                                            .as_ref()
                                            .map(|shown| {
                                                format!("{} in this browser", words::milliseconds(shown.milliseconds))
                                            })
                                    })
                            })
                    }}
                </span>
            </div>
        </div>
    }
    .into_any()
}
