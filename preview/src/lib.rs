//! The kernels of `imaging` as a small WebAssembly module, for the preview before an upload: the same code as in the
//! workers, and so the same bytes. It runs in a Web Worker (`public/preview-worker.js`), so that the page stays quick.
//!
//! # Tour
//! - [`pixels`]: between a canvas' RGBA and the rasters that `imaging` works on; rendering a region.
//! - The functions below are what the Web Worker calls. Numbers go in and out as plain arrays.
//!
//! # Building
//! For `wasm32-unknown-unknown` with the profile `wasm-kernels` and SIMD128, then wasm-bindgen with `web(true)`, `typescript(false)`
//! and `out_name("preview")`: that gives `/pkg/preview.js` and `/pkg/preview_bg.wasm`.

#![deny(missing_docs)]

pub mod pixels;

use azulejo_imaging::{Raster, Recipe, Region, Size};
use wasm_bindgen::prelude::*;

fn recipe(text: &str) -> Result<Recipe, JsError> {
    Ok(Recipe::parse(text)?)
}

/// Width and height of the result of `text` on an image of `width` by `height`.
///
/// # Errors
/// When the recipe does not parse or has no result.
#[wasm_bindgen]
pub fn output_size(text: &str, width: u32, height: u32) -> Result<Vec<u32>, JsError> {
    let size = recipe(text)?.output_size(Size::new(width, height))?;
    Ok(vec![size.width, size.height])
}

/// The part of the input (x, y, width, height) that a part `output` (the same) of the result depends on.
///
/// # Errors
/// When the recipe does not parse or `output` is not inside the result.
#[wasm_bindgen]
pub fn input_region(text: &str, width: u32, height: u32, output: &[u32]) -> Result<Vec<u32>, JsError> {
    let region = recipe(text)?.input_region(Size::new(width, height), rectangle(output)?)?;
    Ok(vec![region.x, region.y, region.width, region.height])
}

/// Renders the part `output` of the result. `rgba` are the pixels of the part `region` of an image of `width` by
/// `height`, four bytes each. Gives four bytes a pixel, too.
///
/// # Errors
/// When recipe, regions and pixels do not fit each other.
#[wasm_bindgen]
pub fn render(
    text: &str,
    width: u32,
    height: u32,
    region: &[u32],
    rgba: &[u8],
    output: &[u32],
) -> Result<Vec<u8>, JsError> {
    let image = Size::new(width, height);
    Ok(pixels::render(
        &recipe(text)?,
        image,
        rectangle(region)?,
        rgba,
        rectangle(output)?,
    )?)
}

/// As [`render`], for pixels of any format (`gray16le`, `rgba8`, ...), row by row as records carry them: that the bytes
/// are those of the workers is shown with all formats, not only with that of a canvas.
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
    let result = azulejo_imaging::render(&recipe(text)?, image, region, &pixels, rectangle(output)?)?;
    Ok(result.into_bytes())
}

fn rectangle(numbers: &[u32]) -> Result<Region, JsError> {
    match *numbers {
        [x, y, width, height] => Ok(Region::new(x, y, width, height)),
        _ => Err(JsError::new("a rectangle is four numbers: x, y, width, height")),
    }
}
