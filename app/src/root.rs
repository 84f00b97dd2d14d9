//! The application: its routes.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{SsrMode, path};

use crate::actions::{get_health, list_workers};
use crate::base::BasePath;
use crate::clock::Clock;
use crate::components::Header;
use crate::live::Live;
use crate::pages::{JobPage, JobsPage, NotFound, StudioPage, WorkersPage};
use crate::shared::Shared;
use crate::studio_state::StudioState;

/// The whole application.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    Live::provide();
    Clock::provide();
    provide_context(Shared {
        health: Resource::new(|| (), |()| get_health()),
        workers: Resource::new(|| (), |()| list_workers()),
    });
    StudioState::provide();
    view! {
        <Title text="Azulejo" />
        <Router base=BasePath::current().to_string()>
            <Header />
            <Routes fallback=NotFound>
                <Route path=path!("/") view=StudioPage ssr=SsrMode::Async />
                <Route path=path!("/jobs") view=JobsPage ssr=SsrMode::Async />
                <Route path=path!("/job/:id") view=JobPage ssr=SsrMode::Async />
                <Route path=path!("/workers") view=WorkersPage ssr=SsrMode::Async />
            </Routes>
        </Router>
    }
}
