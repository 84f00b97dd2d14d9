//! What a JPEG says of its picture. The markers, the frame header and the application segments are read here for the decoder, too.

pub(crate) mod colors;
pub(crate) mod frame;
pub(crate) mod markers;
pub(crate) mod segments;

pub(crate) use colors::Colors;
pub(crate) use frame::{Component, Frame};
pub(crate) use markers::{Markers, Preface};

use super::bytes::ReadAt;
use super::{Header, exif};
use crate::{FileError, FileKind, Limits};

/// How many times the limit of one piece of metadata all of it may take: profile, EXIF, and what is not used.
const MAX_METADATA_PIECES: u64 = 4;

/// The most bytes that may come before the pixels.
pub(crate) fn most_before_pixels(limits: &Limits) -> u64 {
    (limits.max_metadata_bytes as u64).saturating_mul(MAX_METADATA_PIECES)
}

/// Reads the header.
///
/// # Errors
/// When it is damaged or of a kind that is not read.
pub(super) fn read(source: &mut impl ReadAt) -> Result<Header, FileError> {
    let mut markers = Markers::new(source, 0);
    let most = most_before_pixels(&Limits::default());
    let preface = markers.preface(most, |markers, _, length| {
        markers.skip(length);
        Ok(())
    })?;
    let Preface {
        mut frame,
        pieces,
        scan,
    } = preface;
    if frame.size.height == 0 {
        // The number of rows stands behind the first scan.
        markers.skip(scan);
        frame.size.height = markers.height()?;
    }
    let colors = Colors::of_file(&frame, &pieces)?;
    Ok(Header {
        kind: FileKind::Jpeg,
        stored_size: frame.size,
        format: colors.format(frame.precision),
        orientation: exif::orientation(pieces.exif.as_deref()),
        pages: Some(1),
    })
}
