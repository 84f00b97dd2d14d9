//! Image files: what is written is read back, what is broken is refused, and `apply_file` gives the bytes of `apply`.
#![cfg(feature = "files")]

mod common;

use std::path::{Path, PathBuf};

use azulejo_imaging::file::{
    ApplyOptions, Decoder, EncodeOptions, Encoder, FileErrorKind, FileKind, Limits, Metadata, apply_file,
    probe,
};
use azulejo_imaging::{PixelFormat, Raster, Recipe, Size, TiffOptions, apply};

fn write(path: &Path, kind: FileKind, image: &Raster, threads: usize) {
    let options = EncodeOptions {
        threads,
        // With one a WebP would lose something.
        quality: (kind != FileKind::WebP).then_some(100),
        ..EncodeOptions::default()
    };
    let metadata = Metadata {
        resolution: Some((3000.0, 2000.0)),
        ..Metadata::default()
    };
    let mut encoder = Encoder::create(path, kind, &options, image.size(), image.format(), &metadata).unwrap();
    // Uneven pieces: the caller decides how many rows come at once.
    let stride = image.stride();
    let mut rest = image.bytes();
    for rows in [1, 3, 2].into_iter().cycle() {
        let (now, later) = rest.split_at((rows * stride).min(rest.len()));
        encoder.write_rows(now).unwrap();
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    let length = encoder.finish().unwrap();
    assert_eq!(length, std::fs::metadata(path).unwrap().len());
}

fn read(path: &Path) -> Raster {
    let mut decoder = Decoder::open(path, &Limits::default()).unwrap();
    let (mut bytes, mut strip, mut next) = (Vec::new(), Vec::new(), 0);
    while let Some(span) = decoder.next_rows(&mut strip).unwrap() {
        assert_eq!(span.y, next);
        next += span.rows;
        bytes.extend_from_slice(&strip);
    }
    Raster::from_bytes(decoder.info().stored_size, decoder.info().format, bytes).unwrap()
}

fn kind_of_failure(bytes: &[u8], limits: &Limits) -> Option<FileErrorKind> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, bytes).unwrap();
    let mut decoder = match Decoder::open(&path, limits) {
        Ok(decoder) => decoder,
        Err(error) => return Some(error.kind()),
    };
    let mut strip = Vec::new();
    loop {
        match decoder.next_rows(&mut strip) {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(error) => return Some(error.kind()),
        }
    }
}

fn png_bytes(size: Size, format: PixelFormat) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    write(&path, FileKind::Png, &common::noise_image(size, format), 1);
    std::fs::read(path).unwrap()
}

#[test]
fn png_gives_back_every_format_whatever_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    for format in PixelFormat::ALL {
        for (size, threads) in [
            (Size::new(301, 203), 1),
            (Size::new(900, 1700), 3),
            (Size::new(1, 1), 2),
        ] {
            let image = common::noise_image(size, format);
            let path = folder.path().join(format!("{format}-{size}.png"));
            write(&path, FileKind::Png, &image, threads);
            assert_eq!(read(&path), image, "{format} {size}");
            let info = probe(&path, &Limits::default()).unwrap();
            assert_eq!(info.metadata.resolution, Some((3000.0, 2000.0)));
        }
    }
}

#[test]
fn jpeg_gives_back_nearly_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for format in [PixelFormat::GRAY8, PixelFormat::RGB8] {
        let size = Size::new(333, 222);
        let noise = common::noise_image(size, format);
        let image = apply(&"blur:sigma=8".parse::<Recipe>().unwrap(), &noise).unwrap();
        let path = folder.path().join("a.jpg");
        write(&path, FileKind::Jpeg, &image, 1);
        let back = read(&path);
        assert_eq!((back.size(), back.format()), (size, format));
        let differences = back
            .bytes()
            .iter()
            .zip(image.bytes())
            .map(|(a, b)| u64::from(a.abs_diff(*b)));
        assert!(differences.sum::<u64>() < image.bytes().len() as u64);
    }
}

#[test]
fn a_kind_that_cannot_hold_the_image_is_refused_with_one_that_can() {
    let size = Size::new(10, 10);
    let error = FileKind::Jpeg.check(size, PixelFormat::RGBA8).unwrap_err();
    assert_eq!(error.kind(), FileErrorKind::Unsupported);
    assert!(error.to_string().contains("choose png"));
    assert!(FileKind::Jpeg.check(size, PixelFormat::RGB16).is_err());
    assert!(FileKind::Png.check(size, PixelFormat::RGBA16).is_ok());
}

#[test]
fn a_file_that_is_cut_short_is_damaged() {
    let whole = png_bytes(Size::new(200, 100), PixelFormat::RGB8);
    assert_eq!(kind_of_failure(&whole, &Limits::default()), None);
    // The last bytes are not of rows: the checksum of the pixels and the end.
    for length in (16..whole.len() - 100).step_by(97) {
        assert_eq!(
            kind_of_failure(&whole[..length], &Limits::default()),
            Some(FileErrorKind::Damaged),
            "{length}"
        );
    }
}

