//! What colours mean: inks and Lab against LittleCMS, profiles that are made against the arithmetic that defines them.
#![cfg(feature = "files")]

#[path = "common/png.rs"]
mod png;

use std::path::{Path, PathBuf};

use azulejo_imaging::file::{ApplyOptions, Decoder, FileKind, Limits, apply_file, probe};
use azulejo_imaging::{Depth, PixelFormat, Raster, Recipe, Size};
use moxcms::{ColorProfile, Layout, RenderingIntent, TransformOptions};
use png::{chunk, chunks, joined, sample};
use sha2::{Digest, Sha256};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/color")
        .join(name)
}

fn read(path: &Path) -> (Raster, Vec<String>) {
    let decoder = Decoder::open(path, &Limits::default()).unwrap();
    let notes = decoder.notes().to_vec();
    (decoder.read_all().unwrap(), notes)
}

/// The largest and the mean difference, in levels of 8 bit.
fn differences(image: &Raster, expected: &Raster) -> (f64, f64) {
    assert_eq!(
        (image.size(), image.format().channels),
        (expected.size(), expected.format().channels)
    );
    let samples: Vec<f64> = match image.format().depth {
        Depth::Eight => image.bytes().iter().map(|&sample| sample.into()).collect(),
        Depth::Sixteen => image
            .bytes()
            .chunks_exact(2)
            .map(|pair| f64::from(u16::from_le_bytes([pair[0], pair[1]])) / 257.0)
            .collect(),
        other => panic!("no colours in {other:?}"),
    };
    let differences = samples.iter().zip(expected.bytes());
    let differences: Vec<f64> = differences
        .map(|(sample, expected)| (sample - f64::from(*expected)).abs())
        .collect();
    let sum: f64 = differences.iter().sum();
    let most = differences.iter().copied().fold(0.0, f64::max);
    (most, sum / differences.len() as f64)
}

#[test]
fn inks_and_lab_have_the_colours_that_littlecms_gives_them() {
    // Relative colorimetric, without compensation of the black point. Both look colours up in tables of their own.
    for (name, expected, most, mean, word) in [
        ("cmyk8.tif", "cmyk", 4.0, 0.6, "by the profile"),
        ("cmyk16.tif", "cmyk", 4.0, 0.6, "by the profile"),
        ("cmyk.jpg", "cmyk_jpeg", 4.0, 0.6, "by the profile"),
        ("lab8.tif", "lab8", 1.0, 0.1, "CIELab"),
    ] {
        let (image, notes) = read(&data(name));
        let (expected, _) = read(&data(&format!("{expected}.expected.png")));
        let found = differences(&image, &expected);
        assert!(found.0 <= most && found.1 <= mean, "{name}: {found:?}");
        assert!(notes.iter().any(|note| note.contains(word)), "{name}: {notes:?}");
        // What is sRGB now has no profile of inks.
        let info = probe(&data(name), &Limits::default()).unwrap();
        assert_eq!(info.metadata.icc, None);
    }
}

/// Floating point with and without fused or vector instructions differs in the last bit, and then in a level here and there.
#[test]
fn inks_give_the_same_bytes_on_every_machine_and_in_the_preview() {
    for (name, wanted) in [
        ("cmyk8.tif", "2907fb2ae42b4b96"),
        ("cmyk16.tif", "391d67876b3a1614"),
        ("cmyk.jpg", "0f4c4ca5aaa16bab"),
    ] {
        let digest = Sha256::digest(read(&data(name)).0.bytes());
        let hash: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, wanted, "{name}");
    }
}

#[test]
fn inks_that_are_stored_as_luma_and_differences_are_the_same_inks() {
    let icc = std::fs::read(data("cmyk.icc")).unwrap();
    let inks: Vec<u8> = (0..64 * 64u32)
        .flat_map(|index| {
            let (x, y) = ((index % 64) as u8, (index / 64) as u8);
            [x * 3, y * 2, 40 + x, y]
        })
        .collect();
    let decoded = [jpeg_encoder::ColorType::Cmyk, jpeg_encoder::ColorType::CmykAsYcck].map(|color| {
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 100);
        encoder.add_icc_profile(&icc).unwrap();
        encoder.encode(&inks, 64, 64, color).unwrap();
        let decoder = Decoder::of_bytes(bytes, &Limits::default()).unwrap();
        assert!(
            decoder.notes()[0].contains("by the profile"),
            "{:?}",
            decoder.notes()
        );
        decoder.read_all().unwrap()
    });
    let (most, mean) = differences(&decoded[0], &decoded[1]);
    assert!(most <= 8.0 && mean < 1.5, "{most} {mean}");
}

