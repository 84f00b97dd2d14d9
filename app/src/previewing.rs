//! The preview's side of the Web Worker, which decodes and renders: which part of the result is wanted, what came back, and how it
//! is drawn.
//!
//! One request is under way at a time; what is wanted meanwhile is asked for when the answer is there, so a slider that
//! is dragged never piles up work.

use azulejo_imaging::{FileKind, Size};
use js_sys::{Object, Reflect, Uint8ClampedArray};
use leptos::html::Canvas;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{Blob, ImageData, MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::base::at;
use crate::claim::Rendered;
use crate::picked::{Decoded, Picked, Sight};
use crate::preview_canvas::{GAP, paint};

/// How the preview is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The whole picture, scaled down.
    Fit,
    /// A pixel of the result for a pixel of the screen.
    OneToOne,
    /// The same, original and result side by side.
    SideBySide,
}

/// What is shown at the moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Which request it answers.
    pub serial: u32,
    /// Where the part lies in the result.
    pub left: u32,
    /// Where the part lies in the result.
    pub top: u32,
    /// What was rendered.
    pub rendered: Rendered,
    /// What rendering took.
    pub milliseconds: f64,
    /// Whether there is an original of the same shape.
    pub compares: bool,
}

type Images = (ImageData, Option<ImageData>);
type Listeners = (Closure<dyn Fn(MessageEvent)>, Closure<dyn Fn(web_sys::Event)>);

/// The preview of one picture.
#[derive(Clone, Copy)]
pub struct Engine {
    worker: StoredValue<Option<Worker>, LocalStorage>,
    listeners: StoredValue<Option<Listeners>, LocalStorage>,
    images: StoredValue<Option<Images>, LocalStorage>,
    is_busy: StoredValue<bool>,
    is_wanted: StoredValue<bool>,
    /// Counts what was wanted: another recipe, part, mode, size of the window or picture.
    wanted: RwSignal<u32>,
    /// The first that was wanted of this picture; answers to earlier ones are of another.
    opened: StoredValue<u32>,
    /// Where the canvas is.
    pub canvas: NodeRef<Canvas>,
    /// The picture: what came of decoding it is noted there.
    picked: RwSignal<Option<Picked>>,
    /// The recipe.
    pub recipe: RwSignal<String>,
    /// How it is looked at.
    pub mode: RwSignal<Mode>,
    /// The top left corner that is wanted at 1:1.
    pub corner: RwSignal<(f64, f64)>,
    /// Where the split is, from 0 to 1.
    pub split: RwSignal<f64>,
    /// What is shown, once something is.
    pub shown: RwSignal<Option<Shown>>,
    /// Why nothing can be shown.
    pub error: RwSignal<Option<String>>,
}

impl Engine {
    /// An engine for `recipe`, which must parse for a view to be asked for, on the picture in `picked`.
    pub fn new(recipe: RwSignal<String>, picked: RwSignal<Option<Picked>>) -> Self {
        let engine = Self {
            worker: StoredValue::new_local(None),
            listeners: StoredValue::new_local(None),
            images: StoredValue::new_local(None),
            is_busy: StoredValue::new(false),
            is_wanted: StoredValue::new(false),
            wanted: RwSignal::new(0),
            opened: StoredValue::new(0),
            canvas: NodeRef::new(),
            picked,
            recipe,
            mode: RwSignal::new(Mode::OneToOne),
            corner: RwSignal::new((0.0, 0.0)),
            split: RwSignal::new(0.5),
            shown: RwSignal::new(None),
            error: RwSignal::new(None),
        };
        let on_resize = window_event_listener(leptos::ev::resize, move |_| engine.want());
        on_cleanup(move || {
            on_resize.remove();
            engine.close();
        });
        Effect::new(move |_| {
            recipe.track();
            engine.mode.track();
            engine.corner.track();
            engine.want();
        });
        Effect::new(move |_| {
            engine.split.track();
            engine.shown.track();
            engine.canvas.track();
            engine.draw();
        });
        engine
    }

