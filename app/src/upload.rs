//! Sending a file to the server, with progress: `PUT /uploads?filename=NAME`, the bytes as they are. By
//! XMLHttpRequest, since `fetch` does not tell how much has been sent.

use azulejo_protocol::ApiError;
use js_sys::{Function, Promise};
use leptos::prelude::{GetValue, LocalStorage, SetValue, StoredValue};
use serde::Deserialize;
use uuid::Uuid;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, ProgressEvent, XmlHttpRequest};

use crate::failure::Failure;

/// What the server answers to an upload.
#[derive(Debug, Deserialize)]
struct Receipt {
    upload_id: Uuid,
}

/// An upload that is under way, if there is one.
#[derive(Clone, Copy)]
pub struct Upload(StoredValue<Option<XmlHttpRequest>, LocalStorage>);

impl Upload {
    /// None is under way.
    pub fn new() -> Self {
        Self(StoredValue::new_local(None))
    }

    /// Stops it; [`Upload::send`] then answers with the code `cancelled`.
    pub fn cancel(self) {
        if let Some(request) = self.0.try_get_value().flatten() {
            // Aborting a request that has ended does nothing.
            let _ = request.abort();
        }
    }

    /// Sends `file`; `progress` is told the bytes sent and the bytes in all.
    pub async fn send(self, file: &File, progress: impl Fn(f64, f64) + 'static) -> Result<Uuid, Failure> {
        let request = XmlHttpRequest::new().map_err(|_| unreachable())?;
        let name = js_sys::encode_uri_component(&file.name());
        request
            .open("PUT", &format!("/uploads?filename={name}"))
            .map_err(|_| unreachable())?;
        let on_progress = Closure::<dyn Fn(ProgressEvent)>::new(move |event: ProgressEvent| {
            progress(event.loaded(), event.total());
        });
        if let Ok(upload) = request.upload() {
            upload.set_onprogress(Some(on_progress.as_ref().unchecked_ref()));
        }
        let ended = Promise::new(&mut |resolve: Function, _| request.set_onloadend(Some(&resolve)));
        request
            .send_with_opt_blob(Some(file))
            .map_err(|_| unreachable())?;
        self.0.set_value(Some(request.clone()));
        // The promise is never rejected.
        let _ = JsFuture::from(ended).await;
        self.0.try_set_value(None);
        let status = request.status().unwrap_or(0);
        let body = request.response_text().ok().flatten().unwrap_or_default();
        match status {
            0 if request.ready_state() == XmlHttpRequest::UNSENT => Err(Failure(ApiError::new(
                499,
                "cancelled",
                "the upload was cancelled",
            ))),
            0 => Err(unreachable()),
            200..300 => serde_json::from_str::<Receipt>(&body)
                .map(|receipt| receipt.upload_id)
                .map_err(|_| {
                    Failure(ApiError::new(
                        500,
                        "unexpected",
                        "the server's answer could not be read",
                    ))
                }),
            _ => Err(serde_json::from_str::<ApiError>(&body).map_or_else(
                |_| {
                    Failure(ApiError::new(
                        status,
                        "upload_failed",
                        format!("the upload was refused ({status})"),
                    ))
                },
                Failure,
            )),
        }
    }
}

fn unreachable() -> Failure {
    Failure(ApiError::new(
        503,
        "unreachable",
        "the server could not be reached: check that it runs, then try again",
    ))
}
