//! Kinds of TIFF that other programs write, with the pixels that libvips, Pillow and tifffile agree on.
#![cfg(feature = "files")]

#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "common/tiff.rs"]
mod tiff;

use std::path::{Path, PathBuf};

use azulejo_imaging::file::{Decoder, Limits};
use azulejo_imaging::{PixelFormat, Raster};
use tiff::Tiff;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/tiff")
        .join(name)
}

fn read(name: &str) -> (Raster, Vec<String>) {
    let decoder = Decoder::open(&file(name), &Limits::default()).unwrap();
    let notes = decoder.notes().to_vec();
    (decoder.read_all().unwrap(), notes)
}

#[test]
fn every_kind_has_the_pixels_that_others_read() {
    for (name, tolerance) in [
        ("t01", 0),
        ("t02", 0),
        ("t06", 0),
        ("t08", 0),
        ("t10", 0),
        ("t12", 0),
        ("t14", 0),
        ("t17", 0),
        ("t21", 12),
        ("t24", 8),
        ("t26", 0),
        ("t27", 0),
        ("t32", 0),
        ("t35", 0),
        ("t39", 0),
        ("t40", 0),
        ("t41", 0),
    ] {
        let (image, _) = read(&format!("{name}.tif"));
        let (expected, _) = read(&format!("{name}.expected.tif"));
        assert_eq!(
            (image.size(), image.format()),
            (expected.size(), expected.format()),
            "{name}"
        );
        if tolerance == 0 {
            assert!(image.bytes() == expected.bytes(), "{name}");
        }
        let pairs = image.bytes().iter().zip(expected.bytes());
        let most = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(most <= tolerance, "{name}: {most}");
    }
}

#[test]
fn what_is_changed_or_left_out_is_said() {
    for (name, format, word) in [
        ("t19", PixelFormat::GRAY16, "12 bits"),
        ("t41", PixelFormat::RGB8, "2 pages"),
        ("t42", PixelFormat::RGB8, "CIELab"),
    ] {
        let (image, notes) = read(&format!("{name}.tif"));
        assert!(notes.iter().any(|note| note.contains(word)), "{name}: {notes:?}");
        assert_eq!(image.format().depth, format.depth, "{name}");
    }
}

#[test]
fn white_may_be_zero_beside_alpha() {
    let (image, _) = read("t38.tif");
    assert_eq!(image.format(), PixelFormat::GRAYA8);
    let stored = std::fs::read(file("t38.tif")).unwrap();
    // Not packed, from byte 8 on.
    let pairs = stored[8..].chunks_exact(2).zip(image.bytes().chunks_exact(2));
    for (stored, given) in pairs {
        assert_eq!(given, [255 - stored[0], stored[1]]);
    }
}

#[test]
fn colour_times_alpha_of_16_bit_is_divided() {
    let (image, _) = read("t29.tif");
    assert_eq!(image.format(), PixelFormat::RGBA16);
    let stored = std::fs::read(file("t29.tif")).unwrap();
    // Not packed, little endian, from byte 8 on.
    let numbers = |bytes: &[u8]| -> Vec<u64> {
        let pairs = bytes.chunks_exact(2);
        pairs
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]).into())
            .collect()
    };
    let stored = numbers(&stored[8..8 + image.bytes().len()]);
    for (given, stored) in numbers(image.bytes()).chunks(4).zip(stored.chunks(4)) {
        for (channel, sample) in stored[..3].iter().enumerate() {
            let straight = ((sample * 65535 + stored[3] / 2) / stored[3]).min(65535);
            assert_eq!(given[channel], straight);
        }
        assert_eq!(given[3], stored[3]);
    }
}

#[test]
fn a_band_of_which_nothing_is_said_is_a_band() {
    // RGB and a fourth, unspecified.
    let (image, notes) = read("t30.tif");
    assert_eq!(image.format().name(), "bands4-u8");
    assert!(notes.is_empty(), "{notes:?}");
    let (image, notes) = read("t33.tif");
    assert_eq!(image.format().name(), "gray-f32le");
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn signed_samples_keep_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signed.tif");
    // 70 x 50 gray samples from byte 8 on, and a SampleFormat of one value.
    let mut bytes = std::fs::read(file("t32.tif")).unwrap();
    let tag = bytes.windows(4).position(|tag| tag == [0x53, 1, 3, 0]).unwrap();
    bytes[tag + 8] = 2;
    std::fs::write(&path, &bytes).unwrap();
    let decoder = Decoder::open(&path, &Limits::default()).unwrap();
    assert!(decoder.notes()[0].contains("signed"), "{:?}", decoder.notes());
    let image = decoder.read_all().unwrap();
    assert_eq!(image.format().name(), "gray-i16le");
    for (pair, byte) in image.bytes().chunks_exact(2).zip(&bytes[8..3508]) {
        assert_eq!(i16::from_le_bytes([pair[0], pair[1]]), i16::from(*byte as i8));
    }
}

/// Reads a strip that is not packed, of 3 by 2 pixels; gives the name of the format, the bytes, and what was said.
fn strip(tiff: Tiff, samples: &[u8]) -> (String, Vec<u8>, String) {
    let tiff = Tiff {
        width: 3,
        height: 2,
        compression: 1,
        rows_per_strip: Some(2),
        ..tiff
    };
    let file = tiff.assemble(&[samples.to_vec()], (3, 2));
    let decoder = Decoder::of_bytes(file, &Limits::default()).unwrap();
    let notes = decoder.notes().join("; ");
    let image = decoder.read_all().unwrap();
    (image.format().name().to_string(), image.into_bytes(), notes)
}

