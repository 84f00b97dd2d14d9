//! Headers of fixed places: GIF, TGA, QOI, farbfeld and DDS.

use super::bytes::ReadAt;
use super::{Header, array, broken};
use crate::{FileError, FileKind, PixelFormat, Size};

/// The size of the screen; frames are drawn onto it.
pub(super) fn gif(source: &mut impl ReadAt) -> Result<Header, FileError> {
    let [w0, w1, h0, h1] = array(source, 6)?;
    Ok(Header {
        pages: None,
        ..Header::plain(
            FileKind::Gif,
            Size::new(short([w0, w1]), short([h0, h1])),
            PixelFormat::RGBA8,
        )
    })
}

fn short(bytes: [u8; 2]) -> u32 {
    u16::from_le_bytes(bytes).into()
}

pub(super) fn tga(source: &mut impl ReadAt) -> Result<Header, FileError> {
    let [
        _,
        map,
        kind,
        _,
        _,
        _,
        _,
        entry,
        _,
        _,
        _,
        _,
        w0,
        w1,
        h0,
        h1,
        depth,
        descriptor,
    ] = array(source, 0)?;
    let alpha = descriptor & 15;
    let bits = if map == 1 { entry } else { depth };
    let is_color = matches!(kind, 1 | 2 | 9 | 10);
    let format = match (alpha, bits.checked_sub(alpha), is_color) {
        (0, Some(32), true) | (8, Some(24), true) => PixelFormat::RGBA8,
        (0, Some(24), true) => PixelFormat::RGB8,
        (8, Some(8), false) => PixelFormat::GRAYA8,
        (0, Some(8), false) | (8, Some(0), false) => PixelFormat::GRAY8,
        _ => return Err(not_read(FileKind::Tga)),
    };
    let size = Size::new(short([w0, w1]), short([h0, h1]));
    Ok(Header::plain(FileKind::Tga, size, format))
}

pub(super) fn qoi(source: &mut impl ReadAt) -> Result<Header, FileError> {
    let [w3, w2, w1, w0, h3, h2, h1, h0, channels] = array(source, 4)?;
    let format = match channels {
        3 => PixelFormat::RGB8,
        4 => PixelFormat::RGBA8,
        _ => return Err(broken()),
    };
    let size = Size::new(
        u32::from_be_bytes([w3, w2, w1, w0]),
        u32::from_be_bytes([h3, h2, h1, h0]),
    );
    Ok(Header::plain(FileKind::Qoi, size, format))
}

pub(super) fn farbfeld(source: &mut impl ReadAt) -> Result<Header, FileError> {
    let size = Size::new(
        u32::from_be_bytes(array(source, 8)?),
        u32::from_be_bytes(array(source, 12)?),
    );
    Ok(Header::plain(FileKind::Farbfeld, size, PixelFormat::RGBA16))
}

/// Of packed pixels: BC1 without alpha, BC2 and BC3 with.
pub(super) fn dds(source: &mut impl ReadAt) -> Result<Header, FileError> {
    let size = Size::new(
        u32::from_le_bytes(array(source, 16)?),
        u32::from_le_bytes(array(source, 12)?),
    );
    let [flags, _, _, _, name @ ..] = array::<8>(source, 80)?;
    let has_alpha = match &name {
        _ if flags & 4 == 0 => return Err(not_read(FileKind::Dds)),
        b"DXT1" => false,
        b"DXT3" | b"DXT5" => true,
        b"DX10" => match u32::from_le_bytes(array(source, 128)?) {
            70..=72 => false,
            73..=78 => true,
            _ => return Err(not_read(FileKind::Dds)),
        },
        _ => return Err(not_read(FileKind::Dds)),
    };
    let format = if has_alpha {
        PixelFormat::RGBA8
    } else {
        PixelFormat::RGB8
    };
    Ok(Header::plain(FileKind::Dds, size, format))
}

fn not_read(kind: FileKind) -> FileError {
    FileError::unsupported(format!(
        "this kind of {kind} is not read: the kind of its pixels; save it as PNG"
    ))
}
