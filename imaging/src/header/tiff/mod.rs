//! What a TIFF or BigTIFF says of its pages. Directories, pages and what becomes of their samples are read here for the decoder,
//! too.

pub(crate) mod carried;
pub(crate) mod choose;
pub(crate) mod ifd;
pub(crate) mod numbers;
pub(crate) mod packing;
pub(crate) mod page;
mod refused;

pub(crate) use carried::{Carried, Meaning};
pub(crate) use choose::{Chosen, choose};
pub(crate) use ifd::{Directory, TiffFile};
pub(crate) use numbers::Measured;
pub(crate) use packing::{Around, Codec};
pub(crate) use page::{Numbers, Page, Stored};
pub(crate) use refused::unsupported;

use super::Header;
use super::bytes::ReadAt;
use crate::{FileError, FileKind, Limits, Orientation};

/// The orientation that a page names.
pub(crate) fn orientation(file: &mut TiffFile<impl ReadAt>, directory: &Directory) -> Orientation {
    let tag = directory.number(file, page::tag::ORIENTATION).ok().flatten();
    Orientation::from_tag(tag.and_then(|tag| tag.try_into().ok()).unwrap_or(1))
}

/// Reads the header of page number `page`, from 1 on, else of the largest.
///
/// # Errors
/// When it is damaged or of a kind that is not read, or there is no such page.
pub(super) fn read(source: &mut impl ReadAt, length: u64, chosen: Option<u32>) -> Result<Header, FileError> {
    let (mut file, first) = TiffFile::open(source, length)?;
    let chosen = choose(&mut file, first, chosen)?;
    let page = Page::of(&mut file, &chosen.directory, &Limits::NONE)?;
    Ok(Header {
        kind: FileKind::Tiff,
        stored_size: page.size,
        format: Carried::of(&page)?.format,
        orientation: orientation(&mut file, &chosen.directory),
        pages: u32::try_from(chosen.count).ok(),
    })
}
