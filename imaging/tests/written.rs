//! What options of an encoding make of a file: the pixels are the same, the file is what was asked for.
#![cfg(feature = "files")]

mod common;

use std::path::Path;

use azulejo_imaging::file::{Decoder, EncodeOptions, Encoder, Limits, Metadata};
use azulejo_imaging::{Channels, Depth, Encoding, PixelFormat, Raster, Recipe, Size, apply};

/// Writes `image` as `text` says; gives the bytes of the file.
fn written(path: &Path, text: &str, image: &Raster, threads: usize) -> Vec<u8> {
    written_with(path, text, image, threads, &Metadata::default())
}

fn written_with(path: &Path, text: &str, image: &Raster, threads: usize, metadata: &Metadata) -> Vec<u8> {
    let encoding: Encoding = text.parse().unwrap();
    let options = EncodeOptions {
        threads,
        ..EncodeOptions::from(encoding)
    };
    let (size, format) = (image.size(), image.format());
    let mut encoder = Encoder::create(path, encoding.kind(), &options, size, format, metadata).unwrap();
    for rows in image.bytes().chunks(image.stride() * 7) {
        encoder.write_rows(rows).unwrap();
    }
    let length = encoder.finish().unwrap();
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(length, bytes.len() as u64);
    bytes
}

fn read(path: &Path) -> Raster {
    Decoder::open(path, &Limits::default())
        .unwrap()
        .read_all()
        .unwrap()
}

/// Like a photograph: smooth, with a little noise.
fn photo(size: Size, format: PixelFormat) -> Raster {
    let noise = common::noise_image(size, format);
    apply(&"blur:sigma=4".parse::<Recipe>().unwrap(), &noise).unwrap()
}

#[test]
fn every_level_of_a_png_gives_the_pixels_back_and_makes_it_small() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    for format in PixelFormat::ALL {
        // Of several strips.
        let image = photo(Size::new(700, 900), format);
        let lengths = ["png:level=0", "png", "png:level=1", "png:level=6", "png:level=9"].map(|text| {
            let bytes = written(&path, text, &image, 3);
            assert_eq!(read(&path), image, "{format} {text}");
            bytes.len()
        });
        let [stored, fast, one, six, nine] = lengths;
        assert!(one < stored, "{format}: {lengths:?}");
        assert!(
            stored > image.bytes().len() && fast < stored,
            "{format}: {lengths:?}"
        );
        assert!(six.max(nine) < fast, "{format}: {lengths:?}");
    }
}

#[test]
fn every_packing_and_layout_of_a_tiff_gives_the_pixels_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    for format in PixelFormat::ALL {
        for size in [Size::new(301, 203), Size::new(1, 1), Size::new(16, 1000)] {
            for image in [photo(size, format), common::noise_image(size, format)] {
                for (compression, layout) in [
                    ("none", "tile=16"),
                    ("none", "tile=strips"),
                    ("packbits", "tile=16"),
                    ("packbits", "tile=strips,bigtiff=true"),
                    ("lzw", "tile=128,pyramid=true"),
                    ("lzw", "tile=strips"),
                    ("deflate", "tile=16,pyramid=true,bigtiff=true"),
                    ("deflate,level=9", "tile=128"),
                    ("zstd", "tile=64"),
                    ("zstd,level=19", "tile=strips,pyramid=true"),
                ] {
                    let text = format!("tiff:compression={compression},{layout}");
                    written(&path, &text, &image, 2);
                    assert_eq!(read(&path), image, "{format} {size} {text}");
                }
            }
        }
    }
}

/// Measurements, and a number that stands for no data in them.
fn measurements() -> Vec<(PixelFormat, f64)> {
    let channels = [1, 2, 5, 17].map(|count| Channels::without_colour(count).unwrap());
    let depths = [
        (Depth::Eight, 0.0),
        (Depth::Sixteen, 65535.0),
        (Depth::SignedSixteen, -9999.0),
        (Depth::ThirtyTwo, 4_294_967_295.0),
        (Depth::Float, f64::from(f32::MIN)),
    ];
    let channels = channels.into_iter().chain([Channels::Rgb]);
    channels
        .flat_map(|channels| depths.map(|(depth, hole)| (PixelFormat { channels, depth }, hole)))
        .collect()
}

#[test]
fn every_packing_and_layout_gives_measurements_and_no_data_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    for (format, hole) in measurements() {
        for size in [Size::new(83, 45), Size::new(1, 1), Size::new(16, 300)] {
            // Every bit counts: of floating point some are not numbers.
            let image = common::noise_image(size, format);
            for compression in ["none", "packbits", "lzw", "deflate", "zstd"] {
                for layout in ["tile=16", "tile=32,pyramid=true,bigtiff=true", "tile=strips"] {
                    for no_data in [None, Some(hole)] {
                        let text = format!("tiff:compression={compression},{layout}");
                        let metadata = Metadata {
                            no_data,
                            ..Metadata::default()
                        };
                        written_with(&path, &text, &image, 2, &metadata);
                        let decoder = Decoder::open(&path, &Limits::default()).unwrap();
                        assert_eq!(decoder.info().metadata.no_data, no_data, "{format} {text}");
                        assert_eq!(decoder.info().format, format, "{text}");
                        assert!(decoder.read_all().unwrap() == image, "{format} {size} {text}");
                    }
                }
            }
        }
    }
}

