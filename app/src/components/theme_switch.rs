//! The switch between light, dark and the system's choice.

use leptos::prelude::*;
use leptos::server_fn::ServerFn;

use crate::actions::SetTheme;
use crate::base::at;
use crate::theme::Theme;

/// A button that leads to the next choice: at once in the browser, by a form where there is no JavaScript.
#[component]
pub fn ThemeSwitch() -> impl IntoView {
    let theme = RwSignal::new(Theme::current());
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let next = theme.get_untracked().next();
        #[cfg(feature = "hydrate")]
        next.apply();
        theme.set(next);
    };
    let label = move || match theme.get() {
        Theme::Auto => "Theme: as the system. Switch to light",
        Theme::Light => "Theme: light. Switch to dark",
        Theme::Dark => "Theme: dark. Switch to the system's",
    };
    let icon = move || match theme.get() {
        Theme::Auto => "M8 1.500a6.500 6.500 0 1 0 0 13a6.500 6.500 0 1 0 0-13zM8 3v10a5 5 0 0 1 0-10z",
        Theme::Light => {
            "M8 4.500a3.500 3.500 0 1 0 0 7a3.500 3.500 0 1 0 0-7zM7.200 0h1.600v2.500H7.200zM7.200 13.500h1.600V16H7.200zM0 7.200h2.500v1.600H0zM13.500 7.200H16v1.600h-2.500zM1.800 2.900l1.100-1.100 1.800 1.800-1.100 1.100zM11.300 12.400l1.100-1.100 1.800 1.800-1.100 1.100zM12.400 4.700l-1.100-1.100 1.800-1.800 1.100 1.100zM2.900 14.200l-1.100-1.100 1.800-1.800 1.100 1.100z"
        }
        Theme::Dark => "M14.300 10.200A6.500 6.500 0 0 1 5.800 1.700a6.500 6.500 0 1 0 8.500 8.500z",
    };
    view! {
        <form method="post" action=at(SetTheme::PATH) on:submit=submit>
            <input type="hidden" name="theme" value=move || theme.get().next().name() />
            <button class="icon" title=label aria-label=label>
                <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                    <path fill-rule="evenodd" d=icon />
                </svg>
            </button>
        </form>
    }
    .into_any()
}
