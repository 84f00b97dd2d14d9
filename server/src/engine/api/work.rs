//! How the engine's commands and queries run, and what a client hears when they cannot.

use azulejo_protocol::ApiError;

use crate::engine::store::StoreError;

/// Runs a command to its end even when the client goes away in the middle of it.
pub(in crate::engine) async fn detached<T: Send + 'static>(
    command: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::spawn(command)
        .await
        .unwrap_or_else(|error| Err(unfinished(&error)))
}

fn unfinished(error: &tokio::task::JoinError) -> ApiError {
    ApiError::new(
        503,
        "unavailable",
        format!("the server could not finish this: {error}"),
    )
}

/// Runs work with files off the async runtime's threads.
pub(in crate::engine) async fn blocking<T, F>(work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| unfinished(&error))
}

/// What a client hears when the database does not answer.
pub(in crate::engine) fn unavailable(error: &StoreError) -> ApiError {
    if error.is_disk_full() {
        return ApiError::new(
            507,
            "disk_full",
            "the server's disk is full: delete old jobs first",
        );
    }
    tracing::error!(%error, "the database does not answer");
    ApiError::new(
        503,
        "database_unavailable",
        format!("the server cannot answer now: {error}"),
    )
}
