//! The error of a server function: the API's one shape of an error, so that a page and a script read the same
//! sentence and the response carries the same HTTP status.

use azulejo_protocol::ApiError;
use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

/// What went wrong, in a sentence for people and a word for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Failure(pub ApiError);

impl Failure {
    /// Whether the thing that was asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        self.0.status == 404 || self.0.code.ends_with("not_found")
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl std::error::Error for Failure {}

impl FromServerFnError for Failure {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        Self(match error {
            ServerFnErrorErr::Request(_) => ApiError::new(
                503,
                "unreachable",
                "the server does not answer: check that it runs, then try again",
            ),
            ServerFnErrorErr::Args(text) | ServerFnErrorErr::MissingArg(text) => ApiError::new(
                400,
                "bad_request",
                format!("the request could not be read: {text}"),
            ),
            other => ApiError::new(
                500,
                "unexpected",
                format!("the answer could not be read: {other}"),
            ),
        })
    }
}

/// Sets the HTTP status of the page or of the server function that is being answered.
#[cfg(feature = "ssr")]
pub fn set_status(status: u16) {
    use leptos::prelude::use_context;
    if let (Some(response), Ok(status)) = (
        use_context::<leptos_axum::ResponseOptions>(),
        http::StatusCode::from_u16(status),
    ) {
        response.set_status(status);
    }
}

/// In the browser there is no response to set a status of.
#[cfg(not(feature = "ssr"))]
pub fn set_status(_status: u16) {}