    /// Takes up another picture, which is the one in `picked`: has it decoded.
    pub fn open(self, file: &Blob) {
        self.shown.set(None);
        self.error.set(None);
        self.images.set_value(None);
        self.is_busy.set_value(false);
        self.is_wanted.set_value(false);
        if self.worker.with_value(Option::is_none) && !self.start() {
            return self.see(Sight::Unseen("this browser cannot run the preview".to_owned()));
        }
        self.wanted.update(|wanted| *wanted += 1);
        let serial = self.wanted.get_untracked();
        self.opened.set_value(serial);
        let message = Object::new();
        put(&message, "file", file);
        let page = self
            .picked
            .with_untracked(|picked| picked.as_ref().and_then(|picked| picked.page));
        if let Some(page) = page {
            put(&message, "page", &page.into());
        }
        put(&message, "serial", &serial.into());
        self.post(&message);
    }

    /// Notes what came of the picture.
    fn see(self, sight: Sight) {
        self.picked.update(|picked| {
            if let Some(picked) = picked {
                picked.sight = sight;
            }
        });
    }

    /// What the Web Worker says of the picture itself: shows its middle first.
    fn seen(self, answer: &JsValue) {
        let sight = read_sight(answer);
        let decoded = match sight {
            Sight::Decoded(decoded) => Some(decoded),
            _ => None,
        };
        self.see(sight);
        if let Some(Decoded { size, .. }) = decoded {
            let (width, height) = view_size();
            let middle = |all: u32, shown: u32| (f64::from(all) - f64::from(shown)).max(0.0) / 2.0;
            self.corner
                .set((middle(size.width, width), middle(size.height, height)));
        }
    }

    /// Whether what is on the screen is what is wanted now.
    pub fn is_current(self) -> bool {
        let wanted = self.wanted.get();
        self.error.with(Option::is_none)
            && self
                .shown
                .with(|shown| shown.as_ref().is_some_and(|shown| shown.serial == wanted))
    }

    /// Ends the Web Worker.
    pub fn close(self) {
        if let Some(worker) = self.worker.try_update_value(Option::take).flatten() {
            worker.terminate();
        }
        self.listeners.try_set_value(None);
    }