#[test]
fn a_profile_of_inks_that_cannot_be_used_leaves_arithmetic() {
    let broken = [&[0; 16][..], b"CMYK", &[7; 200]].concat();
    let rgb = [&[0; 16][..], b"RGB ", &[7; 200]].concat();
    for icc in [None, Some(broken), Some(rgb)] {
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 100);
        if let Some(icc) = &icc {
            encoder.add_icc_profile(icc).unwrap();
        }
        let inks = [40, 120, 200, 30].repeat(16 * 16);
        encoder
            .encode(&inks, 16, 16, jpeg_encoder::ColorType::Cmyk)
            .unwrap();
        let decoder = Decoder::of_bytes(bytes, &Limits::default()).unwrap();
        assert!(decoder.notes()[0].contains("arithmetic"), "{:?}", decoder.notes());
        assert_eq!(decoder.info().metadata.icc, None);
        let image = decoder.read_all().unwrap();
        for (sample, ink) in image.bytes().iter().zip([40u32, 120, 200].iter().cycle()) {
            let light = ((255 - ink) * (255 - 30) / 255) as u8;
            assert!(sample.abs_diff(light) <= 4);
        }
    }
}

/// A PNG of a row of RGB pixels with these chunks before them.
fn with_chunks(pixels: &[[u8; 3]], more: &[Vec<u8>]) -> Vec<u8> {
    let size = Size::new(pixels.len() as u32, 1);
    let image = Raster::from_bytes(size, PixelFormat::RGB8, pixels.concat()).unwrap();
    let mut parts = chunks(&sample(&image));
    parts.splice(1..1, more.iter().cloned());
    joined(&parts)
}

fn run(recipe: &str, from: &Path, to: &Path) -> (Option<Vec<u8>>, Vec<String>) {
    let recipe: Recipe = recipe.parse().unwrap();
    let applied = apply_file(&recipe, from, to, &ApplyOptions::default(), &mut |_| true).unwrap();
    let icc = probe(to, &Limits::default()).unwrap().metadata.icc;
    (icc, applied.left_out)
}

const PIXELS: [[u8; 3]; 7] = [
    [0, 0, 0],
    [255, 255, 255],
    [128, 128, 128],
    [200, 100, 50],
    [30, 220, 90],
    [10, 40, 250],
    [7, 7, 7],
];

/// Samples as sRGB, by a profile.
fn by_profile(icc: &[u8], layout: Layout, samples: &[u8]) -> Vec<u8> {
    let profile = ColorProfile::new_from_slice(icc).unwrap();
    let options = TransformOptions {
        rendering_intent: RenderingIntent::RelativeColorimetric,
        ..TransformOptions::default()
    };
    let transform = profile.create_transform_8bit(layout, &ColorProfile::new_srgb(), Layout::Rgb, options);
    let channels = if layout == Layout::Gray { 1 } else { 3 };
    let mut out = vec![0; samples.len() / channels * 3];
    transform.unwrap().transform(samples, &mut out).unwrap();
    out
}

fn encoded(light: f64) -> f64 {
    let light = light.clamp(0.0, 1.0);
    255.0
        * if light <= 0.003_130_8 {
            12.92 * light
        } else {
            1.055 * light.powf(1.0 / 2.4) - 0.055
        }
}

