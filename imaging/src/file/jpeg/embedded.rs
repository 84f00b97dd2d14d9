//! A JPEG inside of another file, which may keep its tables apart and knows what the components are: a tile of a TIFF.

use super::markers::{Head, only_tables};
pub(in crate::file) use super::picture::Picture;
use super::tables::Tables;
use crate::file::FileError;
pub(in crate::file) use crate::header::jpeg::{Colors, Frame};

/// Most bytes that come before the pixels.
const MAX_HEADER: u64 = 1 << 20;

/// The frame header alone: size and components, and the least that such a picture takes ([`Frame::least_bytes`]), to be looked
/// at before [`open`], which makes room for a row of MCUs.
///
/// # Errors
/// When it is damaged or of a kind that is not read.
pub(in crate::file) fn frame(stream: &[u8]) -> Result<Frame, FileError> {
    Ok(Head::read(&mut { stream }, Tables::default(), MAX_HEADER)?.frame)
}

/// Begins to decode `stream`. `tables` is a stream of tables alone that come before its own. `colors` says what the components
/// are, whatever the stream says of it; without it that is found out as for a file.
///
/// # Errors
/// When it is damaged or of a kind that is not read.
pub(in crate::file) fn open<'a>(
    tables: Option<&[u8]>,
    stream: &'a [u8],
    colors: Option<Colors>,
) -> Result<Picture<&'a [u8]>, FileError> {
    let tables = tables.map(only_tables).transpose()?.unwrap_or_default();
    let head = Head::read(&mut { stream }, tables, MAX_HEADER)?;
    let colors = match colors {
        Some(colors) => {
            let count = head.frame.components.len();
            let fits = match colors {
                Colors::Gray => count == 1,
                Colors::Rgb | Colors::YCbCr => count == 3,
                Colors::Cmyk | Colors::Ycck | Colors::YcckLight => count == 4,
                Colors::Raw => true,
            };
            if !fits {
                return Err(FileError::damaged(format!("a JPEG in it has {count} components")));
            }
            colors
        }
        None => head.colors()?,
    };
    Picture::new(stream, head, colors)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture in colours that are none of YCbCr, with its tables.
    fn stream() -> Vec<u8> {
        let pixels: Vec<u8> = (0..40 * 24 * 3).map(|n| (n * 7 / 5) as u8).collect();
        let mut bytes = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
        encoder
            .encode(&pixels, 40, 24, jpeg_encoder::ColorType::Rgb)
            .unwrap();
        bytes
    }

    fn pixels(mut picture: Picture<&[u8]>) -> Vec<u8> {
        let mut pixels = vec![0; picture.size().pixels() as usize * picture.channels()];
        picture.read_rows(&mut pixels).unwrap();
        pixels
    }

    /// Takes the segments of tables out of a stream; gives tables and the rest, each a stream.
    fn abbreviated(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (mut tables, mut rest) = (vec![0xff, 0xd8], vec![0xff, 0xd8]);
        let mut at = 2;
        while bytes[at + 1] != 0xda {
            let end = at + 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            let to = if matches!(bytes[at + 1], 0xc4 | 0xdb) {
                &mut tables
            } else {
                &mut rest
            };
            to.extend(&bytes[at..end]);
            at = end;
        }
        rest.extend(&bytes[at..]);
        tables.extend([0xff, 0xd9]);
        (tables, rest)
    }

    #[test]
    fn tables_may_be_kept_apart() {
        let bytes = stream();
        let (tables, rest) = abbreviated(&bytes);
        let whole = pixels(open(None, &bytes, None).unwrap());
        assert_eq!(pixels(open(Some(&tables), &rest, None).unwrap()), whole);
        assert!(open(None, &rest, None).is_err());
    }

    #[test]
    fn the_caller_says_what_the_components_are() {
        let bytes = stream();
        assert_eq!(frame(&bytes).unwrap().size, crate::Size::new(40, 24));
        let rgb = pixels(open(None, &bytes, Some(Colors::YCbCr)).unwrap());
        let raw = pixels(open(None, &bytes, Some(Colors::Raw)).unwrap());
        assert_eq!(raw, pixels(open(None, &bytes, Some(Colors::Rgb)).unwrap()));
        assert_ne!(raw, rgb);
        assert!(open(None, &bytes, Some(Colors::Gray)).is_err());
    }
}
