//! What options of an encoding make of a file: the pixels are the same, the file is what was asked for.
#![cfg(feature = "files")]

mod common;

use std::path::Path;

use azulejo_imaging::file::{Decoder, EncodeOptions, Encoder, Limits, Metadata};
use azulejo_imaging::{Encoding, PixelFormat, Raster, Recipe, Size, apply};

/// Writes `image` as `text` says; gives the bytes of the file.
fn written(path: &Path, text: &str, image: &Raster, threads: usize) -> Vec<u8> {
    let encoding: Encoding = text.parse().unwrap();
    let options = EncodeOptions {
        threads,
        ..EncodeOptions::from(encoding)
    };
    let (size, format) = (image.size(), image.format());
    let metadata = Metadata::default();
    let mut encoder = Encoder::create(path, encoding.kind(), &options, size, format, &metadata).unwrap();
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
    assert!(notes.iter().any(|note| note.contains("3 pages")), "{notes:?}");
}
