//! What the Studio keeps while other pages are shown: the picture that was chosen, and the recipe.

use leptos::prelude::*;

use crate::picked::Picked;

/// The recipe of a fresh page.
const FIRST_RECIPE: &str = "blur:sigma=6|sharpen";

/// The Studio's picture and recipe. Lives as long as the application.
#[derive(Debug, Clone, Copy)]
pub struct StudioState {
    /// What is known of the picture.
    pub picked: RwSignal<Option<Picked>>,
    /// The recipe's text.
    pub text: RwSignal<String>,
    /// The files themselves; the first is the picture.
    #[cfg(feature = "hydrate")]
    pub files: StoredValue<Vec<web_sys::File>, LocalStorage>,
}

impl StudioState {
    /// Provides an empty one to the components below.
    pub fn provide() {
        provide_context(Self {
            picked: RwSignal::new(None),
            text: RwSignal::new(FIRST_RECIPE.to_owned()),
            #[cfg(feature = "hydrate")]
            files: StoredValue::new_local(Vec::new()),
        });
    }
}
