//! One tile: checked, then rendered.
//!
//! Everything a task says is checked before memory is taken for it: the recipe parses, the output lies in the
//! result's rectangle and fits a record, and the value holds the pixels that the output depends on. What fails, and
//! what panics, becomes an error that goes back as the result; the worker lives on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use azulejo_imaging::{PixelFormat, Raster, Recipe, render};
use azulejo_protocol::TaskHeader;
use azulejo_protocol::topics::MAX_RECORD_BYTES;

use crate::assignment::Ticket;

/// Version of this program, named where a task asks for something that it does not know.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A task that was taken from Kafka: its headers parse and its value has the length that they say.
#[derive(Debug)]
pub struct Task {
    /// What is to be done.
    pub header: TaskHeader,
    /// Pixels of `header.region`.
    pub pixels: Vec<u8>,
    /// Comes back when the result is acknowledged.
    pub ticket: Ticket,
    /// Whether it was meant for another process, which perhaps died of it: it is rendered alone.
    pub inherited: bool,
}

/// A rendered tile.
#[derive(Debug)]
pub struct Rendered {
    /// Its pixels and their format, or why there are none.
    pub outcome: Result<(Vec<u8>, PixelFormat), String>,
    /// Time it took, microseconds.
    pub micros: u64,
    /// The input's memory, for the next task.
    pub spare: Option<Vec<u8>>,
}

/// Reads the recipe and checks that the task asks for something that can be rendered from what it brings.
///
/// # Errors
/// A sentence that names what is wrong.
pub fn check(header: &TaskHeader) -> Result<Recipe, String> {
    let recipe: Recipe = header.recipe.parse().map_err(|error| {
        format!(
            "recipe '{}' is none for this worker of version {VERSION}: {error}",
            header.recipe
        )
    })?;
    let size = recipe
        .output_size(header.image)
        .map_err(|error| error.to_string())?;
    if !header.output.is_within(size) {
        return Err(format!(
            "output {} is not within the result, which is {size}",
            header.output
        ));
    }
    let format = recipe.output_format(header.format);
    let bytes = header
        .output
        .size()
        .pixels()
        .saturating_mul(format.bytes_per_pixel() as u64);
    if bytes > MAX_RECORD_BYTES as u64 {
        return Err(format!(
            "output {} has {bytes} bytes, more than the {MAX_RECORD_BYTES} of a record: use smaller tiles",
            header.output
        ));
    }
    let needed = recipe
        .input_region(header.image, header.output)
        .map_err(|error| error.to_string())?;
    if !header.region.contains(needed) {
        return Err(format!(
            "region {} does not hold {needed}, which the output depends on",
            header.region
        ));
    }
    Ok(recipe)
}

/// Renders the tile. Never panics: a panic in an operation is an error of this tile.
pub fn run(header: &TaskHeader, pixels: Vec<u8>) -> Rendered {
    let started = Instant::now();
    let mut spare = None;
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        let recipe = check(header)?;
        let input = Raster::from_bytes(header.region.size(), header.format, pixels)
            .map_err(|error| format!("pixels of region {}: {error}", header.region))?;
        let output = render(&recipe, header.image, header.region, &input, header.output)
            .map_err(|error| error.to_string())?;
        spare = Some(input.into_bytes());
        let format = output.format();
        Ok((output.into_bytes(), format))
    }));
    let outcome =
        attempt.unwrap_or_else(|panic| Err(format!("the operation panicked: {}", message(&*panic))));
    Rendered {
        outcome,
        micros: started.elapsed().as_micros() as u64,
        spare,
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
pub(crate) mod tests {
    use azulejo_imaging::{Region, Size};
    use azulejo_protocol::JobId;
    use uuid::Uuid;

    use super::*;

    pub fn header(recipe: &str, region: Region, output: Region) -> TaskHeader {
        TaskHeader {
            version: azulejo_protocol::record::VERSION,
            job: JobId(Uuid::from_u128(1)),
            tile: 0,
            attempt: 1,
            recipe: recipe.into(),
            image: Size::new(64, 48),
            format: PixelFormat::RGB8,
            region,
            output,
            results: None,
            holder: None,
            traceparent: None,
        }
    }

    fn error(recipe: &str, region: Region, output: Region) -> String {
        let pixels = vec![0; (region.size().pixels() * 3) as usize];
        run(&header(recipe, region, output), pixels).outcome.unwrap_err()
    }

    #[test]
    fn a_tile_has_the_pixels_of_its_output() {
        let region = Region::new(0, 0, 64, 48);
        let output = Region::new(8, 8, 16, 16);
        let pixels: Vec<u8> = (0..64 * 48 * 3).map(|n| (n * 7 % 251) as u8).collect();
        let rendered = run(&header("grayscale", region, output), pixels.clone());
        let (bytes, format) = rendered.outcome.unwrap();
        assert_eq!((bytes.len(), format), (256, PixelFormat::GRAY8));
        assert_eq!(
            rendered.spare,
            Some(pixels),
            "the input's memory comes back unchanged"
        );
    }

    #[test]
    fn a_recipe_that_does_not_parse_is_an_error_of_the_tile() {
        let all = Region::new(0, 0, 64, 48);
        assert!(error("no_such_thing", all, all).contains("no_such_thing"));
    }

    #[test]
    fn an_output_outside_the_result_is_refused() {
        let all = Region::new(0, 0, 64, 48);
        assert!(error("grayscale", all, Region::new(60, 0, 8, 8)).contains("not within the result"));
    }

    #[test]
    fn a_region_that_lacks_the_halo_is_refused() {
        let tile = Region::new(16, 16, 16, 16);
        assert!(error("blur:sigma=2", tile, tile).contains("does not hold"));
    }

    #[test]
    fn an_output_beyond_a_record_is_refused_before_anything_is_rendered() {
        let mut header = header(
            "rotate_90",
            Region::new(0, 0, 1, 1),
            Region::new(0, 0, 100_000, 100_000),
        );
        header.image = Size::new(100_000, 100_000);
        assert!(check(&header).unwrap_err().contains("more than the"));
    }
}
