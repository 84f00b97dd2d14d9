//! One tile: checked, then rendered, as [`TaskHeader::render`] does it. What fails, and what panics, becomes an error that goes
//! back as the result; the worker lives on.

use std::time::Instant;

use azulejo_protocol::TaskHeader;
pub use azulejo_protocol::record::PROGRAM as VERSION;
use azulejo_protocol::record::Rendered as Made;

use crate::assignment::Ticket;

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
    /// Its pixels or their statistic, or why there are none.
    pub outcome: Result<Made, String>,
    /// Time it took, microseconds.
    pub micros: u64,
    /// The input's memory, for the next task.
    pub spare: Option<Vec<u8>>,
}

/// Renders the tile. Never panics: a panic in an operation is an error of this tile.
pub fn run(header: &TaskHeader, pixels: Vec<u8>) -> Rendered {
    let started = Instant::now();
    let rendering = header.render(pixels);
    Rendered {
        outcome: rendering.outcome,
        micros: started.elapsed().as_micros() as u64,
        spare: rendering.spare,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use azulejo_imaging::{PixelFormat, Region, Size};
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
            measure: None,
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
        let made = rendered.outcome.unwrap();
        assert_eq!((made.value.len(), made.format), (256, PixelFormat::GRAY8));
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
        assert!(header.check().unwrap_err().contains("more than the"));
        header.recipe = "resize:width=65000,height=65000|resize:width=100,height=100".into();
        (header.image, header.output) = (Size::new(100, 100), Region::new(0, 0, 100, 100));
        let refused = header.check().unwrap_err();
        assert!(refused.contains("in the middle of the recipe"), "{refused}");
    }
}
