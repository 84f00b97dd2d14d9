//! Every operation on every pixel format: 1024x1024 pixels, one thread.

use azulejo_imaging::{PixelFormat, Raster, Recipe, Size, apply, operations};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn image(size: Size, format: PixelFormat) -> Raster {
    let length = Raster::byte_length(size, format).expect("a small image");
    let mut state = 1u32;
    let bytes = (0..length).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    Raster::from_bytes(size, format, bytes.collect()).expect("the right length")
}

/// A recipe for the operation that has a result: sizes must be given.
fn recipe(name: &str) -> Recipe {
    let text = match name {
        "crop" => "crop:x=100,y=100,width=800,height=800".to_owned(),
        "resize" => "resize:width=700".to_owned(),
        name => name.to_owned(),
    };
    text.parse().expect("a recipe")
}

fn benchmark(criterion: &mut Criterion) {
    let size = Size::new(1024, 1024);
    for info in operations() {
        let mut group = criterion.benchmark_group(info.name);
        group
            .throughput(Throughput::Elements(size.pixels()))
            .sample_size(10);
        for format in PixelFormat::ALL {
            let image = image(size, format);
            let recipe = recipe(info.name);
            group.bench_with_input(BenchmarkId::from_parameter(format), &image, |bencher, image| {
                bencher.iter(|| apply(&recipe, image).expect("a result"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
