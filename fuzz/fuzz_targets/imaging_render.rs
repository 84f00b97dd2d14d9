//! Any recipe with any regions renders or is an error.
#![no_main]

use azulejo_imaging::{PixelFormat, Raster, Recipe, Region, Size, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, [u8; 2], [u8; 4], [u8; 4], u8)| {
    let (text, size, region, output, format) = input;
    let Ok(recipe) = text.parse::<Recipe>() else {
        return;
    };
    let rectangle =
        |[x, y, width, height]: [u8; 4]| Region::new(x.into(), y.into(), width.into(), height.into());
    let format = PixelFormat::ALL[usize::from(format) % PixelFormat::ALL.len()];
    let Ok(pixels) = Raster::new(rectangle(region).size(), format) else {
        return;
    };
    let image = Size::new(size[0].into(), size[1].into());
    let _ = render(&recipe, image, rectangle(region), &pixels, rectangle(output));
});
