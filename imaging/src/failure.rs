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
    /// Sound, but without the page that was asked for.
    NoPage,
    /// No room to write.
    DiskFull,
    /// Descriptors or memory are short for the moment: the same may succeed later.
    Shortage,
    /// The file cannot be opened, read or written.
    Io,
}

impl FileError {
    /// What to do about it.
    pub fn kind(&self) -> FileErrorKind {
        self.kind
    }

    /// Whether an error of the system is a shortage of the whole machine that can pass by itself: too many open files, no
    /// memory, an interrupted or postponed call.
    pub fn is_shortage(error: &io::Error) -> bool {
        // EMFILE and ENFILE have no kind of their own. The numbers are those of Linux, macOS and the BSDs.
        matches!(error.raw_os_error(), Some(23 | 24))
            || matches!(
                error.kind(),
                io::ErrorKind::OutOfMemory | io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
            )
    }

    fn shortage(error: &io::Error) -> Self {
        Self {
            kind: FileErrorKind::Shortage,
            message: format!("the system is short of something for the moment: {error}"),
        }
    }

    pub(crate) fn not_an_image() -> Self {
        Self {
            kind: FileErrorKind::NotAnImage,
            message: "the file is not an image that is read here; send PNG, JPEG, TIFF, WebP, BMP, GIF or one of the others that \
                      docs/formats.md lists"
                .to_owned(),
        }
    }

    /// There are `count` pages, and `page` is none of them.
    pub(crate) fn no_page(page: u32, count: u64) -> Self {
        let pages = if count == 1 {
            "1 page"
        } else {
            &format!("{count} pages")
        };
        Self {
            kind: FileErrorKind::NoPage,
            message: format!("the file has {pages}; there is no page {page}, the first is page 1"),
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
    #[cfg(feature = "decode")]
    pub(crate) fn recipe(error: &impl std::fmt::Display) -> Self {
        Self::unsupported(error)
    }

    /// An error while reading: an end that comes too early is the file's fault, not the disk's.
    pub(crate) fn reading(error: &io::Error) -> Self {
        if Self::is_shortage(error) {
            return Self::shortage(error);
        }
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
        if Self::is_shortage(&error) {
            return Self::shortage(&error);
        }
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
