//! The picture of a job, which the server keeps: loaded for the preview, so that another recipe is tried without an upload.

use azulejo_protocol::JobId;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, Response};

use crate::base::at;
use crate::picked::Sight;
use crate::studio_state::StudioState;

/// Originals of more bytes are not loaded: the preview would not read them (`MAX_FILE_BYTES` in `preview/src/picture.rs`).
const MOST_LOADED: u64 = 256_000_000;

/// Loads the original of `job` and opens it in the preview, unless another picture is chosen meanwhile.
pub fn open(state: StudioState, job: JobId) {
    let StudioState { picked, engine, .. } = state;
    let is_shown = move || {
        let shown = picked.try_with_untracked(|picked| picked.as_ref().and_then(|picked| picked.stored));
        shown.flatten() == Some(job)
    };
    let see = move |why: &str| {
        picked.try_update(|picked| {
            if let Some(picked) = picked {
                picked.sight = Sight::Unseen(why.to_owned());
            }
        });
    };
    let bytes = picked.with_untracked(|picked| picked.as_ref().map_or(0, |picked| picked.bytes));
    if bytes > MOST_LOADED {
        return see("this picture is large: it stays on the server, which processes it all the same");
    }
    leptos::task::spawn_local(async move {
        let loaded = load(job).await;
        if !is_shown() {
            return;
        }
        match loaded {
            Some(blob) => engine.open(&blob),
            None => see("the server does not give this picture any more"),
        }
    });
}

async fn load(job: JobId) -> Option<Blob> {
    let asked = window().fetch_with_str(&at(&format!("/job/{job}/original")));
    let response = JsFuture::from(asked).await.ok()?.dyn_into::<Response>().ok()?;
    if !response.ok() {
        return None;
    }
    let blob = JsFuture::from(response.blob().ok()?).await.ok()?;
    blob.dyn_into::<Blob>().ok()
}
