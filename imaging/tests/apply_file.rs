//! `apply_file` gives the bytes of the recipe on the whole image, whatever the file, and never leaves half of one.
#![cfg(feature = "files")]

mod common;
#[path = "common/tiff.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod tiff;

use std::path::Path;

use azulejo_imaging::file::{
    ApplyOptions, Decoder, EncodeOptions, Encoder, FileErrorKind, FileKind, Limits, Metadata, apply_file,
    probe,
};
use azulejo_imaging::{Encoding, PixelFormat, Raster, Recipe, Size, apply};

fn write(path: &Path, kind: FileKind, image: &Raster, metadata: &Metadata) {
    let options = EncodeOptions {
        keep_exif: true,
        ..EncodeOptions::default()
    };
    let mut encoder = Encoder::create(path, kind, &options, image.size(), image.format(), metadata).unwrap();
    encoder.write_rows(image.bytes()).unwrap();
    encoder.finish().unwrap();
}

fn read(path: &Path) -> Raster {
    let mut decoder = Decoder::open(path, &Limits::default()).unwrap();
    let (mut bytes, mut strip) = (Vec::new(), Vec::new());
    while decoder.next_rows(&mut strip).unwrap().is_some() {
        bytes.extend_from_slice(&strip);
    }
    Raster::from_bytes(decoder.info().stored_size, decoder.info().format, bytes).unwrap()
}

/// EXIF that says nothing but how the image lies.
fn oriented(tag: u8) -> Metadata {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([tag, 0, 0, 0, 0, 0, 0]);
    Metadata {
        exif: Some(exif),
        ..Metadata::default()
    }
}

const RECIPES: [&str; 10] = [
    "sharpen",
    "crop:x=30,y=200,width=100,height=77",
    "resize:width=90",
    "resize:width=700,filter=bilinear|blur",
    "rotate_270|crop:x=3,y=5,width=50,height=40",
    "flip_vertical|median",
    "blur:sigma=40|rotate_90",
    "equalize",
    "rotate_90|auto_levels:clip=1,bands=each|resize:width=500|otsu",
    "crop:x=30,y=200,width=100,height=77|otsu",
];

#[test]
fn every_format_gives_the_bytes_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to.png"));
    for (kind, formats) in [
        (FileKind::Png, &PixelFormat::ALL[..]),
        (FileKind::Tiff, &PixelFormat::ALL[..]),
        (FileKind::WebP, &[PixelFormat::RGB8, PixelFormat::RGBA8][..]),
    ] {
        for format in formats {
            let image = common::noise_image(Size::new(311, 402), *format);
            write(&from, kind, &image, &Metadata::default());
            for recipe in RECIPES {
                let recipe: Recipe = recipe.parse().unwrap();
                apply_file(&recipe, &from, &to, &ApplyOptions::default(), &mut |_| true).unwrap();
                assert!(
                    read(&to) == apply(&recipe, &image).unwrap(),
                    "{kind} {format} {recipe}"
                );
            }
        }
    }
}

#[test]
fn an_oriented_image_is_turned_upright_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to.png"));
    let image = common::noise_image(Size::new(64, 48), PixelFormat::RGB8);
    for tag in 1..=8u8 {
        for kind in [FileKind::Png, FileKind::Jpeg, FileKind::Tiff, FileKind::WebP] {
            if kind == FileKind::Tiff {
                let file = tiff::Tiff {
                    width: 64,
                    height: 48,
                    orientation: tag.into(),
                    ..tiff::Tiff::default()
                };
                std::fs::write(&from, file.file(image.bytes())).unwrap();
            } else {
                write(&from, kind, &image, &oriented(tag));
            }
            // What a JPEG is after its losses.
            let stored = read(&from);
            let info = probe(&from, &Limits::default()).unwrap();
            for recipe in [
                "invert",
                "crop:x=7,y=9,width=20,height=11|sharpen",
                "crop:x=7,y=9,width=20,height=11|equalize",
            ] {
                let recipe: Recipe = recipe.parse().unwrap();
                apply_file(&recipe, &from, &to, &ApplyOptions::default(), &mut |_| true).unwrap();
                let upright = apply(&info.orientation.recipe(), &stored).unwrap();
                assert_eq!(info.size(), upright.size());
                assert_eq!(upright.size().width == 48, tag > 4, "{kind} {tag}");
                assert!(
                    read(&to) == apply(&recipe, &upright).unwrap(),
                    "{kind} {tag} {recipe}"
                );
            }
        }
    }
}

#[test]
fn a_quarter_turn_swaps_the_resolution() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.png"), folder.path().join("to.png"));
    let image = common::noise_image(Size::new(20, 10), PixelFormat::GRAY8);
    for (tag, recipe, swapped) in [
        (1, "invert", false),
        (1, "rotate_90", true),
        (1, "rotate_180", false),
        (6, "invert", true),
        (6, "rotate_270", false),
        (5, "invert", true),
        (4, "invert", false),
    ] {
        let metadata = Metadata {
            resolution: Some((3000.0, 2000.0)),
            ..oriented(tag)
        };
        write(&from, FileKind::Png, &image, &metadata);
        let recipe: Recipe = recipe.parse().unwrap();
        apply_file(&recipe, &from, &to, &ApplyOptions::default(), &mut |_| true).unwrap();
        let expected = if swapped {
            (2000.0, 3000.0)
        } else {
            (3000.0, 2000.0)
        };
        let resolution = probe(&to, &Limits::default()).unwrap().metadata.resolution;
        assert_eq!(resolution, Some(expected), "{tag} {recipe}");
    }
}

