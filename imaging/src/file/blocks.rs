//! Images of which any part can be read at any time.

use super::FileError;
use crate::{PixelFormat, Raster, Region, Size};

/// Gives any part of an image, to several threads at once.
pub(super) trait Blocks: Send + Sync {
    /// The pixels of `region`, which lies within the image.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read(&self, region: Region) -> Result<Raster, FileError>;
}

/// A raster of that size whose bytes `fill` writes.
pub(super) fn raster(
    size: Size,
    format: PixelFormat,
    fill: impl FnOnce(&mut [u8]) -> Result<(), FileError>,
) -> Result<Raster, FileError> {
    let length = Raster::byte_length(size, format).map_err(|error| FileError::recipe(&error))?;
    let mut pixels = vec![0; length];
    fill(&mut pixels)?;
    Raster::from_bytes(size, format, pixels).map_err(|error| FileError::recipe(&error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::file::scratch::Scratch;
    use crate::file::{Decoder, EncodeOptions, Encoder, FileKind, Limits, Metadata};
    use crate::{Encoding, apply};

    fn noise(size: Size, format: PixelFormat) -> Raster {
        let mut state = 1u32;
        let bytes = (0..Raster::byte_length(size, format).unwrap()).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        Raster::from_bytes(size, format, bytes.collect()).unwrap()
    }

    /// A decoder of `image`, written as `text` says.
    fn decoder(image: &Raster, text: &str, folder: &std::path::Path) -> Decoder {
        let encoding: Encoding = text.parse().unwrap();
        let path = folder.join(text);
        let options = EncodeOptions::from(encoding);
        let metadata = Metadata::default();
        let encoder = Encoder::create(
            &path,
            encoding.kind(),
            &options,
            image.size(),
            image.format(),
            &metadata,
        );
        let mut encoder = encoder.unwrap();
        encoder.write_rows(image.bytes()).unwrap();
        encoder.finish().unwrap();
        Decoder::open(&path, &Limits::default()).unwrap()
    }

    fn cropped(image: &Raster, region: Region) -> Raster {
        let Region { x, y, width, height } = region;
        let recipe = format!("crop:x={x},y={y},width={width},height={height}");
        apply(&recipe.parse().unwrap(), image).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_part_is_that_of_the_image(
            (width, height) in (1..700u32, 1..600u32),
            parts in prop::collection::vec((0.0..1.0, 0.0..1.0, 0.0..1.0, 0.0..1.0), 12),
            wide in any::<bool>(),
        ) {
            let size = Size::new(width, height);
            let image = noise(size, if wide { PixelFormat::GRAYA16 } else { PixelFormat::RGB8 });
            let folder = tempfile::tempdir().unwrap();
            let mut sources: Vec<(&str, Box<dyn Blocks>)> = Vec::new();
            for encoding in ["tiff:compression=none", "tiff:compression=none,tile=strips", "tiff:compression=none,tile=48"] {
                let blocks = decoder(&image, encoding, folder.path()).blocks();
                sources.push((encoding, blocks.expect("it is not packed")));
            }
            let packed = decoder(&image, "tiff", folder.path());
            prop_assert!(packed.blocks().is_none());
            let scratch = Scratch::fill(packed, folder.path(), &mut |_| Ok(())).unwrap();
            sources.push(("scratch", Box::new(scratch)));
            for (x, y, w, h) in parts {
                let at = |part: f64, whole: u32| (f64::from(whole) * part) as u32;
                let (x, y) = (at(x, width), at(y, height));
                let region = Region::new(x, y, 1 + at(w, width - x - 1), 1 + at(h, height - y - 1));
                for (name, blocks) in &sources {
                    prop_assert!(blocks.read(region).unwrap() == cropped(&image, region), "{} {}", name, region);
                }
            }
        }
    }

    #[test]
    fn a_file_that_is_cut_short_is_read_from_top_to_bottom() {
        let folder = tempfile::tempdir().unwrap();
        let image = noise(Size::new(200, 200), PixelFormat::GRAY8);
        drop(decoder(&image, "tiff:compression=none", folder.path()));
        let mut file = std::fs::read(folder.path().join("tiff:compression=none")).unwrap();
        // `TileOffsets`, one LONG: the place of the only tile. It is moved towards the end of the file.
        let entry = [0x44, 0x01, 4, 0, 1, 0, 0, 0, 8, 0, 0, 0];
        let at = file.windows(12).position(|bytes| bytes == entry).unwrap() + 8;
        let length = file.len() as u32;
        file[at..at + 4].copy_from_slice(&(length - 100).to_le_bytes());
        let decoder = Decoder::of_bytes(file, &Limits::default()).unwrap();
        assert_eq!(decoder.info().kind, FileKind::Tiff);
        assert!(decoder.blocks().is_none());
    }
}
