//! What a BMP says of its picture, and the same picture inside of an icon.

use super::bytes::ReadAt;
use super::{Header, array, broken};
use crate::{FileError, FileKind, PixelFormat, Size};

/// Bytes of the file's own header, and of the oldest header of a bitmap.
const FILE: u64 = 14;
const CORE: u32 = 12;
/// Headers that have a mask of alpha behind those of the colours.
const WITH_ALPHA: [u32; 3] = [56, 108, 124];
/// The compression of pixels whose bits are told by masks.
const MASKS: i32 = 3;

pub(super) fn read(source: &mut impl ReadAt) -> Result<Header, FileError> {
    let (size, has_alpha) = bitmap(source, FILE)?;
    let format = if has_alpha {
        PixelFormat::RGBA8
    } else {
        PixelFormat::RGB8
    };
    Ok(Header::plain(FileKind::Bmp, size, format))
}

/// Size of the bitmap whose header begins at `at`, and whether it has alpha.
pub(super) fn bitmap(source: &mut impl ReadAt, at: u64) -> Result<(Size, bool), FileError> {
    let length = u32::from_le_bytes(array(source, at)?);
    if length == CORE {
        let [w0, w1, h0, h1] = array(source, at + 4)?;
        let side = |bytes| u32::from(u16::from_le_bytes(bytes));
        return Ok((Size::new(side([w0, w1]), side([h0, h1])), false));
    }
    let mut number = |offset: u64| Ok::<_, FileError>(i32::from_le_bytes(array(source, at + offset)?));
    let (width, height) = (number(4)?, number(8)?);
    let width = u32::try_from(width).map_err(|_| broken())?;
    let has_alpha = WITH_ALPHA.contains(&length) && number(16)? == MASKS && number(52)? != 0;
    // From top to bottom where it is negative.
    Ok((Size::new(width, height.unsigned_abs()), has_alpha))
}