#[test]
fn pictures_of_a_pyramid_are_means_of_what_is_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    let size = Size::new(100, 60);
    for (format, hole) in measurements() {
        // 7 wherever there is data; the left third has none, and some beyond it.
        let sample = |number: f64| -> Vec<u8> {
            match format.depth {
                Depth::Eight => vec![number as u8],
                Depth::Sixteen => (number as u16).to_le_bytes().to_vec(),
                Depth::SignedSixteen => (number as i16).to_le_bytes().to_vec(),
                Depth::ThirtyTwo => (number as u32).to_le_bytes().to_vec(),
                Depth::Float => (number as f32).to_le_bytes().to_vec(),
            }
        };
        let pixels = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
        let is_hole = |x: u32, y: u32| x < 32 || (x + 3 * y).is_multiple_of(5);
        let bytes = pixels.flat_map(|(x, y)| {
            sample(if is_hole(x, y) { hole } else { 7.0 }).repeat(format.channels.count())
        });
        let image = Raster::from_bytes(size, format, bytes.collect()).unwrap();
        let metadata = Metadata {
            no_data: Some(hole),
            ..Metadata::default()
        };
        written_with(&path, "tiff:pyramid=true,tile=16", &image, 2, &metadata);
        for (page, reduced) in [
            (2, Size::new(50, 30)),
            (3, Size::new(25, 15)),
            (4, Size::new(13, 8)),
        ] {
            let decoder = Decoder::open_page(&path, &Limits::default(), Some(page)).unwrap();
            assert_eq!(decoder.info().stored_size, reduced);
            assert_eq!(decoder.info().metadata.no_data, Some(hole));
            let picture = decoder.read_all().unwrap();
            let wide = format.bytes_per_pixel();
            for (index, pixel) in picture.bytes().chunks_exact(wide).enumerate() {
                let x = index as u32 % reduced.width;
                let wanted = if x < 32 >> (page - 1) { hole } else { 7.0 };
                assert!(
                    pixel == sample(wanted).repeat(format.channels.count()),
                    "{format} page {page} {x}"
                );
            }
        }
    }
}

#[test]
fn the_file_is_the_same_whatever_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let image = photo(Size::new(900, 700), PixelFormat::RGB8);
    for text in [
        "png:level=4",
        "png",
        "tiff:pyramid=true,tile=64",
        "tiff:compression=jpeg,tile=strips",
    ] {
        let one = written(&path, text, &image, 1);
        assert!(one == written(&path, text, &image, 4), "{text}");
    }
}

#[test]
fn a_tiff_packed_as_jpeg_gives_nearly_the_same_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    for format in [PixelFormat::GRAY8, PixelFormat::RGB8] {
        let image = photo(Size::new(333, 222), format);
        for layout in [
            "tile=64,quality=95",
            "tile=256,quality=80,pyramid=true",
            "tile=strips",
        ] {
            let bytes = written(&path, &format!("tiff:compression=jpeg,{layout}"), &image, 2);
            let back = read(&path);
            assert_eq!((back.size(), back.format()), (image.size(), format));
            let differences = back
                .bytes()
                .iter()
                .zip(image.bytes())
                .map(|(a, b)| u64::from(a.abs_diff(*b)));
            assert!(
                differences.sum::<u64>() < 2 * image.bytes().len() as u64,
                "{format} {layout}"
            );
            assert!(bytes.len() < image.bytes().len(), "{format} {layout}");
        }
    }
}

#[test]
fn options_that_do_not_fit_the_image_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |text: &str, size: Size, format: PixelFormat| {
        let encoding: Encoding = text.parse().unwrap();
        let (options, metadata) = (EncodeOptions::from(encoding), Metadata::default());
        let path = folder.path().join("a");
        match Encoder::create(&path, encoding.kind(), &options, size, format, &metadata) {
            Ok(_) => panic!("{text} is written"),
            Err(error) => error.to_string(),
        }
    };
    let wide = Size::new(200_000, 10);
    let error = refused("tiff:compression=jpeg", Size::new(9, 9), PixelFormat::RGBA8);
    assert!(
        error.contains("has no alpha") && error.contains("deflate"),
        "{error}"
    );
    for (name, why) in [
        ("bands3-u8", "not bands"),
        ("bands2-i16le", "8 bit only"),
        ("gray-i16le", "8 bit only"),
        ("rgb-u32le", "8 bit only"),
        ("gray-f32le", "8 bit only"),
    ] {
        let error = refused("tiff:compression=jpeg", Size::new(9, 9), name.parse().unwrap());
        assert!(error.contains(why) && error.contains("deflate"), "{error}");
        let error = refused("png", Size::new(9, 9), name.parse().unwrap());
        assert!(error.ends_with("choose tiff"), "{error}");
    }
    let error = refused("tiff:compression=jpeg,tile=strips", wide, PixelFormat::RGB8);
    assert!(error.contains("65535") && error.contains("200000"), "{error}");
    let error = refused("tiff:tile=1024", wide, PixelFormat::RGBA16);
    assert!(
        error.contains("tile=1024") && error.contains("1562 MiB"),
        "{error}"
    );
}

#[test]
fn a_pyramid_ends_with_a_picture_that_fits_a_tile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    let image = photo(Size::new(1000, 301), PixelFormat::RGB8);
    written(&path, "tiff:pyramid=true", &image, 2);
    let decoder = Decoder::open(&path, &Limits::default()).unwrap();
    assert_eq!(decoder.info().stored_size, image.size());
    let notes = decoder.left_out(false);
    let said = |note: &String| note.contains("3 pages") && note.ends_with("smaller copies of it");
    assert!(notes.iter().any(said), "{notes:?}");
    let decoder = Decoder::open_page(&path, &Limits::default(), Some(2)).unwrap();
    let notes = decoder.left_out(false);
    assert!(notes.iter().any(|note| note.ends_with("left out")), "{notes:?}");
}
