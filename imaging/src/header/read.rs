//! Which reader a file is for.

use super::{Header, ReadAt, bmp, exr, ico, jp2, jpeg, jxl, plain, png, text, tiff, webp};
use crate::{FileError, FileKind};

impl Header {
    /// Reads the header of a file of `length` bytes, of page number `page` from 1 on where one is named, else of the page that is the
    /// image.
    ///
    /// # Errors
    /// When it is no image, damaged, without that page or of a kind that is not read.
    pub fn read(source: &mut impl ReadAt, length: u64, page: Option<u32>) -> Result<Self, FileError> {
        let mut magic = [0; FileKind::MAGIC_BYTES];
        let read = source.read_at(0, &mut magic);
        let read = read.map_err(|error| FileError::reading(&error))?;
        let kind = magic.get(..read).and_then(FileKind::from_magic);
        let kind = kind.ok_or_else(FileError::not_an_image)?;
        match kind {
            FileKind::Tiff | FileKind::Ico | FileKind::Gif => {}
            _ => {
                if let Some(page) = page.filter(|page| *page != 1) {
                    return Err(FileError::no_page(page, 1));
                }
            }
        }
        match kind {
            FileKind::Png => png::read(source, length),
            FileKind::Jpeg => jpeg::read(source),
            FileKind::Tiff => tiff::read(source, length, page),
            FileKind::WebP => webp::read(source),
            FileKind::Bmp => bmp::read(source),
            FileKind::Pnm => text::pnm(source),
            FileKind::Hdr => text::hdr(source),
            FileKind::Gif => plain::gif(source),
            FileKind::Tga => plain::tga(source),
            FileKind::Qoi => plain::qoi(source),
            FileKind::Farbfeld => plain::farbfeld(source),
            FileKind::Dds => plain::dds(source),
            FileKind::Ico => ico::read(source, length, page),
            FileKind::Exr => exr::read(source),
            FileKind::Jp2 => jp2::read(source, length),
            FileKind::Jxl => jxl::read(source, length),
        }
    }
}
