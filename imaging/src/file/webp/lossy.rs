//! Packing a WebP with a quality, by libwebp.

use webp::{Encoder, PixelLayout, WebPConfig};

use crate::file::{FileError, Metadata};
use crate::{Channels, Size};

/// Bytes of a chunk's name and length, and of those of the whole file with its kind.
const CHUNK_HEAD: usize = 8;
const FILE_HEAD: usize = 12;

/// The file of `pixels`: 8 bit, three or four channels. Alpha stays as it is; the colours of what is invisible may change.
///
/// # Errors
/// When there is no memory for it, or it is longer than a WebP can be.
pub(super) fn encode(
    pixels: &[u8],
    size: Size,
    channels: Channels,
    quality: u8,
    metadata: &Metadata,
) -> Result<Vec<u8>, FileError> {
    let failed = |what: &str| FileError::unsupported(format!("the WebP cannot be written: {what}"));
    let layout = match channels {
        Channels::Rgb => PixelLayout::Rgb,
        Channels::Rgba => PixelLayout::Rgba,
        _ => return Err(failed("its pixels are neither RGB nor RGBA")),
    };
    let Size { width, height } = size;
    if pixels.len() as u64 != size.pixels() * channels.count() as u64 {
        return Err(failed("rows of it are missing"));
    }
    let mut config = WebPConfig::new().map_err(|()| failed("its encoder does not start"))?;
    config.quality = f32::from(quality.clamp(1, 100));
    let encoder = Encoder::new(pixels, layout, width, height);
    let packed = encoder
        .encode_advanced(&config)
        .map_err(|error| failed(&format!("its encoder says {error:?}")))?;
    let parts = [(b"ICCP", &metadata.icc), (b"EXIF", &metadata.exif)];
    if parts.iter().all(|(_, part)| part.is_none()) {
        return Ok(packed.to_vec());
    }
    container(&packed, size, metadata).ok_or_else(|| failed("it would be longer than 4 GiB"))
}

/// The chunks of `packed` in a file that has metadata, too.
fn container(packed: &[u8], size: Size, metadata: &Metadata) -> Option<Vec<u8>> {
    let is_alpha = |chunk: &[u8]| chunk.starts_with(b"ALPH");
    let pictures: Vec<&[u8]> = chunks(packed)
        .filter(|chunk| !chunk.starts_with(b"VP8X"))
        .collect();
    let flags = u32::from(metadata.icc.is_some()) << 5
        | u32::from(pictures.iter().any(|chunk| is_alpha(chunk))) << 4
        | u32::from(metadata.exif.is_some()) << 3;
    // Sides of 24 bits, less one.
    let side = |side: u32| (side - 1).to_le_bytes();
    let ([w0, w1, w2, _], [h0, h1, h2, _]) = (side(size.width), side(size.height));
    let mut body = b"WEBP".to_vec();
    let extended = [&flags.to_le_bytes()[..], &[w0, w1, w2, h0, h1, h2]].concat();
    put(&mut body, b"VP8X", &extended)?;
    if let Some(icc) = &metadata.icc {
        put(&mut body, b"ICCP", icc)?;
    }
    for chunk in pictures {
        body.extend_from_slice(chunk);
    }
    if let Some(exif) = &metadata.exif {
        put(&mut body, b"EXIF", exif)?;
    }
    // Readers take the length for a signed number less the head of the file.
    let length = u32::try_from(body.len())
        .ok()
        .filter(|length| *length < u32::MAX - 10)?;
    Some([b"RIFF", &length.to_le_bytes()[..], &body].concat())
}

fn put(body: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) -> Option<()> {
    body.extend_from_slice(name);
    body.extend_from_slice(&u32::try_from(data.len()).ok()?.to_le_bytes());
    body.extend_from_slice(data);
    if !data.len().is_multiple_of(2) {
        body.push(0);
    }
    Some(())
}

/// The chunks of a file, each with its name, its length and the byte that makes it even.
fn chunks(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = file.get(FILE_HEAD..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = rest.get(4..CHUNK_HEAD)?.try_into().ok().map(u32::from_le_bytes)?;
        let end = (length as usize).next_multiple_of(2).checked_add(CHUNK_HEAD)?;
        let (chunk, later) = rest.split_at_checked(end)?;
        rest = later;
        Some(chunk)
    })
}
