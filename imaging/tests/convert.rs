//! `convert`: colours of a file as the numbers of a named space.
#![cfg(feature = "files")]

#[path = "common/png.rs"]
mod png;

use std::path::Path;

use azulejo_imaging::file::{
    ApplyOptions, Conversion, Decoder, FileErrorKind, FileKind, Limits, apply_file, probe,
};
use azulejo_imaging::{ColorSpace, PixelFormat, Raster, Recipe, Size};
use png::{chunk, chunks, joined, sample};

fn apply(recipe: &str, from: &Path, to: &Path) {
    let recipe: Recipe = recipe.parse().unwrap();
    apply_file(&recipe, from, to, &ApplyOptions::default(), &mut |_| true).unwrap();
}

fn read(path: &Path) -> Raster {
    Decoder::open(path, &Limits::default())
        .unwrap()
        .read_all()
        .unwrap()
}

fn colors(format: PixelFormat) -> Raster {
    let size = Size::new(61, 37);
    let length = Raster::byte_length(size, format).unwrap();
    let bytes = (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8);
    Raster::from_bytes(size, format, bytes.collect()).unwrap()
}

#[test]
fn what_changes_pixels_does_not_stand_before_it() {
    for good in [
        "convert",
        "to_srgb|blur",
        "rotate_90|crop:x=1,y=1,width=5,height=5|convert:profile=display_p3|sharpen",
    ] {
        let recipe: Recipe = good.parse().unwrap();
        assert!(recipe.color_space().is_some());
        // What turns an image upright comes before it, and workers read that.
        let upright = "rotate_90".parse::<Recipe>().unwrap().then(&recipe).to_string();
        assert_eq!(
            upright.parse::<Recipe>().unwrap().color_space(),
            recipe.color_space()
        );
    }
    assert_eq!("blur".parse::<Recipe>().unwrap().color_space(), None);
    assert_eq!(
        "convert:profile=adobe_rgb"
            .parse::<Recipe>()
            .unwrap()
            .color_space(),
        Some(ColorSpace::AdobeRgb)
    );
    for bad in [
        "blur|convert",
        "convert|to_srgb",
        "no_data:value=7|convert",
        "rotate_90|invert|flip_vertical|convert",
    ] {
        let error = bad.parse::<Recipe>().unwrap_err().to_string();
        assert!(error.contains("convert stands after"), "{error}");
    }
}

#[test]
fn a_picture_without_a_profile_is_srgb_already() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["from.png", "to.png"].map(|name| folder.path().join(name));
    for format in [
        PixelFormat::RGB8,
        PixelFormat::RGBA16,
        PixelFormat::GRAY8,
        PixelFormat::GRAY16,
    ] {
        let image = colors(format);
        std::fs::write(&from, sample(&image)).unwrap();
        apply("to_srgb", &from, &to);
        assert_eq!(read(&to), image, "{format}");
        assert!(probe(&to, &Limits::default()).unwrap().metadata.icc.is_some());
    }
}

#[test]
fn there_and_back_again_is_nearly_the_same_and_alpha_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let [from, there, back] = ["from.png", "there.png", "back.png"].map(|name| folder.path().join(name));
    for (format, channels) in [(PixelFormat::RGBA16, 4), (PixelFormat::RGB16, 3)] {
        let image = colors(format);
        std::fs::write(&from, sample(&image)).unwrap();
        // Every colour of sRGB is in these.
        for (space, most) in [("adobe_rgb", 260), ("prophoto", 260), ("display_p3", 260)] {
            apply(&format!("convert:profile={space}"), &from, &there);
            let other = read(&there);
            assert_ne!(other, image);
            apply("convert", &there, &back);
            let samples = |raster: &Raster| -> Vec<u16> {
                let pairs = raster.bytes().chunks_exact(2);
                pairs.map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
            };
            let [first, other, last] = [&image, &other, &read(&back)].map(samples);
            for index in 0..first.len() {
                if index % channels == 3 {
                    assert_eq!((first[index], first[index]), (other[index], last[index]));
                }
                let off = first[index].abs_diff(last[index]);
                assert!(off <= most, "{space}: {} became {}", first[index], last[index]);
            }
        }
    }
}

