//! Damaged files: an error that says so, never a panic, never much memory; and metadata that carries over.
#![cfg(feature = "files")]

mod common;
#[path = "common/damage.rs"]
mod damage;
#[path = "common/decode.rs"]
mod decode;

use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use azulejo_imaging::file::{
    ApplyOptions, EncodeOptions, FileErrorKind, FileKind, Limits, Metadata, Orientation, apply_file, probe,
};
use azulejo_imaging::{PixelFormat, Recipe, Size, apply};
use damage::{cases, file};
use decode::decode;

/// Panics in this process, those that a decoder's guard turned into errors included.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// From now on panics are counted as well as told.
fn count_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, Relaxed);
            tell(panic);
        }));
    });
}

/// Whether a sentence is one for people: no names of types, no escapes.
fn is_in_words(sentence: &str) -> bool {
    const NAMES: [&str; 13] = [
        "BigTIFF",
        "CIELab",
        "LinearRaw",
        "LogL",
        "LogLuv",
        "OpenEXR",
        "WebP",
        "YCbCr",
        "cHRM",
        "cICP",
        "eXIf",
        "gAMA",
        "iCCP",
    ];
    let mixed = |word: &str| {
        let letters: Vec<char> = word.chars().collect();
        letters
            .windows(2)
            .any(|pair| pair[0].is_lowercase() && pair[1].is_uppercase())
    };
    let mut words = sentence.split(|c: char| !c.is_alphanumeric());
    !sentence.contains(['{', '}', '[', ']', '"', '\\', '_', '#'])
        && !sentence.contains("::")
        && !words.any(|word| mixed(word) && !NAMES.contains(&word))
}

#[test]
fn twenty_kinds_of_damage_are_errors() {
    let cases = cases();
    assert!(cases.len() >= 20);
    count_panics();
    for (name, bytes) in cases {
        let error = decode(&bytes)
            .err()
            .unwrap_or_else(|| panic!("{name}: read without an error"));
        let kind = error.kind();
        assert!(
            matches!(
                kind,
                FileErrorKind::Damaged | FileErrorKind::NotAnImage | FileErrorKind::Unsupported
            ),
            "{name}: {kind:?} {error}"
        );
        assert!(is_in_words(&error.to_string()), "{name}: {error}");
        assert_eq!(PANICS.load(Relaxed), 0, "{name}");
    }
}

#[test]
fn any_byte_may_be_wrong_without_a_panic() {
    let mut state = 7u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    count_panics();
    for kind in FileKind::WRITTEN {
        let whole = file(kind, &Metadata::default());
        for round in 0..150 {
            let mut bytes = whole.clone();
            for _ in 0..=random(4) {
                let at = if random(2) == 0 {
                    random(bytes.len())
                } else {
                    random(bytes.len().min(120))
                };
                bytes[at] = random(256) as u8;
            }
            // Whether it still reads is the file's luck; that this returns, and in words, is the promise.
            if let Err(error) = decode(&bytes) {
                assert!(is_in_words(&error.to_string()), "{kind}, round {round}: {error}");
            }
            assert_eq!(PANICS.load(Relaxed), 0, "{kind}, round {round}");
        }
    }
}

#[test]
fn profile_and_resolution_carry_over_and_exif_only_when_asked() {
    let mut icc = vec![7u8; 300];
    icc[16..20].copy_from_slice(b"RGB ");
    let exif = b"II*\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    let metadata = Metadata {
        icc: Some(icc.clone()),
        resolution: Some((4000.0, 4000.0)),
        exif: Some(exif.clone()),
        ..Metadata::default()
    };
    let folder = tempfile::tempdir().unwrap();
    for kind in [FileKind::Png, FileKind::Jpeg, FileKind::Tiff, FileKind::WebP] {
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::write(&from, file(kind, &metadata)).unwrap();
        let read = probe(&from, &Limits::default()).unwrap().metadata;
        assert_eq!(read.icc.as_ref(), Some(&icc), "{kind}");
        if matches!(kind, FileKind::Png | FileKind::Jpeg | FileKind::WebP) {
            assert_eq!(read.exif.as_ref(), Some(&exif), "{kind}");
        }
        run("sharpen", &from, &to);
        let read = probe(&to, &Limits::default()).unwrap().metadata;
        assert_eq!(read.icc.as_ref(), Some(&icc), "{kind}");
        assert_eq!(read.exif, None, "{kind}");
        if kind != FileKind::WebP {
            let (x, y) = read.resolution.unwrap();
            assert!(
                (x - 4000.0).abs() < 25.0 && (y - 4000.0).abs() < 25.0,
                "{kind}: {x} {y}"
            );
        }
        if kind != FileKind::WebP {
            // A colour profile does not belong to a gray result.
            run("grayscale", &from, &to);
            assert_eq!(
                probe(&to, &Limits::default()).unwrap().metadata.icc,
                None,
                "{kind}"
            );
        }
    }
}

fn run(recipe: &str, from: &Path, to: &Path) {
    let recipe: Recipe = recipe.parse().unwrap();
    apply_file(&recipe, from, to, &ApplyOptions::default(), &mut |_| true).unwrap();
}

#[test]
fn exif_orientation_is_applied_and_reset() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.png"), folder.path().join("b.png"));
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    std::fs::write(
        &from,
        file(
            FileKind::Png,
            &Metadata {
                exif: Some(exif),
                ..Metadata::default()
            },
        ),
    )
    .unwrap();
    let info = probe(&from, &Limits::default()).unwrap();
    assert_eq!(info.orientation, Orientation::Rotate90);
    assert_eq!(info.size(), Size::new(40, 60));
    let options = ApplyOptions {
        encode: EncodeOptions {
            keep_exif: true,
            ..EncodeOptions::default()
        },
        ..ApplyOptions::default()
    };
    let recipe: Recipe = "invert".parse().unwrap();
    apply_file(&recipe, &from, &to, &options, &mut |_| true).unwrap();
    let after = probe(&to, &Limits::default()).unwrap();
    assert_eq!(after.orientation, Orientation::Upright);
    assert!(after.metadata.exif.is_some());
    let image = common::noise_image(Size::new(60, 40), PixelFormat::RGB8);
    let expected = apply(&"rotate_90|invert".parse().unwrap(), &image).unwrap();
    assert_eq!(
        decode(&std::fs::read(&to).unwrap()).unwrap(),
        expected.into_bytes()
    );
}

#[test]
fn cmyk_and_ycck_jpeg_become_rgb() {
    let ink = [40u8, 120, 200, 30];
    let light = [0, 1, 2].map(|i| ((255 - u32::from(ink[i])) * (255 - u32::from(ink[3])) / 255) as u8);
    for color in [jpeg_encoder::ColorType::Cmyk, jpeg_encoder::ColorType::CmykAsYcck] {
        let mut bytes = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut bytes, 100);
        encoder.encode(&ink.repeat(32 * 32), 32, 32, color).unwrap();
        let pixels = decode(&bytes).unwrap();
        assert_eq!(pixels.len(), 32 * 32 * 3);
        for (pixel, light) in pixels.iter().zip(light.iter().cycle()) {
            assert!(
                pixel.abs_diff(*light) <= 4,
                "{color:?}: {:?} for {light:?}",
                &pixels[..3]
            );
        }
    }
}
