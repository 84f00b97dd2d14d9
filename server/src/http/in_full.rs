//! Work that a client cannot break off by going away.

use azulejo_protocol::ApiError;

/// Runs `work` to its end even when the caller is dropped.
///
/// # Errors
/// Those of `work`; 500 when it panics.
pub async fn in_full<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(%error, "a request ended unexpectedly");
            Err(ApiError::new(
                500,
                "internal",
                "the server failed at this; its log says more",
            ))
        }
    }
}
