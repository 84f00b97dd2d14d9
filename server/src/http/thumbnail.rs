//! Mosaics for lists: the picture of a job, scaled down further.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use azulejo_protocol::{ApiError, JobId};
use bytes::Bytes;

/// Most bytes of pictures that are kept.
const MOST_BYTES: usize = 16 << 20;

/// Which picture: of a job, at a version, at most so many pixels a side.
type Key = (JobId, u64, u32);

/// The pictures that were scaled down last: many who watch the same list ask for the same. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Thumbnails(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    /// The oldest first.
    pictures: VecDeque<(Key, Bytes)>,
    bytes: usize,
}

impl Thumbnails {
    /// `picture`, scaled down to `key`'s size: once, for all who ask for it. Blocks the thread meanwhile.
    ///
    /// # Errors
    /// 500 when it is no picture.
    pub fn of(&self, key: Key, picture: &Bytes) -> Result<Bytes, ApiError> {
        // Held while it is scaled down, so that whoever asks meanwhile finds it.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, small)) = kept.pictures.iter().find(|(known, _)| *known == key) {
            return Ok(small.clone());
        }
        let small = fit(picture, key.2)?;
        kept.bytes += small.len();
        kept.pictures.push_back((key, small.clone()));
        while kept.bytes > MOST_BYTES
            && let Some((_, oldest)) = kept.pictures.pop_front()
        {
            kept.bytes -= oldest.len();
        }
        Ok(small)
    }
}

/// The PNG `picture` (8-bit gray and alpha or RGBA), scaled down so that neither side is longer than `fit`; as it is
/// when it is no larger than that.
fn fit(picture: &Bytes, fit: u32) -> Result<Bytes, ApiError> {
    let failed = |error: &dyn std::fmt::Display| {
        ApiError::new(
            500,
            "internal",
            format!("the mosaic cannot be scaled down: {error}"),
        )
    };
    let mut reader = png::Decoder::new(std::io::Cursor::new(&picture[..]))
        .read_info()
        .map_err(|error| failed(&error))?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let block = width.max(height).div_ceil(fit.max(1) as usize);
    if block <= 1 {
        return Ok(picture.clone());
    }
    let mut pixels = vec![0; reader.output_buffer_size().unwrap_or(0)];
    let frame = reader.next_frame(&mut pixels).map_err(|error| failed(&error))?;
    let samples = frame.color_type.samples();
    let (small_width, small_height) = (width.div_ceil(block), height.div_ceil(block));
    let mut small = Vec::with_capacity(small_width * small_height * samples);
    let mut sums = vec![0u64; samples];
    for top in (0..height).step_by(block) {
        for left in (0..width).step_by(block) {
            sums.fill(0);
            let mut count = 0;
            for y in top..(top + block).min(height) {
                for x in left..(left + block).min(width) {
                    let pixel = &pixels[(y * width + x) * samples..][..samples];
                    // The last sample is alpha, which weighs the colour.
                    let alpha = u64::from(pixel[samples - 1]);
                    for (sum, sample) in sums.iter_mut().zip(&pixel[..samples - 1]) {
                        *sum += u64::from(*sample) * alpha;
                    }
                    sums[samples - 1] += alpha;
                    count += 1;
                }
            }
            let alpha = sums[samples - 1];
            small.extend(sums[..samples - 1].iter().map(|sum| (sum / alpha.max(1)) as u8));
            small.push((alpha / count) as u8);
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, small_width as u32, small_height as u32);
    encoder.set_color(frame.color_type);
    encoder.set_depth(frame.bit_depth);
    encoder.set_compression(png::Compression::Fast);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&small))
        .map_err(|error| failed(&error))?;
    Ok(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, pixel: [u8; 4]) -> Bytes {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().unwrap();
        writer
            .write_image_data(&pixel.repeat((width * height) as usize))
            .unwrap();
        drop(writer);
        Bytes::from(bytes)
    }

    fn size(bytes: &Bytes) -> (u32, u32) {
        png::Decoder::new(std::io::Cursor::new(&bytes[..]))
            .read_info()
            .unwrap()
            .info()
            .size()
    }

    #[test]
    fn a_large_picture_fits_and_keeps_its_colour() {
        let small = fit(&picture(300, 100, [10, 20, 30, 255]), 96).unwrap();
        assert_eq!(size(&small), (75, 25));
        let mut reader = png::Decoder::new(std::io::Cursor::new(&small[..]))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels[..4], [10, 20, 30, 255]);
    }

    #[test]
    fn each_is_made_once_and_they_are_bounded() {
        let thumbnails = Thumbnails::default();
        let key = |version| (JobId(uuid::Uuid::nil()), version, 96);
        let large = picture(300, 100, [10, 20, 30, 255]);
        let first = thumbnails.of(key(1), &large).unwrap();
        assert_eq!(thumbnails.of(key(1), &large).unwrap().as_ptr(), first.as_ptr());
        assert_ne!(thumbnails.of(key(2), &large).unwrap().as_ptr(), first.as_ptr());
        let noise = Bytes::from(vec![0; MOST_BYTES / 3]);
        for version in 3..9 {
            let mut kept = thumbnails.0.lock().unwrap();
            kept.bytes += noise.len();
            kept.pictures.push_back((key(version), noise.clone()));
            drop(kept);
            thumbnails.of(key(100 + version), &large).unwrap();
            assert!(thumbnails.0.lock().unwrap().bytes <= MOST_BYTES);
        }
        assert_ne!(thumbnails.of(key(1), &large).unwrap().as_ptr(), first.as_ptr());
    }

    #[test]
    fn a_small_picture_is_not_touched() {
        let picture = picture(40, 30, [1, 2, 3, 0]);
        assert_eq!(fit(&picture, 96).unwrap(), picture);
    }

    #[test]
    fn what_is_not_a_picture_is_an_error() {
        assert!(fit(&Bytes::from_static(b"nothing"), 96).is_err());
    }
}
