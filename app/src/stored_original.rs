//! The picture of a job, which the server keeps: loaded for the preview, so that another recipe is tried without an upload.

use azulejo_protocol::JobId;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, Response};

use crate::browser;
use crate::header::{self, HEADER_BYTES};
use crate::studio_state::StudioState;

/// Loads the original of `job` and opens it in the preview, unless another picture is chosen meanwhile.
pub fn open(state: StudioState, job: JobId) {
    let StudioState { picked, engine, .. } = state;
    let is_shown = move || {
        let shown = picked.try_with_untracked(|picked| picked.as_ref().and_then(|picked| picked.stored));
        shown.flatten() == Some(job)
    };
    leptos::task::spawn_local(async move {
        let loaded = load(job).await;
        if !is_shown() {
            return;
        }
        let Some(blob) = loaded else {
            return engine
                .error
                .set(Some("the server does not give this picture any more".to_owned()));
        };
        // The job tells size and samples; the file's own beginning tells what it is exactly.
        let found = header::read(&browser::first_bytes(&blob, HEADER_BYTES).await);
        if !is_shown() {
            return;
        }
        picked.try_update(|picked| {
            if let Some(picked) = picked.as_mut() {
                picked.header = found.or(picked.header);
            }
        });
        let size = picked.with_untracked(|picked| picked.as_ref()?.size());
        if let Some(size) = size {
            engine.open(&blob, (size.width, size.height));
        }
    });
}

async fn load(job: JobId) -> Option<Blob> {
    let asked = window().fetch_with_str(&format!("/job/{job}/original"));
    let response = JsFuture::from(asked).await.ok()?.dyn_into::<Response>().ok()?;
    if !response.ok() {
        return None;
    }
    let blob = JsFuture::from(response.blob().ok()?).await.ok()?;
    blob.dyn_into::<Blob>().ok()
}
