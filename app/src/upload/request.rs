//! One request of an upload, by XMLHttpRequest: `fetch` does not tell how much of a body has been sent.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use azulejo_protocol::ApiError;
use js_sys::{Function, Promise};
use leptos::prelude::set_interval_with_handle;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ProgressEvent, XmlHttpRequest};

use crate::base::at;
use crate::browser::now_ms;
use crate::failure::Failure;

/// How often it is looked whether anything moves.
const LOOK: Duration = Duration::from_secs(5);

/// A request of which nothing has moved for so long is taken for cut, milliseconds: a dead line is not told by itself.
const SILENCE: i64 = 40_000;

/// The same while the server has everything and checks it.
const SILENCE_AT_THE_END: i64 = 180_000;

/// What came back.
pub struct Answer {
    /// HTTP status; 0 when there is none.
    pub status: u16,
    request: XmlHttpRequest,
}

impl Answer {
    /// A header that is a count of bytes.
    pub fn count(&self, name: &str) -> Option<f64> {
        self.header(name)?.parse().ok()
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<String> {
        self.request.get_response_header(name).ok().flatten()
    }

    /// The error in the body.
    pub fn failure(&self) -> Failure {
        let body = self.request.response_text().ok().flatten().unwrap_or_default();
        let read = serde_json::from_str::<ApiError>(&body);
        Failure(read.unwrap_or_else(|_| {
            let detail = format!("the upload was refused ({})", self.status);
            ApiError::new(self.status, "upload_failed", detail)
        }))
    }
}

/// A request that was not sent yet.
pub struct Request(pub XmlHttpRequest);

impl Request {
    /// `None` when the browser refuses to make one.
    pub fn new(method: &str, path: &str, headers: &[(&str, &str)]) -> Option<Self> {
        let request = XmlHttpRequest::new().ok()?;
        request.open(method, &at(path)).ok()?;
        request.set_request_header("Tus-Resumable", "1.0.0").ok()?;
        for (name, value) in headers {
            request.set_request_header(name, value).ok()?;
        }
        Some(Self(request))
    }

    /// Sends it with `body`; `progress` is told how many bytes of that have gone out.
    pub async fn send(self, body: Option<&Blob>, progress: impl Fn(f64) + 'static) -> Answer {
        let request = self.0;
        let moved = Rc::new(Cell::new(now_ms()));
        let all_sent = Rc::new(Cell::new(body.is_none()));
        let (seen, sent, size) = (moved.clone(), all_sent.clone(), body.map_or(0.0, Blob::size));
        let on_progress = Closure::<dyn Fn(ProgressEvent)>::new(move |event: ProgressEvent| {
            seen.set(now_ms());
            sent.set(event.loaded() >= size);
            progress(event.loaded());
        });
        if let (Ok(upload), Some(_)) = (request.upload(), body) {
            upload.set_onprogress(Some(on_progress.as_ref().unchecked_ref()));
        }
        let ended = Promise::new(&mut |resolve: Function, _| request.set_onloadend(Some(&resolve)));
        let watched = request.clone();
        let watch = move || {
            let most = if all_sent.get() {
                SILENCE_AT_THE_END
            } else {
                SILENCE
            };
            if now_ms() - moved.get() > most {
                // Its end is told like any other.
                let _ = watched.abort();
            }
        };
        let watch = set_interval_with_handle(watch, LOOK);
        if request.send_with_opt_blob(body).is_ok() {
            // The promise is never rejected.
            let _ = JsFuture::from(ended).await;
        }
        if let Ok(watch) = watch {
            watch.clear();
        }
        Answer {
            status: request.status().unwrap_or(0),
            request,
        }
    }
}
