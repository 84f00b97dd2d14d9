//! A file that is on the server already, taken in as if it had been uploaded again.

use std::io;
use std::path::Path;

use azulejo_protocol::ApiError;
use uuid::Uuid;

use super::received::Received;
use super::trouble::{off_the_runtime, on_disk};
use super::{Intake, PartFile};
use crate::engine::files::disk;

impl Intake {
    /// Takes in the file at `original`, called `name`, which stays where it is. The two are names of one file where the file
    /// system can do that: such a file is never written to, and it is there until its last name is deleted. Elsewhere it is
    /// copied.
    ///
    /// # Errors
    /// 410 when it is gone, 413, 415 or 422 when it does not pass (any more), 507 when the disk has no room for a copy.
    pub async fn borrow(&self, original: &Path, name: &str) -> Result<Received, ApiError> {
        let id = Uuid::new_v4();
        let file = PartFile::new(self.config.folder.join(format!("{id}.part")));
        let (from, to, folder) = (
            original.to_owned(),
            file.path().to_owned(),
            self.config.folder.clone(),
        );
        off_the_runtime(move || {
            if let Err(error) = std::fs::hard_link(&from, &to) {
                if error.kind() == io::ErrorKind::NotFound {
                    return Err(gone());
                }
                let length = disk::length(&from).ok_or_else(gone)?;
                disk::check_room(&folder, "a copy of the image", length, 0)?;
                std::fs::copy(&from, &to).map_err(|error| on_disk(&error))?;
            }
            Ok(())
        })
        .await?;
        self.pass(id, file, name, None).await
    }
}

fn gone() -> ApiError {
    ApiError::new(
        410,
        "original_gone",
        "the uploaded file is gone from the server's disk",
    )
}