#[test]
fn a_header_that_promises_too_much_is_refused_before_anything_is_allocated() {
    let mut bytes = png_bytes(Size::new(20, 10), PixelFormat::RGB8);
    let mut claim = |width: u32, height: u32| {
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let crc = crc32fast::hash(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        kind_of_failure(&bytes, &Limits::default())
    };
    assert_eq!(claim(100_000, 100_000), Some(FileErrorKind::TooLarge));
    assert_eq!(claim(300_000, 10), Some(FileErrorKind::TooLarge));
    assert_eq!(claim(30_000, 30_000), Some(FileErrorKind::Damaged));
    assert_eq!(claim(0, 10), Some(FileErrorKind::Damaged));
}

#[test]
fn what_is_no_image_is_said_to_be_none() {
    assert_eq!(
        kind_of_failure(b"", &Limits::default()),
        Some(FileErrorKind::NotAnImage)
    );
    assert_eq!(
        kind_of_failure(b"hello, this is text", &Limits::default()),
        Some(FileErrorKind::NotAnImage)
    );
}

fn apply_both_ways(folder: &Path, recipe: &str, image: &Raster) {
    let recipe: Recipe = recipe.parse().unwrap();
    let (from, to): (PathBuf, PathBuf) = (folder.join("in.png"), folder.join("out.png"));
    write(&from, FileKind::Png, image, 1);
    let mut last = None;
    let applied = apply_file(&recipe, &from, &to, &ApplyOptions::default(), &mut |progress| {
        last = Some(progress);
        true
    });
    let applied = applied.unwrap();
    let expected = apply(&recipe, image).unwrap();
    assert_eq!(
        (applied.size, applied.format),
        (expected.size(), expected.format())
    );
    let last = last.unwrap();
    assert_eq!(last.done, last.total);
    assert_eq!(read(&to), expected, "{recipe}");
}

#[test]
fn apply_file_gives_the_bytes_of_the_whole_image() {
    let folder = tempfile::tempdir().unwrap();
    let image = common::noise_image(Size::new(1400, 2300), PixelFormat::RGB8);
    for recipe in [
        "grayscale",
        "blur:sigma=7|sharpen",
        "edge_detection",
        "rotate_90",
        "rotate_180|blur",
        "flip_vertical",
    ] {
        apply_both_ways(folder.path(), recipe, &image);
    }
}

#[test]
fn a_stopped_or_failed_application_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("in.png"), folder.path().join("out.png"));
    let whole = png_bytes(Size::new(1100, 1500), PixelFormat::RGB8);
    std::fs::write(&from, &whole).unwrap();
    let recipe: Recipe = "sharpen".parse().unwrap();
    assert!(apply_file(&recipe, &from, &to, &ApplyOptions::default(), &mut |_| false).is_err());
    assert!(!to.exists());
    std::fs::write(&from, &whole[..whole.len() / 2]).unwrap();
    let error = apply_file(&recipe, &from, &to, &ApplyOptions::default(), &mut |_| true).unwrap_err();
    assert_eq!(error.kind(), FileErrorKind::Damaged);
    assert!(!to.exists());
}

#[test]
fn tiff_gives_back_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for format in PixelFormat::ALL {
        for size in [
            Size::new(301, 603),
            Size::new(256, 256),
            Size::new(1, 1),
            Size::new(700, 3),
        ] {
            let image = common::noise_image(size, format);
            let path = folder.path().join("a.tif");
            write(&path, FileKind::Tiff, &image, 1);
            assert_eq!(read(&path), image, "{format} {size}");
            let (x, y) = probe(&path, &Limits::default())
                .unwrap()
                .metadata
                .resolution
                .unwrap();
            assert!((x - 3000.0).abs() < 0.1 && (y - 2000.0).abs() < 0.1);
        }
    }
}

#[test]
fn a_bigtiff_is_written_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    for format in PixelFormat::ALL {
        let image = common::noise_image(Size::new(301, 603), format);
        let options = EncodeOptions {
            tiff: TiffOptions {
                big: Some(true),
                ..TiffOptions::default()
            },
            ..EncodeOptions::default()
        };
        let metadata = Metadata::default();
        let mut encoder =
            Encoder::create(&path, FileKind::Tiff, &options, image.size(), format, &metadata).unwrap();
        encoder.write_rows(image.bytes()).unwrap();
        encoder.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap()[..4], *b"II\x2b\0");
        assert_eq!(read(&path), image, "{format}");
    }
}

#[test]
fn noise_hardly_grows_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    // Of more than one tile, and of no tile that is cut.
    let image = common::noise_image(Size::new(1024, 768), PixelFormat::RGB8);
    for kind in [FileKind::Png, FileKind::Tiff] {
        let path = folder.path().join("file");
        write(&path, kind, &image, 1);
        let length = std::fs::metadata(&path).unwrap().len() as usize;
        assert!(length < image.bytes().len() + 3000, "{kind}: {length}");
        assert_eq!(read(&path), image);
    }
}

#[test]
fn webp_gives_gray_back_as_colour() {
    let folder = tempfile::tempdir().unwrap();
    for format in [PixelFormat::GRAY8, PixelFormat::GRAYA8] {
        let image = common::noise_image(Size::new(301, 203), format);
        let path = folder.path().join("a.webp");
        write(&path, FileKind::WebP, &image, 1);
        let back = read(&path);
        let channels = format.channels.count();
        let expected: Vec<u8> = image
            .bytes()
            .chunks_exact(channels)
            .flat_map(|pixel| [&[pixel[0]; 3], &pixel[1..]].concat())
            .collect();
        assert_eq!(back.bytes(), expected, "{format}");
    }
}

#[test]
fn webp_gives_back_colour_exactly() {
    let folder = tempfile::tempdir().unwrap();
    for format in [PixelFormat::RGB8, PixelFormat::RGBA8] {
        let image = common::noise_image(Size::new(301, 203), format);
        let path = folder.path().join("a.webp");
        write(&path, FileKind::WebP, &image, 1);
        assert_eq!(read(&path), image, "{format}");
    }
    assert!(
        FileKind::WebP
            .check(Size::new(20_000, 10), PixelFormat::RGB8)
            .is_err()
    );
}