    fn start(self) -> bool {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let Ok(worker) = Worker::new_with_options(&at("/preview-worker.js"), &options) else {
            return false;
        };
        let receive =
            Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| self.receive(&event.data()));
        worker.set_onmessage(Some(receive.as_ref().unchecked_ref()));
        // Its script did not load: what goes wrong in it later it says itself.
        let fail = Closure::<dyn Fn(web_sys::Event)>::new(move |_| {
            self.worker.try_update_value(Option::take);
            self.see(Sight::Unseen("the preview could not be loaded".to_owned()));
        });
        worker.set_onerror(Some(fail.as_ref().unchecked_ref()));
        self.worker.set_value(Some(worker));
        self.listeners.set_value(Some((receive, fail)));
        true
    }

    fn post(self, message: &Object) {
        self.worker.with_value(|worker| {
            if let Some(worker) = worker {
                // Plain objects and files can be cloned.
                let _ = worker.post_message(message);
            }
        });
    }

    /// Asks for the view that is wanted now, or as soon as the one under way is there.
    pub fn want(self) {
        let is_decoded =
            |picked: &Option<Picked>| picked.as_ref().is_some_and(|picked| picked.decoded().is_some());
        if !self.picked.with_untracked(is_decoded) || stage().is_none() {
            return;
        }
        self.wanted.update(|wanted| *wanted += 1);
        self.ask();
    }

    fn ask(self) {
        if self.is_busy.get_value() {
            return self.is_wanted.set_value(true);
        }
        let recipe = self.recipe.get_untracked();
        if azulejo_imaging::Recipe::parse(&recipe).is_err() {
            return;
        }
        let (width, height) = view_size();
        // Nothing is in view, in a window that is being folded away for instance; its next size brings another chance.
        if width == 0 || height == 0 {
            return;
        }
        let mode = self.mode.get_untracked();
        let width = if mode == Mode::SideBySide {
            (width - GAP.min(width)) / 2
        } else {
            width
        };
        let (left, top) = self.corner.get_untracked();
        let message = Object::new();
        put(&message, "serial", &self.wanted.get_untracked().into());
        put(&message, "recipe", &recipe.into());
        put(&message, "left", &left.into());
        put(&message, "top", &top.into());
        put(&message, "width", &width.into());
        put(&message, "height", &height.into());
        put(&message, "fit", &(mode == Mode::Fit).into());
        self.is_busy.set_value(true);
        self.is_wanted.set_value(false);
        self.post(&message);
    }

    fn receive(self, answer: &JsValue) {
        if self.shown.is_disposed() {
            return;
        }
        let serial = Reflect::get(answer, &"serial".into()).ok();
        let serial = serial.and_then(|serial| serial.as_f64()).unwrap_or(0.0) as u32;
        let opened = self.opened.get_value();
        if serial < opened {
            return;
        }
        // Views are counted on from there.
        if serial == opened {
            return self.seen(answer);
        }
        self.is_busy.set_value(false);
        match self.read(serial, answer) {
            Ok(shown) => {
                self.error.set(None);
                self.shown.set(Some(shown));
            }
            Err(error) => self.error.set(Some(error)),
        }
        if self.is_wanted.get_value() {
            self.ask();
        }
    }

    fn read(self, serial: u32, answer: &JsValue) -> Result<Shown, String> {
        let unreadable = || UNREADABLE.to_owned();
        let get = |name: &str| get(answer, name);
        if let Some(error) = get("error").as_string() {
            return Err(error);
        }
        let number = |value: JsValue| value.as_f64().ok_or_else(unreadable);
        let (width, height) = (number(get("width"))? as u32, number(get("height"))? as u32);
        let picture = |name: &str| -> Option<ImageData> {
            let pixels = get(name).dyn_into::<Uint8ClampedArray>().ok()?;
            ImageData::new_with_js_u8_clamped_array_and_sh(&pixels, width, height).ok()
        };
        let after = picture("after").ok_or_else(unreadable)?;
        let before = picture("before");
        let compares = before.is_some();
        let rendered = Rendered {
            format: get("format")
                .as_string()
                .and_then(|format| format.parse().ok())
                .ok_or_else(unreadable)?,
            size: size(&get("whole")).ok_or_else(unreadable)?,
            is_opaque: get("opaque").as_bool().ok_or_else(unreadable)?,
        };
        let shown = Shown {
            serial,
            left: number(get("left"))? as u32,
            top: number(get("top"))? as u32,
            rendered,
            milliseconds: number(get("milliseconds"))?,
            compares,
        };
        self.images.set_value(Some((after, before)));
        Ok(shown)
    }

    /// Draws what there is, with the split where it is.
    fn draw(self) {
        let Some(canvas) = self.canvas.get_untracked() else {
            return;
        };
        let is_side = self.mode.get_untracked() == Mode::SideBySide;
        let share = self.split.get_untracked();
        self.images.with_value(|images| {
            if let Some((after, before)) = images {
                // Putting pixels fails only for a canvas without a context, which a new one has.
                let _ = paint(&canvas, after, before.as_ref(), is_side, share);
            }
        });
    }
}

const UNREADABLE: &str = "the preview's answer could not be read";

/// What the Web Worker says of a picture.
fn read_sight(answer: &JsValue) -> Sight {
    let text = |name: &str| get(answer, name).as_string();
    let decoded = || {
        Some(Decoded {
            kind: FileKind::from_name(&text("kind")?)?,
            format: text("format")?.parse().ok()?,
            size: size(&get(answer, "size"))?,
        })
    };
    let unseen = || Sight::Unseen(text("unseen").unwrap_or_else(|| UNREADABLE.to_owned()));
    decoded().map_or_else(unseen, Sight::Decoded)
}

/// A property, undefined where there is none.
fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// Width and height from an array of both.
fn size(numbers: &JsValue) -> Option<Size> {
    let numbers = js_sys::Array::from(numbers);
    let side = |index| Some(numbers.get(index).as_f64()? as u32);
    Some(Size::new(side(0)?, side(1)?))
}

/// Sets a property of a fresh plain object, which does not fail.
fn put(object: &Object, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &name.into(), value);
}

/// The stage, while the Studio is shown.
fn stage() -> Option<web_sys::Element> {
    document().query_selector(".studio .stage").ok().flatten()
}

/// Pixels of the screen that the stage has: its width, and two thirds of that or most of the window's height.
fn view_size() -> (u32, u32) {
    let ratio = window().device_pixel_ratio();
    let width = stage().map_or(800.0, |stage| f64::from(stage.client_width()));
    let tall = window()
        .inner_height()
        .ok()
        .and_then(|height| height.as_f64())
        .unwrap_or(900.0)
        * 0.68;
    let height = (width * 2.0 / 3.0).min(tall);
    ((width * ratio).floor() as u32, (height * ratio).floor() as u32)
}
