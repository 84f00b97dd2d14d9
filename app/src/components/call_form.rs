//! A form that calls a server function: by itself in the browser, by posting where there is no JavaScript.

use leptos::prelude::*;
use leptos::server_fn::client::Client;
use leptos::server_fn::codec::PostUrl;
use leptos::server_fn::request::ClientReq;
use leptos::server_fn::{Http, ServerFn};
use leptos::web_sys::FormData;
use serde::de::DeserializeOwned;

use crate::base::at;

/// As Leptos' `ActionForm`, whose address knows no base path.
#[component]
pub fn CallForm<F, O>(
    /// The action that is dispatched.
    action: ServerAction<F>,
    /// Fields and buttons.
    children: Children,
) -> impl IntoView
where
    F: DeserializeOwned + ServerFn<Protocol = Http<PostUrl, O>> + Clone + Send + Sync + 'static,
    <<F::Client as Client<F::Error>>::Request as ClientReq<F::Error>>::FormData: From<FormData>,
    F::Client: Client<F::Error>,
    F::Output: Send + Sync + 'static,
    F::Error: Send + Sync + 'static,
{
    let submit = move |event: leptos::ev::SubmitEvent| {
        // Where the fields are none of the function's, the form posts by itself, and the server says what is wrong.
        if let Ok(call) = F::from_event(&event) {
            event.prevent_default();
            action.dispatch(call);
        }
    };
    view! {
        <form method="post" action=at(F::PATH) on:submit=submit>
            {children()}
        </form>
    }
}
