//! What uploads meet: a file or a request that is too large, a disk that does not take it.

use std::io;

use azulejo_protocol::ApiError;

/// Runs work with files off the async runtime's threads.
pub(super) async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(ApiError::new(500, "internal", "the file could not be inspected")))
}

/// The refusal of a file, or a request, with more than `most` bytes.
pub fn too_large(most: u64) -> ApiError {
    let detail = format!("the file is larger than the {most} bytes allowed (AZULEJO_MAX_UPLOAD_BYTES)");
    ApiError::new(413, "file_too_large", detail)
}

/// An error of the disk that uploads go to.
pub(super) fn on_disk(error: &io::Error) -> ApiError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let detail =
                "the server's disk is full: delete old jobs, or give it more space, and send the file again";
            ApiError::new(507, "disk_full", detail)
        }
        _ => {
            tracing::error!(%error, "cannot write an upload");
            ApiError::new(
                503,
                "storage_unavailable",
                format!("the server cannot store the file: {error}"),
            )
        }
    }
}

/// When a place becomes free depends on how fast others send: no time can be given.
pub(super) fn no_place() -> ApiError {
    let detail = "too many uploads are under way at the moment: try again in a little while";
    ApiError::new(429, "too_many_uploads", detail)
}
