//! The way of one file: create, ask, send, and again after a cut.

use azulejo_protocol::ApiError;
use js_sys::{Function, Promise};
use leptos::prelude::{LocalStorage, StoredValue, UpdateValue, WithValue, window};
use uuid::Uuid;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File, XmlHttpRequest};

use super::kept::{KeptUploads, fingerprint};
use super::patience::Patience;
use super::request::{Answer, Request};
use crate::browser::{self, now_ms};
use crate::components::{Line, percent};
use crate::failure::Failure;

/// Where the browser keeps [`KeptUploads`].
const PLACE: &str = "azulejo-uploads";

/// What the person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Go,
    Pause,
    Cancel,
    Leave,
}

struct State {
    wish: Wish,
    /// The request under way.
    request: Option<XmlHttpRequest>,
    /// Ends a pause.
    wake: Option<Function>,
}

/// How far an upload is.
struct Way {
    file: String,
    id: Option<Uuid>,
    /// Bytes that the server has; `None` when it has to be asked.
    offset: Option<f64>,
    line: Line,
}

/// What became of one step.
enum Step {
    /// The whole file is there.
    Done(Uuid),
    /// On to the next step.
    On,
    /// The line is cut.
    Cut,
    /// It will not work.
    Refused(Failure),
}

/// An upload that is under way, if there is one.
#[derive(Clone, Copy)]
pub struct Upload(StoredValue<State, LocalStorage>);

impl Upload {
    /// None is under way.
    pub fn new() -> Self {
        Self(StoredValue::new_local(State {
            wish: Wish::Go,
            request: None,
            wake: None,
        }))
    }

    /// Stops it and gives up what was sent; [`Upload::send`] then answers with the code `cancelled`.
    pub fn cancel(self) {
        self.want(Wish::Cancel);
    }

    /// Stops it, as [`Upload::cancel`] does, and keeps what was sent.
    pub fn leave(self) {
        self.want(Wish::Leave);
    }

    /// Pauses it, or goes on.
    pub fn pause(self, paused: bool) {
        self.want(if paused { Wish::Pause } else { Wish::Go });
    }

    fn want(self, wish: Wish) {
        let stopped = self.0.try_update_value(|state| {
            state.wish = wish;
            let request = (wish != Wish::Go).then(|| state.request.take()).flatten();
            (request, state.wake.take())
        });
        let Some((request, wake)) = stopped else { return };
        if let Some(request) = request {
            // Aborting a request that has ended does nothing.
            let _ = request.abort();
        }
        if let Some(wake) = wake {
            // Resolving a promise does not throw.
            let _ = wake.call0(&wasm_bindgen::JsValue::NULL);
        }
    }

    fn wish(self) -> Wish {
        // Without its owner the page was left.
        self.0.try_with_value(|state| state.wish).unwrap_or(Wish::Leave)
    }

    /// Sends `file`, or the rest of it; `progress` is told the bytes that arrived and how the line is. A minute without progress
    /// ends it with the code `upload_cut`; another call goes on.
    pub async fn send(
        self,
        file: &File,
        progress: impl Fn(f64, Line) + Clone + 'static,
    ) -> Result<Uuid, Failure> {
        self.0.try_update_value(|state| state.wish = Wish::Go);
        let file_id = fingerprint_of(file);
        let mut way = Way {
            id: kept().find(&file_id),
            file: file_id,
            offset: None,
            line: Line::Open,
        };
        let mut patience = Patience::new(now_ms());
        let mut farthest = 0.0;
        loop {
            let arrived = way.offset.unwrap_or(farthest);
            match self.wish() {
                Wish::Go => {}
                Wish::Pause => {
                    progress(arrived, Line::Paused);
                    self.nap(None).await;
                    way.offset = None;
                    patience = Patience::new(now_ms());
                    continue;
                }
                wish => {
                    if let (Wish::Cancel, Some(id)) = (wish, way.id) {
                        forget(file);
                        give_up(id);
                    }
                    return Err(Failure(ApiError::new(
                        499,
                        "cancelled",
                        "the upload was cancelled",
                    )));
                }
            }
            match self.step(file, &mut way, &progress).await {
                Step::Done(id) => return Ok(id),
                Step::Refused(failure) => {
                    // Whoever was signed out goes on after the next sign-in.
                    if failure.0.status != 401 {
                        forget(file);
                    }
                    return Err(failure);
                }
                Step::On => {}
                // What the person wants is looked at first.
                Step::Cut if self.wish() != Wish::Go => {}
                Step::Cut => {
                    progress(farthest, Line::Cut);
                    match patience.pause(now_ms()) {
                        Some(pause) => self.nap(Some(pause)).await,
                        None => return Err(gave_up(farthest, file.size())),
                    }
                }
            }
            if let Some(offset) = way.offset.filter(|offset| *offset > farthest) {
                farthest = offset;
                patience = Patience::new(now_ms());
            }
        }
    }

