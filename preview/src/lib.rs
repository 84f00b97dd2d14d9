//! The decoders and kernels of `imaging` as a WebAssembly module, for the preview before an upload: the same code as in the
//! server and the workers, and so the same bytes. It runs in a Web Worker (`public/preview-worker.js`), so that the page stays
//! quick.
//!
//! # Tour
//! - [`picture`]: the chosen picture, decoded in its own pixel format; rendering a part of a result.
//! - [`pixels`]: from rasters to the RGBA of a canvas.
//! - [`Picture`] is what the Web Worker holds. Numbers go in and out as plain arrays.
//!
//! # Building
//! For `wasm32-unknown-unknown` with the profile `wasm-release`, `opt-level=3` and SIMD128, then wasm-bindgen with `web(true)`,
//! `typescript(false)` and `out_name("preview")`: that gives `/pkg/preview.js` and `/pkg/preview_bg.wasm`.

#![deny(missing_docs)]

pub mod picture;
pub mod pixels;

use azulejo_imaging::{Raster, Recipe, Region, Size};
use wasm_bindgen::prelude::*;

/// The chosen picture, decoded.
#[wasm_bindgen]
pub struct Picture(picture::Picture);

#[wasm_bindgen]
impl Picture {
    /// Whether a file of `length` bytes is read.
    ///
    /// # Errors
    /// When it is too long.
    pub fn check_file(length: f64) -> Result<(), JsError> {
        Ok(picture::Picture::check_file(length as u64)?)
    }

    /// Decodes the picture in `file`: page number `page` of it, from 1 on, where one is named, else the page that is the image.
    ///
    /// # Errors
    /// When it is none that the server reads, is damaged, has no such page, or takes more memory than the preview has.
    pub fn read(file: Vec<u8>, page: Option<u32>) -> Result<Picture, JsError> {
        Ok(Self(picture::Picture::read(file, page)?))
    }

    /// The kind of file: `png`, `jpeg` and so on.
    pub fn kind(&self) -> String {
        self.0.info().kind.name().to_owned()
    }

    /// Width and height of the upright picture.
    pub fn size(&self) -> Vec<u32> {
        numbers(self.0.info().size())
    }

    /// The format in which the pipeline carries it: `rgb8`, `gray16le`, ...
    pub fn format(&self) -> String {
        self.0.info().format.to_string()
    }

    /// How it is shown, where that is not as it is: `shown: the first three bands ...`.
    pub fn shown(&self) -> Option<String> {
        self.0.shown()
    }

    /// Width and height of the result of `recipe`.
    ///
    /// # Errors
    /// When the recipe does not parse or has no result.
    pub fn output_size(&self, recipe: &str) -> Result<Vec<u32>, JsError> {
        Ok(numbers(self.0.output_size(&Recipe::parse(recipe)?)?))
    }

    /// The pixel format of the result of `recipe`.
    ///
    /// # Errors
    /// When the recipe does not parse.
    pub fn output_format(&self, recipe: &str) -> Result<String, JsError> {
        Ok(self.0.output_format(&Recipe::parse(recipe)?).to_string())
    }

    /// The part `output` (x, y, width, height) of the result of `recipe`, as a canvas takes it: RGBA of 8 bit.
    ///
    /// # Errors
    /// When the recipe does not parse, or there is no such part, or it takes too much memory.
    pub fn render(&self, recipe: &str, output: &[u32]) -> Result<Vec<u8>, JsError> {
        let part = self.0.render(&Recipe::parse(recipe)?, rectangle(output)?)?;
        Ok(self.0.rgba(&part))
    }

    /// The same part of the upright picture itself.
    ///
    /// # Errors
    /// When there is no such part.
    pub fn original(&self, part: &[u32]) -> Result<Vec<u8>, JsError> {
        let part = self.0.render(&Recipe::identity(), rectangle(part)?)?;
        Ok(self.0.rgba(&part))
    }
}

/// Renders the part `output` (x, y, width, height) of the result of `text` on an image of `width` by `height`, of which `pixels`
/// are those of the part `region`, in any format (`gray16le`, `rgba8`, ...), row by row as records carry them. The tests show
/// with it that the kernels here give the bytes of the workers.
///
/// # Errors
/// When recipe, format, regions and pixels do not fit each other.
#[wasm_bindgen]
pub fn render_raster(
    text: &str,
    width: u32,
    height: u32,
    format: &str,
    region: &[u32],
    pixels: &[u8],
    output: &[u32],
) -> Result<Vec<u8>, JsError> {
    let region = rectangle(region)?;
    let pixels = Raster::from_bytes(region.size(), format.parse()?, pixels.to_vec())?;
    let image = Size::new(width, height);
    let recipe = Recipe::parse(text)?;
    let result = azulejo_imaging::render(&recipe, image, region, &pixels, rectangle(output)?)?;
    Ok(result.into_bytes())
}

fn numbers(size: Size) -> Vec<u32> {
    vec![size.width, size.height]
}

fn rectangle(numbers: &[u32]) -> Result<Region, JsError> {
    match *numbers {
        [x, y, width, height] => Ok(Region::new(x, y, width, height)),
        _ => Err(JsError::new("a rectangle is four numbers: x, y, width, height")),
    }
}
