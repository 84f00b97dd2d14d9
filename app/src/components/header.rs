//! The head of every page: name, places, state of the installation, theme.

use azulejo_protocol::Health;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::Logo;
use super::sign_out::SignOut;
use super::theme_switch::ThemeSwitch;
use crate::base::{BasePath, at};
use crate::live::{Link, Live};
use crate::shared::Shared;
use crate::words;

/// The dot's class, and the words beside it.
fn state(health: Option<&Health>, link: Link) -> (&'static str, Vec<String>) {
    if link == Link::Lost {
        return ("dot dead", vec!["connection lost, trying again".to_owned()]);
    }
    let Some(health) = health else {
        return ("dot dead", vec!["the server's state is not known".to_owned()]);
    };
    if !health.kafka_connected {
        return ("dot dead", vec!["Kafka is away".to_owned()]);
    }
    if health.workers == 0 {
        return ("dot flight", vec!["no worker".to_owned()]);
    }
    let mut parts = vec![words::plural(u64::from(health.workers), "worker")];
    if health.tiles_in_flight > 0 || health.jobs_processing > 0 {
        parts.push(format!("lag {}", words::duration(f64::from(health.lag_seconds))));
        parts.push(words::rate(f64::from(health.tiles_per_second)));
    } else {
        parts.push("idle".to_owned());
    }
    ("dot", parts)
}

/// The head of the page.
#[component]
pub fn Header() -> impl IntoView {
    let path = use_location().pathname;
    let base = BasePath::current();
    let current = move |places: &'static [&'static str]| {
        let base = base.clone();
        move || {
            let path = path.get();
            let path = base.strip(&path).filter(|path| !path.is_empty()).unwrap_or("/");
            let here = places.iter().any(|place| {
                path == *place
                    || (*place != "/" && path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/')))
            });
            here.then_some("page")
        }
    };
    view! {
        <header class="top">
            <a class="skip" href="#main">
                "Skip to the content"
            </a>
            <a href=at("/") class="brand" aria-label="Azulejo, to the Studio">
                <Logo />
                <b>"Azulejo"</b>
            </a>
            <nav aria-label="Main">
                <a href=at("/") aria-current=current(&["/"])>"Studio"</a>
                <a href=at("/jobs") aria-current=current(&["/jobs", "/job"])>"Jobs"</a>
                <a href=at("/workers") aria-current=current(&["/workers"])>"Workers"</a>
            </nav>
            <HealthLine />
            <div class="theme">
                <ThemeSwitch />
                <SignOut />
            </div>
        </header>
    }
    .into_any()
}

/// "3 workers · lag 0.4 s · 96 tiles/s".
#[component]
fn HealthLine() -> impl IntoView {
    let live = expect_context::<Live>();
    let shared = expect_context::<Shared>();
    view! {
        <p class="state">
            <Suspense>
                {move || Suspend::new(async move {
                    let first = shared.health.await.ok();
                    let state = Memo::new(move |_| {
                        live.health.with(|health| state(health.as_ref().or(first.as_ref()), live.link.get()))
                    });
                    view! {
                        <span class=move || state.get().0></span>
                        {move || {
                            state
                                .get()
                                .1
                                .into_iter()
                                .enumerate()
                                .map(|(n, part)| {
                                    view! {
                                        {(n > 0).then(|| view! { <i>"·"</i> })}
                                        <span>{part}</span>
                                    }
                                })
                                .collect_view()
                        }}
                    }
                })}
            </Suspense>
        </p>
    }
    .into_any()
}
