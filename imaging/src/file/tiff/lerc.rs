//! LERC (compression 34887), by the crate `lerc-rs`: what GDAL and libtiff write, which pack samples as they are in the order of the file. Pixels without data are not a number, or zero.

use std::io::Read;

use lerc::{DataType, SampleData};

use super::zstd;
use crate::Size;
use crate::file::FileError;
use crate::header::tiff::{Around, Numbers, Stored};

fn damaged() -> FileError {
    FileError::damaged("the LERC data of a strip or tile is wrong or ends early")
}

/// Unpacks the rows `out` of a strip or tile of `size`, `stored` samples of a pixel, the lower byte first.
///
/// # Errors
/// When the data is damaged or not of that size and kind.
pub(super) fn decode(
    data: &[u8],
    around: Around,
    out: &mut [u8],
    size: Size,
    stored: Stored,
) -> Result<(), FileError> {
    // A blob is little longer than its samples.
    let most = out.len() as u64 * 2 + (1 << 16);
    let mut blob = Vec::new();
    let data = match around {
        Around::Nothing => data,
        Around::Deflate => {
            let decoder = flate2::read::ZlibDecoder::new(data);
            decoder.take(most).read_to_end(&mut blob).map_err(|_| damaged())?;
            &blob
        }
        Around::Zstd => {
            blob = zstd::decode_all(data, most).ok_or_else(damaged)?;
            &blob
        }
    };
    let width = stored.bits as usize / 8;
    let pixel = stored.samples * width;
    let rows = out.len() / (size.width as usize * pixel).max(1);
    let info = lerc::decode_info(data).map_err(|_| damaged())?;
    // libtiff keeps alpha that is all or nothing as the mask.
    let has_alpha_mask = stored.bits == 8 && info.depth as usize + 1 == stored.samples;
    let fits = info.width == size.width
        && info.height as usize >= rows
        && info.height <= size.height
        && info.bands == 1
        && (info.depth as usize == stored.samples || has_alpha_mask)
        && info.data_type == kind(stored).ok_or_else(damaged)?;
    if !fits {
        return Err(FileError::damaged(
            "the LERC data in it has not the size or kind of its strip or tile",
        ));
    }
    let image = lerc::decode(data).map_err(|_| damaged())?;
    let depth = info.depth as usize;
    let bytes = bytes(&image.data);
    let mask = image.valid_masks.first();
    if bytes.len() < rows * size.width as usize * depth * width {
        return Err(damaged());
    }
    for (index, (to, from)) in out
        .chunks_exact_mut(pixel)
        .zip(bytes.chunks_exact(depth * width))
        .enumerate()
    {
        let is_there = mask.is_none_or(|mask| index < mask.num_pixels() && mask.is_valid(index));
        let (samples, alpha) = to.split_at_mut(depth * width);
        alpha.fill(if is_there { 255 } else { 0 });
        match (&image.data, is_there) {
            (_, true) => samples.copy_from_slice(from),
            (SampleData::F32(_), false) => fill(samples, &f32::NAN.to_le_bytes()),
            (SampleData::F64(_), false) => fill(samples, &f64::NAN.to_le_bytes()),
            (_, false) => samples.fill(0),
        }
    }
    Ok(())
}

fn fill(samples: &mut [u8], one: &[u8]) {
    for sample in samples.chunks_exact_mut(one.len()) {
        sample.copy_from_slice(one);
    }
}

/// What the samples of a page are called.
fn kind(stored: Stored) -> Option<DataType> {
    use Numbers::{Float, Signed, Unsigned};
    Some(match (stored.numbers, stored.bits) {
        (Unsigned, 8) => DataType::Byte,
        (Signed, 8) => DataType::Char,
        (Unsigned, 16) => DataType::UShort,
        (Signed, 16) => DataType::Short,
        (Unsigned, 32) => DataType::UInt,
        (Signed, 32) => DataType::Int,
        (Float, 32) => DataType::Float,
        (Float, 64) => DataType::Double,
        _ => return None,
    })
}

/// The lower byte first.
fn bytes(data: &SampleData) -> Vec<u8> {
    match data {
        SampleData::I8(samples) => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
        SampleData::U8(samples) => samples.clone(),
        SampleData::I16(samples) => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
        SampleData::U16(samples) => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
        SampleData::I32(samples) => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
        SampleData::U32(samples) => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
        SampleData::F32(samples) => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
        SampleData::F64(samples) => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
    }
}
