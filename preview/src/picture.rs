//! The chosen picture: read by the server's decoders, turned upright as the server does it, rendered by the workers' kernels.
//! All of its pixels are in memory, so what an operation measures is what it measures in a job.

use std::cell::RefCell;
use std::collections::VecDeque;

use azulejo_imaging::file::{Conversion, Decoder, FileError, ImageInfo, Limits};
use azulejo_imaging::header::Header;
use azulejo_imaging::{
    MAX_STEP_BYTES, PixelFormat, Raster, RasterError, Recipe, RecipeError, Region, RenderError, Size, Step,
    Stretch, TileBytes, measure_in_parts, render,
};

use crate::pixels;

/// Most bytes of memory that a picture may take while it is read: its file, its pixels and what decoding holds beside them.
pub const MAX_BYTES: u64 = 512_000_000;
/// Most bytes of a file: it is in memory while it is decoded.
pub const MAX_FILE_BYTES: u64 = 256_000_000;

/// Beginnings of recipes that are kept once they are measured, so that neither another part of the result nor a change of a later step
/// measures anew.
const MEASURED: usize = 16;
/// Side of the parts in which the picture is measured, pixels.
const PART: u32 = 1024;

/// Why there is nothing to show.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum PictureError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is longer than [`MAX_FILE_BYTES`].
    #[error(
        "the file has {} MB, and the preview reads {} MB at most; the server takes it all the same",
        megabytes(*.0),
        megabytes(MAX_FILE_BYTES)
    )]
    LongFile(u64),
    /// Reading it takes more than [`MAX_BYTES`].
    #[error(
        "showing it takes {} MB of memory, and the preview has {} MB; the server takes it all the same",
        megabytes(*.0),
        megabytes(MAX_BYTES)
    )]
    Large(u64),
    /// A step of the recipe takes more memory than a worker would give it.
    #[error(
        "this part of the result takes {} MB in the middle of the recipe, and the preview gives it {} MB",
        megabytes(*.0),
        megabytes(MAX_STEP_BYTES)
    )]
    LargeStep(u64),
    /// The recipe has no result.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The part is none of the result.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The part is none of the picture.
    #[error(transparent)]
    Raster(#[from] RasterError),
}

/// Rounded up, so that what is too much does not look like the limit.
fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

/// A picture in memory, in the format in which the pipeline carries it.
#[derive(Debug)]
pub struct Picture {
    info: ImageInfo,
    stored: Raster,
    /// How it and what is made of it are shown, where it is a measurement: by the range of the picture itself, so that parts
    /// fit each other, and the result beside the original.
    stretch: Option<Stretch>,
    /// Beginnings of recipes, by their text, with what their operations measured of this picture; the latest first.
    measured: RefCell<VecDeque<(String, Recipe)>>,
}

impl Picture {
    /// Whether a file of that length is read.
    ///
    /// # Errors
    /// When it is longer than [`MAX_FILE_BYTES`].
    pub fn check_file(length: u64) -> Result<(), PictureError> {
        if length > MAX_FILE_BYTES {
            return Err(PictureError::LongFile(length));
        }
        Ok(())
    }

    /// Reads the picture in `file`: page number `page` of it, from 1 on, where one is named, else the page that is the image.
    ///
    /// # Errors
    /// When it is none that the server reads, is damaged, has no such page, or takes more memory than [`MAX_BYTES`].
    pub fn read(file: Vec<u8>, page: Option<u32>) -> Result<Self, PictureError> {
        let length = file.len() as u64;
        Self::check_file(length)?;
        let limits = Limits::default();
        // What the header says is too much needs no decoder, which may hold some of it before it says so, too.
        let header = Header::read(&mut &file[..], length, page)?;
        header.check(&limits)?;
        let pixels = header.stored_size.pixels();
        let pixels = pixels.saturating_mul(header.format.bytes_per_pixel() as u64);
        let least = pixels.saturating_add(length);
        if least > MAX_BYTES {
            return Err(PictureError::Large(least));
        }
        let decoder = Decoder::of_bytes_page(file, &limits, page)?;
        let needed = decoder.bytes_for_all().saturating_add(length);
        if needed > MAX_BYTES {
            return Err(PictureError::Large(needed));
        }
        let info = decoder.info().clone();
        let stored = decoder.read_all()?;
        let stretch = info
            .format
            .is_measurement()
            .then(|| Stretch::of(&stored, info.metadata.no_data));
        Ok(Self {
            info,
            stored,
            stretch,
            measured: RefCell::default(),
        })
    }

