//! Mosaics for lists: the picture of a job, scaled down further. One at a time: whoever asks meanwhile waits without a thread.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azulejo_protocol::{ApiError, JobId};
use bytes::Bytes;
use tokio::sync::Semaphore;

/// Most bytes of pictures that are kept.
const MOST_BYTES: usize = 16 << 20;

/// Which picture: of a job, at a version, at most so many pixels a side.
type Key = (JobId, u64, u32);

/// The pictures that were scaled down last: many who watch the same list ask for the same. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Thumbnails(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Whose turn it is to scale one down.
    turn: Semaphore,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The oldest first.
    pictures: VecDeque<(Key, Bytes)>,
    bytes: usize,
}

impl Default for Thumbnails {
    fn default() -> Self {
        Self(Arc::new(Inner {
            turn: Semaphore::new(1),
            kept: Mutex::default(),
        }))
    }
}

impl Thumbnails {
    /// `picture`, scaled down to `key`'s size: once, for all who ask for it.
    ///
    /// # Errors
    /// 500 when it is no picture.
    pub async fn of(&self, key: Key, picture: &Bytes) -> Result<Bytes, ApiError> {
        if let Some(small) = self.kept().find(key) {
            return Ok(small);
        }
        let _turn = self.0.turn.acquire().await.map_err(|error| failed(&error))?;
        // Whoever had the turn before may have made it.
        if let Some(small) = self.kept().find(key) {
            return Ok(small);
        }
        let picture = picture.clone();
        let small = tokio::task::spawn_blocking(move || fit(&picture, key.2));
        let small = small.await.map_err(|error| failed(&error))??;
        self.kept().add(key, small.clone());
        Ok(small)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn find(&self, key: Key) -> Option<Bytes> {
        let found = self.pictures.iter().find(|(known, _)| *known == key);
        found.map(|(_, small)| small.clone())
    }

    fn add(&mut self, key: Key, small: Bytes) {
        self.bytes += small.len();
        self.pictures.push_back((key, small));
        while self.bytes > MOST_BYTES
            && let Some((_, oldest)) = self.pictures.pop_front()
        {
            self.bytes -= oldest.len();
        }
    }
}

fn failed(error: &dyn std::fmt::Display) -> ApiError {
    let detail = format!("the mosaic cannot be scaled down: {error}");
    ApiError::new(500, "internal", detail)
}

/// The PNG `picture` (8-bit gray and alpha or RGBA), scaled down so that neither side is longer than `fit`; as it is
/// when it is no larger than that.
fn fit(picture: &Bytes, fit: u32) -> Result<Bytes, ApiError> {
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

    #[tokio::test]
    async fn each_is_made_once_and_they_are_bounded() {
        let thumbnails = Thumbnails::default();
        let key = |version| (JobId(uuid::Uuid::nil()), version, 96);
        let large = picture(300, 100, [10, 20, 30, 255]);
        let first = thumbnails.of(key(1), &large).await.unwrap();
        assert_eq!(
            thumbnails.of(key(1), &large).await.unwrap().as_ptr(),
            first.as_ptr()
        );
        assert_ne!(
            thumbnails.of(key(2), &large).await.unwrap().as_ptr(),
            first.as_ptr()
        );
        let noise = Bytes::from(vec![0; MOST_BYTES / 3]);
        for version in 3..9 {
            thumbnails.kept().add(key(version), noise.clone());
            thumbnails.of(key(100 + version), &large).await.unwrap();
            assert!(thumbnails.kept().bytes <= MOST_BYTES);
        }
        assert_ne!(
            thumbnails.of(key(1), &large).await.unwrap().as_ptr(),
            first.as_ptr()
        );
    }

    #[test]
    fn those_who_wait_for_a_picture_hold_no_thread() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(2)
            .build()
            .unwrap();
        runtime.block_on(async {
            let thumbnails = Thumbnails::default();
            let large = picture(300, 100, [10, 20, 30, 255]);
            let key = |version| (JobId(uuid::Uuid::nil()), version, 96);
            // As one that takes long to scale down.
            let turn = thumbnails.0.turn.acquire().await.unwrap();
            let mut asked = tokio::task::JoinSet::new();
            for version in 0..50 {
                let (thumbnails, large) = (thumbnails.clone(), large.clone());
                asked.spawn(async move { thumbnails.of(key(version % 5), &large).await });
            }
            tokio::task::yield_now().await;
            let other = tokio::task::spawn_blocking(|| "served");
            assert_eq!(other.await.unwrap(), "served");
            assert!(asked.try_join_next().is_none(), "all of them wait");
            drop(turn);
            while let Some(answer) = asked.join_next().await {
                assert_eq!(size(&answer.unwrap().unwrap()), (75, 25));
            }
            assert_eq!(thumbnails.kept().pictures.len(), 5);
        });
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