/// Samples of 8 bit and the same ones of 16 bit become the same colours.
#[test]
fn both_depths_have_the_same_colours() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["from.png", "to.png"].map(|name| folder.path().join(name));
    let eight = colors(PixelFormat::RGB8);
    let wide = eight.bytes().iter().flat_map(|sample| [*sample; 2]).collect();
    let sixteen = Raster::from_bytes(eight.size(), PixelFormat::RGB16, wide).unwrap();
    for space in ["display_p3", "adobe_rgb", "prophoto"] {
        let results = [&eight, &sixteen].map(|image| {
            std::fs::write(&from, sample(image)).unwrap();
            apply(&format!("convert:profile={space}"), &from, &to);
            read(&to)
        });
        let wide = results[1].bytes().chunks_exact(2);
        for (narrow, wide) in results[0].bytes().iter().zip(wide) {
            let wide = f64::from(u16::from_le_bytes([wide[0], wide[1]])) / 257.0;
            assert!(
                (f64::from(*narrow) - wide).abs() <= 1.0,
                "{space}: {narrow} and {wide}"
            );
        }
    }
}

#[test]
fn gray_is_converted_by_its_curve() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["from.png", "to.png"].map(|name| folder.path().join(name));
    let levels: Vec<u8> = (0..=255).collect();
    let ramp = Raster::from_bytes(Size::new(256, 1), PixelFormat::GRAY8, levels.clone()).unwrap();
    let mut parts = chunks(&sample(&ramp));
    // Light itself.
    parts.insert(1, chunk(b"gAMA", &100_000u32.to_be_bytes()));
    std::fs::write(&from, joined(&parts)).unwrap();
    apply("convert", &from, &to);
    let srgb = |light: f64| match light {
        light if light <= 0.003_130_8 => 12.92 * light,
        light => 1.055 * light.powf(1.0 / 2.4) - 0.055,
    };
    for (level, found) in levels.iter().zip(read(&to).bytes()) {
        let expected = 255.0 * srgb(f64::from(*level) / 255.0);
        assert!(
            (f64::from(*found) - expected).abs() <= 1.5,
            "{level}: {found} for {expected}"
        );
    }
    // What only a PNG says of its colours does not say it of these.
    let info = probe(&to, &Limits::default()).unwrap();
    assert_eq!(
        info.metadata.png_color,
        azulejo_imaging::file::PngColor::default()
    );
    assert_eq!(&info.metadata.icc.unwrap()[16..20], b"GRAY");
}

#[test]
fn measurements_and_samples_without_data_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from.png");
    std::fs::write(&from, sample(&colors(PixelFormat::RGB8))).unwrap();
    let recipe: Recipe = "convert:profile=adobe_rgb".parse().unwrap();
    let info = probe(&from, &Limits::default()).unwrap();
    assert!(Conversion::of(&info, &recipe).unwrap().is_some());
    let (mut with_hole, mut bands) = (info.clone(), info);
    with_hole.metadata.no_data = Some(7.0);
    bands.format = "bands4-u16le".parse().unwrap();
    for (info, says) in [(with_hole, "no data"), (bands, "gray or RGB")] {
        let error = Conversion::of(&info, &recipe).err().unwrap().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_file_whose_profile_is_broken_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from.png");
    let mut parts = chunks(&sample(&colors(PixelFormat::RGB8)));
    let broken = [&[0; 16][..], b"RGB ", &[7; 200]].concat();
    let packed = [&b"icc\0\0"[..], &fdeflate::compress_to_vec(&broken)].concat();
    parts.insert(1, chunk(b"iCCP", &packed));
    std::fs::write(&from, joined(&parts)).unwrap();
    let info = probe(&from, &Limits::default()).unwrap();
    assert_eq!(info.kind, FileKind::Png);
    let error = Conversion::of(&info, &"convert".parse().unwrap()).err().unwrap();
    assert_eq!(error.kind(), FileErrorKind::Unsupported);
    assert!(error.to_string().contains("leave out convert"), "{error}");
    assert!(Conversion::of(&info, &"blur".parse().unwrap()).unwrap().is_none());
}

/// Floating point with and without fused or vector instructions differs in the last bit, and then in a level here and there.
#[test]
fn it_gives_the_same_bytes_on_every_machine_and_in_the_preview() {
    use sha2::{Digest as _, Sha256};
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["from.png", "to.png"].map(|name| folder.path().join(name));
    let mut hash = Sha256::new();
    for format in [PixelFormat::RGB8, PixelFormat::RGBA16, PixelFormat::GRAY8] {
        std::fs::write(&from, sample(&colors(format))).unwrap();
        for space in ["display_p3", "adobe_rgb", "prophoto"] {
            apply(&format!("convert:profile={space}"), &from, &to);
            hash.update(read(&to).bytes());
        }
    }
    let hash: String = hash.finalize()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hash, "86159a098270eabf");
}