#[test]
fn what_only_a_png_says_becomes_a_profile_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from.png");
    for gamma in [100_000u32, 45_455, 55_556] {
        std::fs::write(
            &from,
            with_chunks(&PIXELS, &[chunk(b"gAMA", &gamma.to_be_bytes())]),
        )
        .unwrap();
        for extension in ["tif", "jpg", "webp"] {
            let (icc, left_out) = run(
                "flip_vertical",
                &from,
                &folder.path().join("to").with_extension(extension),
            );
            assert_eq!(left_out, Vec::<String>::new());
            let icc = icc.unwrap();
            let found = by_profile(&icc, Layout::Rgb, &PIXELS.concat());
            for (sample, found) in PIXELS.concat().iter().zip(found) {
                // The primaries are those of sRGB: each channel is by itself.
                let expected = encoded((f64::from(*sample) / 255.0).powf(1e5 / f64::from(gamma)));
                assert!(
                    (f64::from(found) - expected).abs() <= 2.0,
                    "{gamma}: {found} for {expected}"
                );
            }
            // The same input gives the same file, whenever it is written.
            assert_eq!(&icc[24..36], &[7, 234, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
        }
    }
}

#[test]
fn the_chunk_that_counts_is_the_one_that_the_standard_says() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.png"), folder.path().join("to.tif"));
    let profile = ColorProfile::new_adobe_rgb().encode().unwrap();
    let packed = [&b"icc\0\0"[..], &fdeflate::compress_to_vec(&profile)].concat();
    let [cicp, icc, srgb, gamma] = [
        chunk(b"cICP", &[12, 13, 0, 1]),
        chunk(b"iCCP", &packed),
        chunk(b"sRGB", &[0]),
        chunk(b"gAMA", &100_000u32.to_be_bytes()),
    ];
    let apply = |chunks: &[&Vec<u8>]| {
        let chunks: Vec<Vec<u8>> = chunks.iter().map(|chunk| (*chunk).clone()).collect();
        std::fs::write(&from, with_chunks(&PIXELS, &chunks)).unwrap();
        run("flip_vertical", &from, &to)
    };
    let named = |icc: &[u8], name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
        icc.windows(wide.len()).any(|window| window == wide)
    };
    let (found, _) = apply(&[&gamma, &srgb, &icc, &cicp]);
    assert!(named(&found.unwrap(), "PNG cICP"));
    let (found, _) = apply(&[&gamma, &srgb, &icc]);
    assert_eq!(found.unwrap(), profile);
    // An image without a profile is sRGB.
    assert_eq!(apply(&[&gamma, &srgb]), (None, Vec::new()));
    assert_eq!(
        apply(&[&icc, &chunk(b"cICP", &[1, 13, 0, 1])]),
        (None, Vec::new())
    );
    let (found, _) = apply(&[&gamma]);
    assert!(named(&found.unwrap(), "PNG gAMA"));
    // What has no profile is said to be left out.
    for unknown in [
        chunk(b"cICP", &[12, 2, 0, 1]),
        chunk(b"cICP", &[12, 13, 0, 0]),
        chunk(b"cHRM", &[0; 32]),
    ] {
        let (found, left_out) = apply(&[&unknown]);
        assert_eq!((found, left_out.len()), (None, 1), "{left_out:?}");
        assert!(left_out[0].contains("colours is left out"), "{left_out:?}");
    }
}

#[test]
fn a_gray_result_has_a_gray_profile_that_means_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["from.png", "to.png"].map(|name| folder.path().join(name));
    let ramp: Vec<[u8; 3]> = (0..=255).map(|level| [level; 3]).collect();
    let levels: Vec<u8> = (0..=255).collect();
    let mut uneven = ColorProfile::new_srgb();
    uneven.blue_trc = ColorProfile::new_adobe_rgb().blue_trc;
    for (name, profile, most) in [
        ("Display P3", ColorProfile::new_display_p3(), 0),
        ("Adobe RGB", ColorProfile::new_adobe_rgb(), 1),
        // Its gray has a tint, which no gray keeps.
        ("uneven", uneven, 12),
    ] {
        let profile = profile.encode().unwrap();
        let packed = [&b"icc\0\0"[..], &fdeflate::compress_to_vec(&profile)].concat();
        std::fs::write(&from, with_chunks(&ramp, &[chunk(b"iCCP", &packed)])).unwrap();
        let (icc, left_out) = run("grayscale", &from, &to);
        assert_eq!(left_out, Vec::<String>::new(), "{name}");
        let icc = icc.unwrap();
        assert_eq!(&icc[16..20], b"GRAY");
        let before = by_profile(&profile, Layout::Rgb, &ramp.concat());
        let after = by_profile(&icc, Layout::Gray, &levels);
        for (before, after) in before.iter().zip(&after) {
            assert!(before.abs_diff(*after) <= most, "{name}: {after} for {before}");
        }
        // And back: WebP stores gray as colours, and sepia makes colours of gray.
        for (recipe, name) in [("flip_vertical", "to.webp"), ("sepia", "sepia.png")] {
            let (icc, left_out) = run(recipe, &to, &folder.path().join(name));
            assert_eq!(left_out, Vec::<String>::new(), "{name}");
            let icc = icc.unwrap();
            assert_eq!(&icc[16..20], b"RGB ");
            let again = by_profile(&icc, Layout::Rgb, &ramp.concat());
            for (again, after) in again.iter().zip(&after) {
                assert!(again.abs_diff(*after) <= 1, "{name}: {again} for {after}");
            }
        }
    }
}

#[test]
fn a_profile_that_goes_with_no_pixels_is_left_out_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["from.png", "to.png"].map(|name| folder.path().join(name));
    for (space, recipe) in [
        (b"CMYK", "flip_vertical"),
        (b"Lab ", "grayscale"),
        (b"RGB ", "grayscale"),
    ] {
        let broken = [&[0; 16][..], space, &[7; 200]].concat();
        let packed = [&b"icc\0\0"[..], &fdeflate::compress_to_vec(&broken)].concat();
        std::fs::write(&from, with_chunks(&PIXELS, &[chunk(b"iCCP", &packed)])).unwrap();
        let (icc, left_out) = run(recipe, &from, &to);
        assert_eq!(icc, None);
        assert!(left_out[0].contains("ICC profile is left out"), "{left_out:?}");
    }
    assert_eq!(probe(&to, &Limits::default()).unwrap().kind, FileKind::Png);
}
