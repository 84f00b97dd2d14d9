//! The way out, for those who have signed in.

use leptos::prelude::*;

use crate::base::at;
use crate::signed_in::SignedIn;

/// A button that ends the sign-in; nothing where nobody has to sign in.
#[component]
pub fn SignOut() -> impl IntoView {
    let SignedIn(name) = SignedIn::current();
    if name.is_empty() {
        return ().into_any();
    }
    let label = format!("Signed in as {name}. Sign out");
    view! {
        <form method="post" action=at("/sign-out")>
            <button class="icon" title=label.clone() aria-label=label>
                <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                    <path fill-rule="evenodd" d="M2 2h7v1.500H3.500v9H9V14H2zM10.500 4.500L14 8l-3.500 3.500V9H6V7h4.500z" />
                </svg>
            </button>
        </form>
    }
    .into_any()
}
