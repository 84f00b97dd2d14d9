//! What passed.

use azulejo_imaging::file::ImageInfo;
use azulejo_protocol::Timestamp;
use uuid::Uuid;

use super::part_file::PartFile;

/// A file that is on disk, whole, and within the limits. Deleted when dropped, unless somebody has moved it away.
#[derive(Debug)]
pub struct Received {
    /// Its id, and its job's file name on disk.
    pub id: Uuid,
    /// The file.
    pub file: PartFile,
    /// Who it belongs to; `None` where authentication is off.
    pub owner: Option<String>,
    /// The client's name for it, made harmless.
    pub filename: String,
    /// Its length.
    pub bytes: u64,
    /// What its header says.
    pub info: ImageInfo,
    /// Whether its bytes were counted for its owner's quota as they came.
    pub is_counted: bool,
    /// SHA-256 of its bytes, where it was taken on the way.
    pub content: Option<[u8; 32]>,
    /// When its first byte came; `None` for a file that was here before.
    pub started_at: Option<Timestamp>,
}
