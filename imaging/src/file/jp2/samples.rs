//! Decoded components as samples.

use hayro_jpeg2000::{ComponentData, DecodeSettings, DecoderContext, Image};

use crate::Size;
use crate::file::FileError;
use crate::header::jp2::Frame;

/// How decoded numbers become samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// As they are.
    Number,
    /// From 0 to the most that the component holds, to 0 to the most that a sample holds.
    Part,
    /// As they are, luma and two colour differences, to red, green and blue.
    YCbCr,
}

/// What an error of the decoder means.
pub(super) fn reading(error: hayro_jpeg2000::DecodeError) -> FileError {
    use hayro_jpeg2000::DecodeError as E;
    match error {
        E::Format(hayro_jpeg2000::FormatError::Unsupported) => {
            FileError::unsupported("this kind of JPEG 2000 is not read: its colours; save it as PNG")
        }
        _ => FileError::damaged("its JPEG 2000 data is wrong or ends early"),
    }
}

/// The picture in `file`, which is a JP2 file or a codestream.
pub(super) fn open(file: &[u8]) -> Result<Image<'_>, FileError> {
    Image::new(file, &DecodeSettings::default()).map_err(reading)
}

/// All samples, those of a pixel together, of one byte or two, the lower first. Memory is to be bounded by [`Frame::check`]
/// before.
pub(super) fn decode(
    image: &Image<'_>,
    count: usize,
    is_wide: bool,
    meaning: Meaning,
    out: &mut [u8],
) -> Result<(), FileError> {
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(reading)?;
    let planes = decoded.components();
    let bytes = if is_wide { 2 } else { 1 };
    let pixels = planes.first().map_or(0, |plane| plane.samples().len());
    if planes.len() < count || planes.iter().any(|plane| plane.samples().len() != pixels) {
        return Err(FileError::damaged("components of its JPEG 2000 data are missing"));
    }
    if pixels.saturating_mul(count * bytes) < out.len() {
        return Err(FileError::damaged("rows of its JPEG 2000 data are missing"));
    }
    if let ([luma, blue, red, ..], Meaning::YCbCr) = (planes, meaning) {
        from_ycbcr([luma, blue, red], is_wide, out);
        return Ok(());
    }
    for (index, plane) in planes.iter().take(count).enumerate() {
        let most = if is_wide { 65535.0 } else { 255.0 };
        let own = ((1u64 << plane.bit_depth().min(63)) - 1) as f32;
        let (scale, most) = match meaning {
            Meaning::Part => (most / own, most),
            _ => (1.0, most.min(own)),
        };
        let samples = plane.samples().iter();
        for (value, pixel) in samples.zip(out.chunks_exact_mut(count * bytes)) {
            put(value * scale, most, is_wide, index, pixel);
        }
    }
    Ok(())
}

/// Rounds a value into the sample of that number.
fn put(value: f32, most: f32, is_wide: bool, index: usize, pixel: &mut [u8]) {
    let value = (value.clamp(0.0, most) + 0.5) as u16;
    if is_wide {
        pixel[2 * index..][..2].copy_from_slice(&value.to_le_bytes());
    } else {
        pixel[index] = value as u8;
    }
}

/// By the weights of JFIF.
fn from_ycbcr(planes: [&ComponentData; 3], is_wide: bool, out: &mut [u8]) {
    let (most, middle) = if is_wide {
        (65535.0, 32768.0)
    } else {
        (255.0, 128.0)
    };
    let [luma, blue, red] = planes.map(ComponentData::samples);
    let pixels = luma.iter().zip(blue).zip(red);
    for (((luma, blue), red), pixel) in pixels.zip(out.chunks_exact_mut(if is_wide { 6 } else { 3 })) {
        let (blue, red) = (blue - middle, red - middle);
        put(luma + 1.402 * red, most, is_wide, 0, pixel);
        put(luma - 0.344_136 * blue - 0.714_136 * red, most, is_wide, 1, pixel);
        put(luma + 1.772 * blue, most, is_wide, 2, pixel);
    }
}

/// Unpacks the rows `out` of a strip or tile of a TIFF: `count` samples a pixel, of `bits`, 8 or 16, the lower byte first;
/// `converts` from YCbCr to RGB.
///
/// # Errors
/// When the data is damaged or not of that size and kind.
pub(in crate::file) fn tile(
    data: &[u8],
    out: &mut [u8],
    size: Size,
    (count, bits): (usize, u32),
    converts: bool,
) -> Result<(), FileError> {
    let wrong =
        || FileError::damaged("a JPEG 2000 picture in it has not the size or kind of its strip or tile");
    // Some writers put whole JP2 files into tiles.
    let start = data
        .windows(4)
        .position(|bytes| bytes == [0xff, 0x4f, 0xff, 0x51])
        .ok_or_else(wrong)?;
    let codestream = &data[start..];
    let frame = Frame::of(codestream)?;
    let is_wide = bits == 16;
    let rows = out.len() / (size.width as usize * count * if is_wide { 2 } else { 1 }).max(1);
    let fits = frame.size.width == size.width
        && frame.size.height as usize >= rows
        && frame.size.height <= size.height
        && frame.components.len() == count
        && frame.components.iter().all(|each| u32::from(each.bits) <= bits);
    if !fits {
        return Err(wrong());
    }
    if frame.components.iter().any(|component| component.is_signed) {
        return Err(FileError::unsupported(
            "this kind of TIFF is not read: its JPEG 2000 has signed samples; save it as PNG",
        ));
    }
    frame.check(codestream)?;
    let image = open(codestream)?;
    // Colour differences at half resolution are converted by the decoder.
    let is_shared = frame
        .components
        .windows(2)
        .any(|pair| pair[0].shared != pair[1].shared);
    let meaning = match converts && !is_shared && count == 3 {
        true => Meaning::YCbCr,
        false => Meaning::Number,
    };
    decode(&image, count, is_wide, meaning, out)
}