#[test]
fn samples_of_24_bits_keep_their_numbers_in_32() {
    let numbers = [0u32, 1, 255, 70_000, 0x80_00_01, 0xff_ff_ff];
    for (big_endian, photometric) in [(false, 1), (true, 1), (false, 0), (true, 0)] {
        // The highest byte comes first in any file, as GDAL and tifffile have it.
        let stored = numbers.map(|number| [(number >> 16) as u8, (number >> 8) as u8, number as u8]);
        let tiff = Tiff {
            samples: 1,
            bits: 24,
            photometric,
            big_endian,
            ..Tiff::default()
        };
        let (format, bytes, notes) = strip(tiff, stored.as_flattened());
        assert_eq!(format, "gray-u32le");
        assert!(notes.contains("24 bits became 32"), "{notes}");
        let expected = numbers.map(|number| match photometric {
            0 => 0xff_ff_ff - number,
            _ => number,
        });
        assert_eq!(bytes, expected.map(u32::to_le_bytes).as_flattened());
    }
}

#[test]
fn white_that_is_zero_is_turned_round_in_32_bits() {
    let numbers = [0u32, 1, 255, 70_000, u32::MAX - 1, u32::MAX];
    let tiff = Tiff {
        samples: 1,
        bits: 32,
        photometric: 0,
        ..Tiff::default()
    };
    let (format, bytes, _) = strip(tiff, numbers.map(u32::to_le_bytes).as_flattened());
    assert_eq!(format, "gray-u32le");
    assert_eq!(
        bytes,
        numbers.map(|number| (!number).to_le_bytes()).as_flattened()
    );
}

#[test]
fn floating_point_of_24_bits_is_that_of_32() {
    // Sign, 7 bits of exponent with a bias of 63, 16 bits of fraction.
    let stored = [0x3f_00_00u32, 0xbf_80_00, 0x40_40_00, 0, 0x00_00_01, 0x7f_00_00];
    let numbers = [1.0f32, -1.5, 2.5, 0.0, 3.308_722_5e-24, f32::INFINITY];
    let tiff = Tiff {
        samples: 1,
        bits: 24,
        photometric: 1,
        format: 3,
        ..Tiff::default()
    };
    let bytes = stored.map(|number| [number as u8, (number >> 8) as u8, (number >> 16) as u8]);
    let (format, bytes, notes) = strip(tiff, bytes.as_flattened());
    assert_eq!(format, "gray-f32le");
    assert!(notes.contains("24-bit"), "{notes}");
    assert_eq!(bytes, numbers.map(f32::to_le_bytes).as_flattened());
}

#[test]
fn logarithms_of_light_become_numbers() {
    // Written by OpenCV; libvips reads it and gives X, Y and Z times its white, D65.
    let (image, notes) = read("logluv.tif");
    assert_eq!(image.format().name(), "bands3-f32le");
    assert!(notes.iter().any(|note| note.contains("LogLuv")), "{notes:?}");
    let expected = std::fs::read(file("logluv.f32")).unwrap();
    let numbers = |bytes: &[u8]| -> Vec<f64> {
        let numbers = bytes.as_chunks::<4>().0.iter();
        numbers.map(|bytes| f32::from_le_bytes(*bytes).into()).collect()
    };
    let (found, expected) = (numbers(image.bytes()), numbers(&expected));
    assert_eq!(found.len(), expected.len());
    let white = [95.047, 100.0, 108.8827].into_iter().cycle();
    for ((found, expected), white) in found.into_iter().zip(expected).zip(white) {
        let expected = expected / white;
        assert!(
            (found - expected).abs() <= expected.abs() * 1e-5,
            "{found} for {expected}"
        );
    }
}

#[test]
fn inks_that_are_no_parts_are_bands() {
    let inks = |bits, format| Tiff {
        samples: 4,
        bits,
        photometric: 5,
        format,
        ..Tiff::default()
    };
    let numbers: Vec<u8> = (0..24)
        .flat_map(|n| (n as f32 / 7.0 - 1.0).to_le_bytes())
        .collect();
    let (format, bytes, notes) = strip(inks(32, 3), &numbers);
    assert_eq!((format.as_str(), &bytes), ("bands4-f32le", &numbers));
    assert!(notes.contains("inks are read as bands"), "{notes}");
    let signed: Vec<u8> = (0..24).map(|n| (n * 10 - 120) as i8 as u8).collect();
    let (format, bytes, _) = strip(inks(8, 2), &signed);
    let wide: Vec<u8> = signed
        .iter()
        .flat_map(|n| i16::from(*n as i8).to_le_bytes())
        .collect();
    assert_eq!((format.as_str(), bytes), ("bands4-i16le", wide));
}

#[test]
fn a_page_is_chosen_by_its_number() {
    let open = |page| Decoder::open_page(&file("t41.tif"), &Limits::default(), page);
    let sizes = [None, Some(1), Some(2)].map(|page| open(page).unwrap().info().stored_size);
    assert!(sizes[0] == sizes[1] || sizes[0] == sizes[2], "{sizes:?}");
    assert!(
        sizes[0].pixels() >= sizes[1].pixels() && sizes[0].pixels() >= sizes[2].pixels(),
        "{sizes:?}"
    );
    for page in [1, 2] {
        let decoder = open(Some(page)).unwrap();
        let note = format!("2 pages; page {page} is read");
        assert!(decoder.notes()[0].contains(&note), "{:?}", decoder.notes());
        let size = decoder.info().stored_size;
        assert_eq!(decoder.read_all().unwrap().size(), size);
    }
    for page in [0, 3] {
        let error = open(Some(page)).err().unwrap();
        assert!(
            error.to_string().contains(&format!("there is no page {page}")),
            "{error}"
        );
    }
}
