//! Nothing is at this address.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::base::at;
use crate::failure::set_status;

/// Says so, and where to go.
#[component]
pub fn NotFound() -> impl IntoView {
    set_status(404);
    view! {
        <Title text="Not found · Azulejo" />
        <main id="main" class="empty-page">
            <svg class="missing" viewBox="0 0 120 120" aria-hidden="true">
                <path class="queued" d="M0 0h58v58h-58zM62 0h58v58h-58zM0 62h58v58h-58z" />
                <path class="gap" d="M63 63h56v56h-56z" />
            </svg>
            <h1>"This tile is missing"</h1>
            <p>"There is nothing at this address. It may have been deleted, or the address may have a slip in it."</p>
            <p>
                <a class="button go" href=at("/")>
                    "To the Studio"
                </a>
                " "
                <a class="button" href=at("/jobs")>
                    "All jobs"
                </a>
            </p>
        </main>
    }
    .into_any()
}