#[test]
fn the_output_may_be_the_input_and_survives_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let image = common::noise_image(Size::new(300, 900), PixelFormat::RGB8);
    write(&path, FileKind::Png, &image, &Metadata::default());
    let options = ApplyOptions::default();
    for recipe in ["invert", "rotate_90"] {
        let recipe: Recipe = recipe.parse().unwrap();
        assert!(apply_file(&recipe, &path, &path, &options, &mut |_| false).is_err());
        assert!(read(&path) == image);
    }
    let recipe: Recipe = "invert".parse().unwrap();
    let keeping = ApplyOptions {
        keep_existing: true,
        ..ApplyOptions::default()
    };
    assert!(apply_file(&recipe, &path, &path, &keeping, &mut |_| true).is_err());
    assert!(read(&path) == image);
    apply_file(&recipe, &path, &path, &options, &mut |_| true).unwrap();
    assert!(read(&path) == apply(&recipe, &image).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn filling_the_temporary_file_is_told_and_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.png"), folder.path().join("b.png"));
    // Several strips, of which none gives a row of the result yet.
    let image = common::noise_image(Size::new(900, 2000), PixelFormat::RGB8);
    write(&from, FileKind::Png, &image, &Metadata::default());
    let recipe: Recipe = "rotate_90".parse().unwrap();
    let mut told = Vec::new();
    let error = apply_file(&recipe, &from, &to, &ApplyOptions::default(), &mut |at| {
        told.push(at.done);
        told.len() < 3
    });
    assert!(error.is_err());
    assert!(told.is_sorted() && told[2] < 2000, "{told:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_passes_that_measure_are_told_and_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.png"), folder.path().join("b.png"));
    let image = common::noise_image(Size::new(900, 2000), PixelFormat::RGB8);
    write(&from, FileKind::Png, &image, &Metadata::default());
    let recipe: Recipe = "equalize|crop:x=0,y=0,width=900,height=500|otsu".parse().unwrap();
    let options = ApplyOptions::default();
    let mut told = Vec::new();
    apply_file(&recipe, &from, &to, &options, &mut |at| {
        told.push((at.done, at.total));
        true
    })
    .unwrap();
    // The input of equalize, that of otsu, the result.
    assert!(
        told.iter().all(|(_, total)| *total == 2000 + 500 + 500),
        "{told:?}"
    );
    assert!(told.is_sorted() && told.last() == Some(&(3000, 3000)), "{told:?}");
    std::fs::remove_file(&to).unwrap();
    for most in [0, 1500, 2200, 2900] {
        let stopped = apply_file(&recipe, &from, &to, &options, &mut |at| at.done <= most);
        assert!(stopped.is_err(), "{most}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_recipe_whose_measured_text_would_be_too_long_is_refused_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.png"), folder.path().join("b.png"));
    write(
        &from,
        FileKind::Png,
        &common::noise_image(Size::new(9, 9), PixelFormat::RGB16),
        &Metadata::default(),
    );
    let recipe: Recipe = "equalize|blur|equalize".parse().unwrap();
    let mut told = 0;
    let refused = apply_file(&recipe, &from, &to, &ApplyOptions::default(), &mut |_| {
        told += 1;
        true
    });
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("what its operations measure")
    );
    assert_eq!(told, 0);
}

#[test]
fn an_extension_of_no_format_is_refused_with_those_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.png"), folder.path().join("b.psd"));
    let image = common::noise_image(Size::new(3, 2), PixelFormat::RGB8);
    write(&from, FileKind::Png, &image, &Metadata::default());
    let recipe: Recipe = "invert".parse().unwrap();
    let error = apply_file(&recipe, &from, &to, &ApplyOptions::default(), &mut |_| true).unwrap_err();
    assert_eq!(error.kind(), FileErrorKind::Unsupported);
    assert!(error.to_string().contains(".tif"), "{error}");
    assert!(!to.exists());
}

#[test]
fn the_file_is_the_same_whatever_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    // Large enough to be cut into pieces, below each other or, for a turn, in blocks.
    let image = common::noise_image(Size::new(4200, 4300), PixelFormat::RGB8);
    for from_kind in [
        "tiff:compression=none",
        "tiff:compression=packbits",
        "png:level=0",
    ] {
        let encoding: Encoding = from_kind.parse().unwrap();
        let (size, format) = (image.size(), image.format());
        let options = EncodeOptions::from(encoding);
        let mut encoder = Encoder::create(
            &from,
            encoding.kind(),
            &options,
            size,
            format,
            &Metadata::default(),
        )
        .unwrap();
        encoder.write_rows(image.bytes()).unwrap();
        encoder.finish().unwrap();
        for recipe in [
            "invert",
            "blur:sigma=3|rotate_90",
            "rotate_90|equalize|blur:sigma=2|auto_levels",
        ] {
            let recipe: Recipe = recipe.parse().unwrap();
            let files = [0, 1, 3].map(|threads| {
                let to = folder.path().join(format!("to{threads}.tif"));
                let options = ApplyOptions {
                    encode: EncodeOptions {
                        threads,
                        ..EncodeOptions::from("tiff:compression=none".parse::<Encoding>().unwrap())
                    },
                    ..ApplyOptions::default()
                };
                apply_file(&recipe, &from, &to, &options, &mut |_| true).unwrap();
                to
            });
            let [none, one, three] = files.clone().map(|file| std::fs::read(file).unwrap());
            assert!(none == one && one == three, "{from_kind} {recipe}");
            assert!(
                read(&files[2]) == apply(&recipe, &image).unwrap(),
                "{from_kind} {recipe}"
            );
        }
    }
}