    /// What the file says of itself.
    pub fn info(&self) -> &ImageInfo {
        &self.info
    }

    /// In words, how it is shown where that is not as it is.
    pub fn shown(&self) -> Option<String> {
        let stretch = self.stretch.as_ref()?;
        let bands = match self.info.format.channels.count() {
            1 => "",
            2 => "the first band, ",
            _ => "the first three bands as red, green and blue, ",
        };
        let ranges = stretch
            .ranges()
            .iter()
            .map(|(black, white)| format!("{black} to {white}"));
        let ranges: Vec<String> = ranges.collect();
        Some(format!(
            "shown: {bands}stretched from 2 % to 98 % of the picture ({}); the result has the numbers",
            ranges.join(", ")
        ))
    }

    /// `raster`, a part of it or of a result, as a canvas takes it.
    pub fn rgba(&self, raster: &Raster) -> Vec<u8> {
        match &self.stretch {
            Some(stretch) => stretch.rgba(raster, self.info.metadata.no_data),
            None => pixels::rgba(raster),
        }
    }

    /// Size of the result of `recipe`.
    ///
    /// # Errors
    /// When there is none.
    pub fn output_size(&self, recipe: &Recipe) -> Result<Size, PictureError> {
        Ok(recipe.output_size(self.info.size())?)
    }

    /// Pixel format of the result of `recipe`.
    pub fn output_format(&self, recipe: &Recipe) -> PixelFormat {
        recipe.output_format(self.info.format)
    }

    /// The part `output` of the result of `recipe`. What its operations need to know of the whole picture is measured first, once.
    ///
    /// # Errors
    /// When there is no such part, or a step takes more memory than [`MAX_STEP_BYTES`].
    pub fn render(&self, recipe: &Recipe, output: Region) -> Result<Raster, PictureError> {
        let recipe = self.info.full_recipe(recipe);
        self.render_measured(&self.measured(&recipe)?, output)
    }

    /// `recipe`, turns included, with all that its operations need to know of this picture.
    fn measured(&self, recipe: &Recipe) -> Result<Recipe, PictureError> {
        let Some(last) = recipe.steps().iter().rposition(Step::is_unmeasured) else {
            return Ok(recipe.clone());
        };
        recipe.check(self.info.format)?;
        let (beginning, rest) = (recipe.before(last + 1), recipe.from(last + 1));
        let text = beginning.to_string();
        let known = |known: &VecDeque<(String, Recipe)>| {
            let found = known.iter().find(|(known, _)| *known == text);
            found.map(|(_, measured)| measured.then(&rest))
        };
        if let Some(measured) = known(&self.measured.borrow()) {
            return Ok(measured);
        }
        let (size, format) = (self.info.stored_size, self.info.format);
        let measured = measure_in_parts(&beginning, size, format, PART, |before, part| {
            self.render_measured(before, part)
        })?;
        let whole = measured.then(&rest);
        let mut kept = self.measured.borrow_mut();
        kept.truncate(MEASURED - 1);
        kept.push_front((text, measured));
        Ok(whole)
    }

