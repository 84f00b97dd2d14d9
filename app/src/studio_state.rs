//! What the Studio keeps while other pages are shown: the picture that was chosen, and the recipe.

use azulejo_imaging::Encoding;
use leptos::prelude::*;

use crate::picked::Picked;

/// The recipe of a fresh page.
const FIRST_RECIPE: &str = "blur:sigma=6|sharpen";

/// The Studio's picture and recipe. Lives as long as the application.
#[derive(Clone, Copy)]
pub struct StudioState {
    /// What is known of the picture.
    pub picked: RwSignal<Option<Picked>>,
    /// The recipe's text.
    pub text: RwSignal<String>,
    /// The kind of file of the result; without a wish it is that of the picture, or PNG where that cannot hold the result.
    pub file: RwSignal<Option<Encoding>>,
    /// The files themselves; the first is the picture.
    #[cfg(feature = "hydrate")]
    pub files: StoredValue<Vec<web_sys::File>, LocalStorage>,
    /// The job whose original was loaded last: it is loaded once, however often the page is gone back to.
    #[cfg(feature = "hydrate")]
    pub loaded: StoredValue<Option<azulejo_protocol::JobId>>,
    /// The preview. Its Web Worker and the decoded picture stay, too: Back shows them at once, and WebKitGTK dies now and then
    /// of a Web Worker that is ended while it decodes.
    #[cfg(feature = "hydrate")]
    pub engine: crate::previewing::Engine,
}

impl StudioState {
    /// Provides an empty one to the components below.
    pub fn provide() {
        let text = RwSignal::new(FIRST_RECIPE.to_owned());
        let picked = RwSignal::new(None);
        provide_context(Self {
            picked,
            text,
            file: RwSignal::new(None),
            #[cfg(feature = "hydrate")]
            loaded: StoredValue::new(None),
            #[cfg(feature = "hydrate")]
            engine: crate::previewing::Engine::new(text, picked),
            #[cfg(feature = "hydrate")]
            files: StoredValue::new_local(Vec::new()),
        });
    }
}
