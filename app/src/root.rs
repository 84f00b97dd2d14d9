//! The application: its routes.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::SsrMode;
use leptos_router::components::{Route, Router, Routes};
use leptos_router::path;

/// The whole application.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title text="Azulejo" />
        <Router>
            <main>
                <Routes fallback=|| "There is nothing at this address.">
                    <Route path=path!("/") view=|| view! { <h1>"Azulejo"</h1> } ssr=SsrMode::Async />
                </Routes>
            </main>
        </Router>
    }
}
