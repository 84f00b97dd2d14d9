//! The portable path gives the bytes of the AVX2 path. On its own, since the choice is for the whole process.

mod common;

use azulejo_imaging::{PixelFormat, Raster, Recipe, Size, apply, operations, set_portable_only, uses_avx2};

#[test]
fn every_operation_gives_the_same_bytes_with_and_without_avx2() {
    if !uses_avx2() {
        // Nothing to compare on this processor.
        return;
    }
    let size = Size::new(131, 67);
    for info in operations() {
        let recipe: Recipe = match info.name {
            "crop" => "crop:x=3,width=100".parse().unwrap(),
            "resize" => "resize:width=77".parse().unwrap(),
            name => name.parse().unwrap(),
        };
        for format in PixelFormat::ALL {
            let image = common::noise_image(size, format);
            let with = apply(&recipe, &image).unwrap();
            set_portable_only(true);
            let without: Raster = apply(&recipe, &image).unwrap();
            set_portable_only(false);
            assert_eq!(with, without, "{recipe} on {format}");
        }
    }
}
