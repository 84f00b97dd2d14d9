//! Who is signed in, where the server asks for that. The server writes the name on the root element (`data-caller`), so that
//! hydration finds the same page.

/// Name of whoever is signed in; empty where nobody has to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignedIn(pub String);

impl SignedIn {
    /// Of the person whose request is being answered: the server puts it into Leptos' context.
    #[cfg(feature = "ssr")]
    pub fn current() -> Self {
        leptos::prelude::use_context::<Self>().unwrap_or_default()
    }

    /// Of the person that the page was rendered for.
    #[cfg(not(feature = "ssr"))]
    pub fn current() -> Self {
        let root = leptos::prelude::document().document_element();
        Self(
            root.and_then(|root| root.get_attribute("data-caller"))
                .unwrap_or_default(),
        )
    }
}