    async fn step(
        self,
        file: &File,
        way: &mut Way,
        progress: &(impl Fn(f64, Line) + Clone + 'static),
    ) -> Step {
        let Some(id) = way.id else {
            return self.create(file, way).await;
        };
        let path = format!("/files/{id}");
        let Some(offset) = way.offset else {
            return self.ask(file, way, &path).await;
        };
        if offset >= file.size() {
            return Step::Done(id);
        }
        progress(offset, way.line);
        let at = offset.to_string();
        let kind = ("Content-Type", "application/offset+octet-stream");
        let headers = [("Upload-Offset", at.as_str()), kind];
        let Ok(rest) = file.slice_with_f64(offset) else {
            return Step::Refused(unreadable());
        };
        let (line, told) = (way.line, progress.clone());
        let moving = move |sent| told(offset + sent, line);
        let answer = self.request("PATCH", &path, &headers, Some(&rest), moving).await;
        way.offset = None;
        match answer {
            Some(answer) if answer.status == 204 => {
                way.offset = answer.count("Upload-Offset");
                Step::On
            }
            answer => after(answer, way),
        }
    }

    async fn create(self, file: &File, way: &mut Way) -> Step {
        let length = file.size().to_string();
        // btoa takes characters for bytes.
        let name: String = file.name().bytes().map(char::from).collect();
        let name = window().btoa(&name).unwrap_or_default();
        let metadata = format!("filename {name}");
        let headers = [("Upload-Length", length.as_str()), ("Upload-Metadata", &metadata)];
        let answer = self.request("POST", "/files", &headers, None, |_| ()).await;
        let made = answer.as_ref().filter(|answer| answer.status == 201);
        let id = made.and_then(|answer| answer.header("Location")?.rsplit('/').next()?.parse().ok());
        let Some(id) = id else {
            return after(answer, way);
        };
        way.id = Some(id);
        way.offset = Some(0.0);
        let mut kept = kept();
        kept.keep(&way.file, id);
        store(&kept);
        Step::On
    }

    async fn ask(self, file: &File, way: &mut Way, path: &str) -> Step {
        let answer = self.request("HEAD", path, &[], None, |_| ()).await;
        let found = answer.as_ref().filter(|answer| answer.status == 200);
        let Some(found) = found else {
            return after(answer, way);
        };
        if found.count("Upload-Length") != Some(file.size()) {
            way.id = None;
            return Step::On;
        }
        way.offset = found.count("Upload-Offset");
        if let Some(offset) = way.offset.filter(|offset| *offset > 0.0) {
            way.line = Line::Resumed(percent(offset, file.size()));
        }
        Step::On
    }

    async fn request(
        self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Blob>,
        progress: impl Fn(f64) + 'static,
    ) -> Option<Answer> {
        let request = Request::new(method, path, headers)?;
        let handle = request.0.clone();
        self.0.try_update_value(|state| state.request = Some(handle))?;
        let answer = request.send(body, progress).await;
        self.0.try_update_value(|state| state.request = None);
        Some(answer)
    }

    /// Waits for `milliseconds`, or for ever, or until the person wants something else.
    async fn nap(self, milliseconds: Option<i32>) {
        let promise = Promise::new(&mut |resolve: Function, _| {
            if let Some(milliseconds) = milliseconds {
                // A window refuses a timer only while it is being torn down; then nobody waits.
                let _ =
                    window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, milliseconds);
            }
            self.0.try_update_value(|state| state.wake = Some(resolve));
        });
        // The promise is never rejected.
        let _ = JsFuture::from(promise).await;
    }
}

/// What follows from an answer that is not the one that was hoped for.
fn after(answer: Option<Answer>, way: &mut Way) -> Step {
    let Some(answer) = answer else { return Step::Cut };
    match answer.status {
        // It expired or was used.
        404 | 410 if way.id.is_some() => {
            way.id = None;
            way.offset = None;
            way.line = Line::Open;
            Step::On
        }
        0 | 408 | 409 | 429 | 500..=506 | 508.. => Step::Cut,
        // An earlier request of this page is not yet over; or another page goes on with the same file.
        423 if answer.failure().0.code != "upload_taken_over" => Step::Cut,
        _ => Step::Refused(answer.failure()),
    }
}

/// Forgets the upload of `file`: it was used, or it is of no use.
pub fn forget(file: &File) {
    let mut kept = kept();
    kept.forget(&fingerprint_of(file));
    store(&kept);
}

fn give_up(id: Uuid) {
    if let Some(request) = Request::new("DELETE", &format!("/uploads/{id}"), &[]) {
        leptos::task::spawn_local(async move {
            // Without an answer it expires.
            let _ = request.send(None, |_| ()).await;
        });
    }
}

fn fingerprint_of(file: &File) -> String {
    fingerprint(&file.name(), file.size(), file.last_modified())
}

fn kept() -> KeptUploads {
    KeptUploads::read(&browser::stored(PLACE).unwrap_or_default())
}

fn store(kept: &KeptUploads) {
    // Where nothing can be kept, an upload cannot go on after the page was left.
    browser::store(PLACE, &kept.text());
}

fn gave_up(sent: f64, total: f64) -> Failure {
    let detail = format!(
        "the server could not be reached for a minute; what was sent is kept, and Resume goes on at {} %",
        percent(sent, total)
    );
    Failure(ApiError::new(503, "upload_cut", detail))
}

fn unreadable() -> Failure {
    let detail = "the browser cannot read the file any more: choose it again";
    Failure(ApiError::new(400, "file_unreadable", detail))
}
