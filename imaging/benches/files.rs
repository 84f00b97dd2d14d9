//! Every file format, decoded and encoded: 1024x1024 pixels of 8-bit RGB, one thread.

use std::path::Path;

use azulejo_imaging::file::{Decoder, EncodeOptions, Encoder, FileKind, Limits, Metadata};
use azulejo_imaging::{PixelFormat, Raster, Recipe, Size, apply};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Soft noise: neither flat nor beyond compression, as photographs are.
fn image() -> Raster {
    let (size, format) = (Size::new(1024, 1024), PixelFormat::RGB8);
    let length = Raster::byte_length(size, format).expect("a small image");
    let mut state = 1u32;
    let bytes = (0..length).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let noise = Raster::from_bytes(size, format, bytes.collect()).expect("the right length");
    let blur: Recipe = "blur:sigma=2".parse().expect("a recipe");
    apply(&blur, &noise).expect("a result")
}

fn encode(path: &Path, kind: FileKind, image: &Raster) {
    let options = EncodeOptions {
        threads: 1,
        ..EncodeOptions::default()
    };
    let (size, format) = (image.size(), image.format());
    let mut encoder = Encoder::create(path, kind, &options, size, format, &Metadata::default())
        .expect("a format that holds the image");
    encoder.write_rows(image.bytes()).expect("whole rows");
    encoder.finish().expect("all rows");
}

fn decode(path: &Path, strip: &mut Vec<u8>) {
    let mut decoder = Decoder::open(path, &Limits::default()).expect("a sound file");
    while decoder.next_rows(strip).expect("sound rows").is_some() {}
}

fn benchmark(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let image = image();
    for (name, encodes) in [("encode", true), ("decode", false)] {
        let mut group = criterion.benchmark_group(name);
        group
            .throughput(Throughput::Bytes(image.bytes().len() as u64))
            .sample_size(10);
        for kind in FileKind::WRITTEN {
            let path = folder.path().join(kind.name());
            encode(&path, kind, &image);
            let mut strip = Vec::new();
            group.bench_function(BenchmarkId::from_parameter(kind), |bencher| {
                bencher.iter(|| {
                    if encodes {
                        encode(&path, kind, &image);
                    } else {
                        decode(&path, &mut strip);
                    }
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
