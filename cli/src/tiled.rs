//! A file made from tiles, as workers make them: by the same steps, in one process, with the image in memory.

use std::path::Path;

use anyhow::bail;
use azulejo_imaging::file::{ApplyOptions, Decoder, Encoder, FileKind};
use azulejo_imaging::{Raster, Recipe, TileGrid, measure, render};

/// As the workers do it: every tile rendered from its own cut-out of the image. `output` is the place and the file to write.
/// Gives sentences on what was asked for and could not be kept.
///
/// # Errors
/// When the image cannot be read, the recipe does not fit it, the result cannot be written, or `progress` answers `false`.
pub fn apply_tiles(
    recipe: &Recipe,
    input: &Path,
    output: (&Path, &Path),
    options: &ApplyOptions,
    tile: u32,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> anyhow::Result<Vec<String>> {
    let mut decoder = Decoder::open_page(input, &options.limits, options.page)?;
    let info = decoder.info().clone();
    decoder.convert(recipe)?;
    let recipe = info.full_recipe(recipe);
    let size = recipe.output_size(info.stored_size)?;
    let kind = match options.kind {
        Some(kind) => kind,
        None => FileKind::for_output(output.0, info.kind)?,
    };
    let format = recipe.output_format(info.format);
    options.encode.check(kind, size, format)?;
    let image = read_whole(&mut decoder)?;
    let recipe = measure(&recipe, &image)?;
    let mut left_out = decoder.left_out(options.encode.keep_exif);
    let metadata = info.metadata.after(&recipe, info.stored_size);
    let mut encoder = Encoder::create(output.1, kind, &options.encode, size, format, &metadata)?;

    let grid = TileGrid::new(size, tile);
    let pixel = format.bytes_per_pixel();
    let stride = size.width as usize * pixel;
    let mut band = Vec::new();
    for row in 0..grid.rows() {
        let tiles = (0..grid.columns()).filter_map(|column| grid.region(row * grid.columns() + column));
        for region in tiles {
            band.resize(stride * region.height as usize, 0);
            let needed = recipe.input_region(image.size(), region)?;
            let pixels = render(&recipe, image.size(), needed, &image.crop(needed)?, region)?;
            for y in 0..region.height {
                let at = y as usize * stride + region.x as usize * pixel;
                band[at..at + pixels.stride()].copy_from_slice(pixels.row(y));
            }
        }
        encoder.write_rows(&band)?;
        band.clear();
        let done = ((row + 1) * tile).min(size.height);
        if !progress(done.into(), size.height.into()) {
            bail!("stopped before the end");
        }
    }
    left_out.extend_from_slice(encoder.left_out());
    encoder.finish()?;
    Ok(left_out)
}

/// All stored pixels.
///
/// # Errors
/// When the data is damaged.
pub fn read_whole(decoder: &mut Decoder) -> anyhow::Result<Raster> {
    let info = decoder.info().clone();
    let mut image = Raster::new(info.stored_size, info.format)?;
    let stride = image.stride();
    let mut rows = Vec::new();
    while let Some(span) = decoder.next_rows(&mut rows)? {
        let at = span.y as usize * stride;
        let end = at + span.rows as usize * stride;
        match (image.bytes_mut().get_mut(at..end), rows.get(..end - at)) {
            (Some(place), Some(rows)) => place.copy_from_slice(rows),
            _ => bail!("the decoder gave rows beyond the image"),
        }
    }
    Ok(image)
}
