//! Results of earlier jobs: which answer a new one.

use std::path::Path;

use azulejo_protocol::{ApiError, JobId, Timestamp};
use sha2::{Digest, Sha256};

use super::work::{blocking, unavailable};
use crate::engine::Engine;
use crate::engine::files::cached;
use crate::engine::files::job::JobSpec;
use crate::engine::files::kind;
use crate::engine::reuse::Sharing;
use crate::engine::settings::Upload;
use crate::engine::store::cache::{self, Earlier};

/// Bytes of a file that are hashed at a time.
const BUFFER_BYTES: usize = 1 << 20;

impl Engine {
    /// The hash of the uploaded file of a job, if it was taken.
    ///
    /// # Errors
    /// 503 when the database does not answer.
    pub async fn content(&self, id: JobId) -> Result<Option<[u8; 32]>, ApiError> {
        let store = &self.driver.drivers().store;
        let found = store.read(move |db| cache::content(db, id)).await;
        found.map_err(|error| unavailable(&error))
    }

    /// The hash of an upload: taken on its way, or else from the file where it will be needed.
    pub(super) async fn content_of(&self, upload: &Upload) -> Result<Option<[u8; 32]>, ApiError> {
        if upload.content.is_some() || self.config.reuse.results == Sharing::Nobody {
            return Ok(upload.content);
        }
        let path = upload.path.clone();
        // What cannot be read here is said by whoever needs it.
        blocking(move || hash(&path).ok()).await
    }

    /// Completed jobs whose result may be that of `spec`; none where results are not used again.
    pub(super) async fn earlier(
        &self,
        spec: &JobSpec,
        upload: &Upload,
        content: Option<[u8; 32]>,
    ) -> Result<Vec<Earlier>, ApiError> {
        let sharing = self.config.reuse.results;
        let Some(content) = content.filter(|_| sharing != Sharing::Nobody && !upload.fresh) else {
            return Ok(Vec::new());
        };
        let (store, row) = (&self.driver.drivers().store, spec.row.clone());
        let found = store
            .read(move |db| cache::earlier(db, &row, &content, sharing))
            .await;
        found.map_err(|error| unavailable(&error))
    }
}

/// Gives the job `spec`, whose folder is there, the result of one of `earlier`, if one is as it was.
pub(super) fn take(mut spec: JobSpec, earlier: &[Earlier], jobs: &Path) -> JobSpec {
    let Ok(encoding) = kind::of_row(&spec.row.encoding) else {
        return spec;
    };
    let taken = cached::take(earlier, jobs, &spec.folder, encoding.kind().extension());
    if let Some(one) = taken {
        spec.row.status = azulejo_protocol::JobStatus::Completed;
        spec.row.ended_at = Some(Timestamp::now_utc());
        spec.row.output_bytes = Some(one.output_bytes);
        spec.row.mosaic_version = one.mosaic_version;
        spec.row.cached_from = Some(one.id);
    }
    spec
}

fn hash(path: &Path) -> std::io::Result<[u8; 32]> {
    use std::io::Read as _;

    let mut file = std::fs::File::open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; BUFFER_BYTES]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&buffer[..read]),
        }
    }
}