    /// The part `output` of the result of `recipe`, turns included.
    fn render_measured(&self, recipe: &Recipe, output: Region) -> Result<Raster, PictureError> {
        let (image, format) = (self.info.stored_size, self.info.format);
        let region = recipe.input_region(image, output)?;
        let needed = TileBytes::of_part(recipe, image, format, output)?.step;
        // The picture itself is there already.
        if needed > MAX_STEP_BYTES.max(self.stored.bytes().len() as u64) {
            return Err(PictureError::LargeStep(needed));
        }
        let conversion = Conversion::of(&self.info, recipe)?;
        if region == image.region() && conversion.is_none() {
            return Ok(render(recipe, image, region, &self.stored, output)?);
        }
        let mut pixels = self.stored.crop(region)?;
        if let Some(conversion) = conversion {
            pixels = conversion.apply_to(pixels)?;
        }
        Ok(render(recipe, image, region, &pixels, output)?)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use azulejo_imaging::file::{EncodeOptions, Encoder, FileErrorKind, FileKind, Metadata};
    use azulejo_imaging::{apply, operations};

    use super::*;

    const SIZE: Size = Size::new(61, 47);

    fn raster(format: PixelFormat) -> Raster {
        let length = Raster::byte_length(SIZE, format).unwrap();
        let bytes = (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8);
        Raster::from_bytes(SIZE, format, bytes.collect()).unwrap()
    }

    fn file(kind: FileKind, raster: &Raster) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder
            .path()
            .join(Path::new("picture").with_extension(kind.extension()));
        let options = EncodeOptions::default();
        let metadata = Metadata::default();
        let mut encoder =
            Encoder::create(&path, kind, &options, raster.size(), raster.format(), &metadata).unwrap();
        encoder.write_rows(raster.bytes()).unwrap();
        encoder.finish().unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn a_part_of_the_preview_has_the_bytes_of_the_whole_result() {
        let formats = PixelFormat::ALL.into_iter();
        let kinds = formats.flat_map(|format| [(FileKind::Png, format), (FileKind::Tiff, format)]);
        let kinds = kinds.chain([
            (FileKind::WebP, PixelFormat::RGBA8),
            (FileKind::WebP, PixelFormat::RGB8),
        ]);
        for (kind, format) in kinds {
            let image = raster(format);
            let picture = Picture::read(file(kind, &image), None).unwrap();
            assert_eq!((picture.info().kind, picture.info().format), (kind, format));
            for operation in operations() {
                let text = match operation.name {
                    "resize" => "resize:width=40",
                    "crop" => "crop:x=3,y=5",
                    name => name,
                };
                let recipe = Recipe::parse(text).unwrap();
                let whole = apply(&recipe, &image).unwrap();
                assert_eq!(picture.output_size(&recipe).unwrap(), whole.size());
                assert_eq!(picture.output_format(&recipe), whole.format());
                let output = Region::new(3, 5, 19, 11);
                assert_eq!(
                    picture.render(&recipe, output).unwrap(),
                    whole.crop(output).unwrap(),
                    "{text} {kind} {format}"
                );
            }
        }
    }

    #[test]
    fn a_picture_that_lies_on_its_side_is_shown_upright() {
        let stored = file(FileKind::Jpeg, &raster(PixelFormat::RGB8));
        let image = Decoder::of_bytes(stored.clone(), &Limits::default()).unwrap();
        let image = image.read_all().unwrap();
        let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
        let mut segment = vec![0xff, 0xe1, 0, exif.len() as u8 + 2];
        segment.append(&mut exif);
        let sideways = [&stored[..2], &segment, &stored[2..]].concat();
        let picture = Picture::read(sideways, None).unwrap();
        assert_eq!(picture.info().size(), SIZE.transposed());
        let recipe = Recipe::parse("blur:sigma=1|crop:x=2,y=3").unwrap();
        let upright = apply(&Recipe::parse("rotate_90").unwrap(), &image).unwrap();
        let whole = apply(&recipe, &upright).unwrap();
        assert_eq!(picture.output_size(&recipe).unwrap(), whole.size());
        assert_eq!(picture.render(&recipe, whole.size().region()).unwrap(), whole);
    }

    #[test]
    fn what_is_too_large_is_refused_before_its_pixels_are_allocated() {
        // A TIFF of 16,100 by 16,100, gray, 16 bit, in one strip that is not there; it would be read in parts.
        let mut large = b"II\x2a\0\x08\0\0\0\x09\0".to_vec();
        for (tag, value) in [
            (256_u16, 16_100_u32),
            (257, 16_100),
            (258, 16),
            (259, 1),
            (262, 1),
            (273, 8),
            (277, 1),
            (278, 16_100),
            (279, 518_420_000),
        ] {
            large.extend(tag.to_le_bytes());
            large.extend([4, 0, 1, 0, 0, 0]);
            large.extend(value.to_le_bytes());
        }
        large.extend([0; 4]);
        let error = Picture::read(large, None).unwrap_err();
        assert!(
            matches!(error, PictureError::Large(bytes) if bytes > 518_420_000),
            "{error}"
        );
        assert!(error.to_string().contains("the preview has 512 MB"), "{error}");
        let error = Picture::check_file(MAX_FILE_BYTES + 1).unwrap_err();
        assert!(error.to_string().starts_with("the file has 257 MB"), "{error}");
        assert_eq!(Picture::check_file(MAX_FILE_BYTES), Ok(()));
    }

    #[test]
    fn what_is_damaged_or_no_picture_says_so() {
        let png = file(FileKind::Png, &raster(PixelFormat::RGB8));
        let kind = |bytes: &[u8]| match Picture::read(bytes.to_vec(), None).unwrap_err() {
            PictureError::File(error) => error.kind(),
            other => panic!("{other}"),
        };
        assert_eq!(kind(&png[..png.len() - 200]), FileErrorKind::Damaged);
        assert_eq!(kind(b"notes"), FileErrorKind::NotAnImage);
    }

    /// A TIFF of two gray pages: one of 3 by 2, and one of a pixel.
    fn pages() -> Vec<u8> {
        let mut file = b"II\x2a\0\x10\0\0\0\x01\x02\x03\x04\x05\x06\x2a\0".to_vec();
        for (width, height, place, next) in [(3, 2, 8, 118_u32), (1, 1, 14, 0)] {
            file.extend(8_u16.to_le_bytes());
            for (tag, value) in [
                (256_u16, width),
                (257, height),
                (258, 8),
                (259, 1),
                (262, 1),
                (273, place),
                (278, height),
                (279, width * height),
            ] {
                file.extend(tag.to_le_bytes());
                file.extend([4, 0, 1, 0, 0, 0]);
                file.extend(u32::to_le_bytes(value));
            }
            file.extend(next.to_le_bytes());
        }
        file
    }

    #[test]
    fn the_page_that_was_chosen_is_shown() {
        for (page, size, pixels) in [
            (None, Size::new(3, 2), &[1, 2, 3, 4, 5, 6][..]),
            (Some(1), Size::new(3, 2), &[1, 2, 3, 4, 5, 6]),
            (Some(2), Size::new(1, 1), &[0x2a]),
        ] {
            let picture = Picture::read(pages(), page).unwrap();
            assert_eq!(picture.info().size(), size, "{page:?}");
            let shown = picture.render(&Recipe::identity(), size.region()).unwrap();
            assert_eq!(shown.bytes(), pixels, "{page:?}");
        }
        let error = Picture::read(pages(), Some(3)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the file has 2 pages; there is no page 3, the first is page 1"
        );
    }

    #[test]
    fn what_is_measured_is_that_of_the_whole_picture_whatever_part_is_shown() {
        let image = raster(PixelFormat::RGB8);
        let picture = Picture::read(file(FileKind::Png, &image), None).unwrap();
        // More than are kept, and each again when others have been shown.
        for round in 0..2 {
            for clip in 0..=MEASURED {
                for end in ["invert", "crop:x=3,y=5|otsu"] {
                    let text = format!("auto_levels:clip={clip},bands=each|{end}");
                    let recipe = Recipe::parse(&text).unwrap();
                    let whole = apply(&recipe, &image).unwrap();
                    for output in [Region::new(0, 0, 9, 4), Region::new(30, 20, 11, 13)] {
                        let part = picture.render(&recipe, output).unwrap();
                        assert_eq!(part, whole.crop(output).unwrap(), "{text} {round}");
                    }
                }
            }
        }
        assert_eq!(picture.measured.borrow().len(), MEASURED);
    }

    #[test]
    fn a_step_that_takes_too_much_memory_is_refused() {
        let picture = Picture::read(file(FileKind::Png, &raster(PixelFormat::RGB8)), None).unwrap();
        let recipe = Recipe::parse("resize:width=20000,height=20000|resize:width=10,height=10").unwrap();
        let error = picture.render(&recipe, Region::new(0, 0, 10, 10)).unwrap_err();
        assert!(matches!(error, PictureError::LargeStep(_)), "{error}");
    }
}
