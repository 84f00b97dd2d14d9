//! What can go wrong with a file, sorted by what a caller does about it.

use std::io;

/// Why a file could not be read or written. The sentence is fit for the person whose file it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FileError {
    kind: FileErrorKind,
    message: String,
}

/// The sorts of [`FileError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileErrorKind {
    /// No format that is known here.
    NotAnImage,
    /// Of a known format, but cut short or broken.
    Damaged,
    /// Beyond the limits.
    TooLarge,
    /// Sound, but of a variety that is not read or written.
    Unsupported,
    /// No room to write.
    DiskFull,
    /// The file cannot be opened, read or written.
    Io,
}

impl FileError {
    /// What to do about it.
    pub fn kind(&self) -> FileErrorKind {
        self.kind
    }

    pub(crate) fn not_an_image() -> Self {
        Self {
            kind: FileErrorKind::NotAnImage,
            message: "the file is not an image that is read here; send PNG, JPEG, TIFF or WebP".to_owned(),
        }
    }

    pub(crate) fn damaged(reason: impl std::fmt::Display) -> Self {
        Self {
            kind: FileErrorKind::Damaged,
            message: format!("the image is damaged: {reason}"),
        }
    }

    pub(crate) fn too_large(reason: impl std::fmt::Display) -> Self {
        Self {
            kind: FileErrorKind::TooLarge,
            message: format!("the image is too large: {reason}"),
        }
    }

    pub(crate) fn unsupported(reason: impl std::fmt::Display) -> Self {
        Self {
            kind: FileErrorKind::Unsupported,
            message: reason.to_string(),
        }
    }

    /// An error while pixels are computed: a recipe that does not fit the image.
    pub(crate) fn recipe(error: &impl std::fmt::Display) -> Self {
        Self::unsupported(error)
    }

    /// An error while reading: an end that comes too early is the file's fault, not the disk's.
    pub(crate) fn reading(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::damaged("it ends in the middle; send the whole file"),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Self::damaged(error),
            _ => Self {
                kind: FileErrorKind::Io,
                message: format!("the image cannot be read: {error}"),
            },
        }
    }
}

impl From<io::Error> for FileError {
    /// An error while opening or writing.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self {
                kind: FileErrorKind::DiskFull,
                message: "the disk is full; make room and try again".to_owned(),
            },
            _ => Self {
                kind: FileErrorKind::Io,
                message: format!("file error: {error}"),
            },
        }
    }
}
