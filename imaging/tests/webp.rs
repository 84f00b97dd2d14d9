//! WebP with a quality: what is lost is little, and less with more quality; alpha and metadata stay. Pillow reads the same.
#![cfg(feature = "files")]

mod common;
#[path = "common/python.rs"]
mod python;

use std::path::Path;
use std::process::Command;

use azulejo_imaging::file::{Decoder, EncodeOptions, Encoder, FileKind, Limits, Metadata};
use azulejo_imaging::{Encoding, PixelFormat, Raster, Recipe, Size, apply};

const SIZE: Size = Size::new(333, 201);
/// Qualities, and the least ratio of signal to noise, in decibels, that each gives back of [`photo`].
const QUALITIES: [(u8, f64); 4] = [(10, 32.0), (50, 37.0), (80, 40.0), (100, 43.0)];

fn photo(size: Size, format: PixelFormat) -> Raster {
    let noise = common::noise_image(size, format);
    apply(&"blur:sigma=4".parse::<Recipe>().unwrap(), &noise).unwrap()
}

fn write(path: &Path, text: &str, image: &Raster, metadata: &Metadata) {
    let encoding: Encoding = text.parse().unwrap();
    let options = EncodeOptions {
        keep_exif: true,
        ..EncodeOptions::from(encoding)
    };
    let (size, format) = (image.size(), image.format());
    let mut encoder = Encoder::create(path, encoding.kind(), &options, size, format, metadata).unwrap();
    for rows in image.bytes().chunks(image.stride() * 7) {
        encoder.write_rows(rows).unwrap();
    }
    let length = encoder.finish().unwrap();
    assert_eq!(length, std::fs::metadata(path).unwrap().len());
}

fn read(path: &Path) -> (Raster, Metadata) {
    let decoder = Decoder::open(path, &Limits::default()).unwrap();
    let metadata = decoder.info().metadata.clone();
    (decoder.read_all().unwrap(), metadata)
}

/// The samples as red, green and blue, and alpha.
fn parts(image: &Raster) -> (Vec<u8>, Vec<u8>) {
    let channels = image.format().channels;
    let (mut colors, mut alpha) = (Vec::new(), Vec::new());
    for pixel in image.bytes().chunks_exact(channels.count()) {
        let (color, rest) = pixel.split_at(if channels.count() < 3 { 1 } else { 3 });
        colors.extend(color.iter().cycle().take(3));
        alpha.push(rest.first().copied().unwrap_or(255));
    }
    (colors, alpha)
}

/// Signal to noise of the colours, in decibels.
fn ratio(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
        .sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares.max(1.0)).log10()
}

#[test]
fn more_quality_is_nearer_and_larger_and_alpha_is_exact() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.webp");
    for format in [
        PixelFormat::GRAY8,
        PixelFormat::GRAYA8,
        PixelFormat::RGB8,
        PixelFormat::RGBA8,
    ] {
        let image = photo(SIZE, format);
        let (colors, alpha) = parts(&image);
        let mut smaller = 0;
        for (quality, least) in QUALITIES {
            write(
                &path,
                &format!("webp:quality={quality}"),
                &image,
                &Metadata::default(),
            );
            let (back, _) = read(&path);
            assert_eq!(back.format().channels.has_alpha(), format.channels.has_alpha());
            let (found, found_alpha) = parts(&back);
            let ratio = ratio(&found, &colors);
            assert!(ratio >= least, "{format}, quality {quality}: {ratio:.1} dB");
            assert!(found_alpha == alpha, "{format}, quality {quality}");
            let length = std::fs::metadata(&path).unwrap().len();
            assert!(length > smaller, "{format}, quality {quality}: {length}");
            smaller = length;
        }
        write(&path, "webp", &image, &Metadata::default());
        assert!(std::fs::metadata(&path).unwrap().len() > smaller, "{format}");
    }
}

#[test]
fn every_small_size_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.webp");
    for (width, height) in [(1, 1), (1, 40), (40, 1), (15, 17), (16383, 1), (1, 16383)] {
        for format in [PixelFormat::GRAYA8, PixelFormat::RGB8] {
            let image = common::noise_image(Size::new(width, height), format);
            write(&path, "webp:quality=75", &image, &Metadata::default());
            assert_eq!(read(&path).0.size(), image.size());
        }
    }
    let wide = Encoding::webp(80).problem(Size::new(16384, 1), PixelFormat::RGB8);
    assert!(wide.is_some_and(|problem| problem.contains("16383")));
}

/// A profile for colours, of odd length, and EXIF.
fn metadata() -> Metadata {
    let mut icc = vec![7; 301];
    icc[16..20].copy_from_slice(b"RGB ");
    Metadata {
        icc: Some(icc),
        exif: Some(b"II*\0\x08\0\0\0\0\0\0\0\0\0\0".to_vec()),
        ..Metadata::default()
    }
}

#[test]
fn profile_and_exif_go_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.webp");
    let both = metadata();
    let icc = Metadata {
        exif: None,
        ..both.clone()
    };
    let exif = Metadata {
        icc: None,
        ..both.clone()
    };
    for format in [PixelFormat::RGB8, PixelFormat::RGBA8] {
        let image = photo(SIZE, format);
        write(&path, "webp:quality=80", &image, &Metadata::default());
        let (plain, _) = read(&path);
        for metadata in [&both, &icc, &exif] {
            write(&path, "webp:quality=80", &image, metadata);
            let (back, found) = read(&path);
            assert!(back == plain, "{format}");
            assert_eq!(
                (&found.icc, &found.exif),
                (&metadata.icc, &metadata.exif),
                "{format}"
            );
        }
    }
}

#[test]
fn pillow_reads_it_with_profile_and_exif() {
    let Some(python) = python::python("Pillow on WebP with a quality") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for format in [PixelFormat::GRAY8, PixelFormat::RGB8, PixelFormat::RGBA8] {
        let image = photo(SIZE, format);
        for (quality, least) in QUALITIES {
            for (kind, metadata) in [("plain", Metadata::default()), ("full", metadata())] {
                let is_gray = format == PixelFormat::GRAY8;
                if is_gray && kind == "full" {
                    continue;
                }
                let name = format!("{format}-{quality}-{kind}");
                let path = folder.path().join(&name);
                write(
                    &path.with_extension("webp"),
                    &format!("webp:quality={quality}"),
                    &image,
                    &metadata,
                );
                let (mut raw, alpha) = parts(&image);
                raw.extend(alpha);
                std::fs::write(path.with_extension("raw"), raw).unwrap();
                let note = serde_json::json!({
                    "width": SIZE.width,
                    "height": SIZE.height,
                    "least": least,
                    "icc": metadata.icc.map_or(0, |icc| icc.len()),
                    "has_exif": metadata.exif.is_some(),
                });
                std::fs::write(path.with_extension("json"), note.to_string()).unwrap();
            }
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge/written.py");
    let command = Command::new(python)
        .arg(script)
        .arg("webp")
        .arg(folder.path())
        .output();
    let output = command.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.is_empty(), "{told}{wrong}");
}

#[test]
fn a_kind_alone_means_no_loss() {
    assert_eq!(Encoding::from(FileKind::WebP).quality(), None);
    assert_eq!(Encoding::webp(90).quality(), Some(90));
}
