//! What is said to who shows nothing, or nothing of use.

use azulejo_protocol::ApiError;

/// 401. The middleware adds the header that says what is wanted.
pub(super) fn unauthorized(code: &str, detail: impl Into<String>) -> ApiError {
    ApiError::new(401, code, detail.into())
}

/// What is said to a request that shows nothing.
pub fn missing() -> ApiError {
    unauthorized(
        "key_missing",
        "this server asks for a key: send it as 'Authorization: Bearer KEY', or sign in at /sign-in",
    )
}
