//! Kinds of JPEG that readers often take for others: each with the pixels that libjpeg-turbo's djpeg reads, to the byte.

use std::path::{Path, PathBuf};

use azulejo_imaging::file::{ApplyOptions, Decoder, FileErrorKind, FileKind, Limits, apply_file};
use azulejo_imaging::{Raster, Recipe};

/// Files and what they are.
const KINDS: [(&str, &str); 27] = [
    ("separate_420", "baseline 4:2:0, one scan for each component"),
    ("separate_440", "baseline 4:4:0, one scan for each component"),
    ("y_then_chroma", "baseline 4:2:0 in two scans: Y, then Cb with Cr"),
    ("y_cb_then_cr", "baseline 4:2:0 in two scans: Y with Cb, then Cr"),
    ("cr_finer", "luma 1x1, Cb 1x1, Cr 2x2, interleaved baseline"),
    ("chroma_finer", "luma 1x1, chroma 2x2, interleaved baseline"),
    ("cr_finer_progressive", "luma 1x1, Cr 2x2, progressive"),
    ("sampling_3x1", "sampling 3x1"),
    (
        "separate_restart",
        "4:4:4, one scan for each component, restart interval that does not divide a scan",
    ),
    (
        "padding",
        "flat gray whose blocks hold other colours beyond the edge",
    ),
    ("no_end", "whole image, end marker missing"),
    ("same_id", "three components with the same id"),
    ("dnl", "DNL marker though the height is in the header"),
    ("orientation_long", "orientation 6 stored as a long"),
    ("lossless_gray", "lossless, 8 bits, gray, predictor 7"),
    ("lossless_rgb", "lossless, 8 bits, RGB, predictor 4"),
    ("lossless_12", "lossless, 12 bits, gray, predictor 5"),
    ("lossless_16", "lossless, 16 bits, gray, predictor 6"),
    ("lossless_rgb16", "lossless, 16 bits, RGB, predictor 2"),
    ("arithmetic_420", "arithmetic codes, 4:2:0"),
    (
        "arithmetic_422_restart",
        "arithmetic codes, 4:2:2, restart intervals",
    ),
    ("arithmetic_gray", "arithmetic codes, gray"),
    (
        "arithmetic_separate",
        "arithmetic codes, one scan for each component, restart intervals",
    ),
    ("arithmetic_progressive", "arithmetic codes, progressive, 4:2:0"),
    (
        "arithmetic_progressive_restart",
        "arithmetic codes, progressive, 4:4:0, restart intervals",
    ),
    (
        "arithmetic_conditioning",
        "arithmetic codes, conditioning of its own",
    ),
    (
        "arithmetic_conditioning_progressive",
        "arithmetic codes, progressive, conditioning of its own",
    ),
];

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/jpeg")
        .join(name)
}

fn read(path: &Path) -> Raster {
    Decoder::open(path, &Limits::default())
        .unwrap()
        .read_all()
        .unwrap()
}

#[test]
fn every_kind_has_the_pixels_that_others_read() {
    let folder = tempfile::tempdir().unwrap();
    let result = folder.path().join("result.png");
    for (name, what) in KINDS {
        let options = ApplyOptions {
            kind: Some(FileKind::Png),
            ..ApplyOptions::default()
        };
        let input = data(&format!("{name}.jpg"));
        apply_file(&Recipe::identity(), &input, &result, &options, &mut |_| true)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let (expected, actual) = (read(&data(&format!("{name}.png"))), read(&result));
        assert!(actual == expected, "{what}: {actual:?} for {expected:?}");
    }
}

#[test]
fn kinds_that_are_not_read_are_called_so() {
    let twelve = std::fs::read(data("twelve.jpg")).unwrap();
    let frame = twelve.windows(2).position(|pair| pair == [0xff, 0xc1]).unwrap();
    // As other starts of a frame: hierarchical, lossless and hierarchical with arithmetic coding.
    for (marker, precision, word) in [
        (0xc1, 12, "12 bits"),
        (0xcb, 8, "lossless"),
        (0xc5, 8, "hierarchical"),
        (0xcb, 8, "arithmetic"),
        (0xcd, 8, "hierarchical with arithmetic"),
        (0xca, 12, "12 bits"),
    ] {
        let mut bytes = twelve.clone();
        bytes[frame + 1] = marker;
        bytes[frame + 4] = precision;
        let Err(error) = Decoder::of_bytes(bytes, &Limits::default()) else {
            panic!("{word} was read");
        };
        assert_eq!(error.kind(), FileErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn arithmetic_codes_that_break_off_are_damaged() {
    for name in [
        "arithmetic_420",
        "arithmetic_progressive",
        "arithmetic_422_restart",
    ] {
        let whole = std::fs::read(data(&format!("{name}.jpg"))).unwrap();
        for cut in [whole.len() / 2, whole.len() - 40] {
            let error = Decoder::of_bytes(whole[..cut].to_vec(), &Limits::default())
                .and_then(Decoder::read_all)
                .unwrap_err();
            assert_eq!(error.kind(), FileErrorKind::Damaged, "{name} {cut}: {error}");
        }
        // A missing end marker alone is nothing.
        read_bytes(whole[..whole.len() - 2].to_vec());
    }
    let whole = std::fs::read(data("arithmetic_conditioning.jpg")).unwrap();
    for value in [0x01, 0xf0] {
        let broken = changed(&whole, 0xcc, |_| {
            vec![0xff, 0xcc, 0, 4, if value == 1 { 0 } else { 0x10 }, value & 0x0f]
        });
        let error = Decoder::of_bytes(broken, &Limits::default())
            .map(|_| ())
            .unwrap_err();
        assert_eq!(error.kind(), FileErrorKind::Damaged, "{error}");
    }
}

/// `bytes` with the segments of `marker` changed by `change`.
fn changed(bytes: &[u8], marker: u8, change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (mut result, mut at) = (bytes[..2].to_vec(), 2);
    while bytes[at + 1] != 0xda {
        let end = at + 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        let segment = &bytes[at..end];
        result.extend(if bytes[at + 1] == marker {
            change(segment)
        } else {
            segment.to_vec()
        });
        at = end;
    }
    result.extend(&bytes[at..]);
    result
}

fn read_bytes(bytes: Vec<u8>) -> Raster {
    Decoder::of_bytes(bytes, &Limits::default())
        .unwrap()
        .read_all()
        .unwrap()
}

#[test]
fn a_height_that_follows_the_first_scan_is_found() {
    let without = changed(&std::fs::read(data("dnl.jpg")).unwrap(), 0xc0, |frame| {
        [&frame[..5], &[0, 0], &frame[7..]].concat()
    });
    assert_eq!(read_bytes(without).bytes(), read(&data("dnl.png")).bytes());
}

#[test]
fn missing_huffman_tables_are_those_of_the_standard() {
    let pixels: Vec<u8> = (0..40 * 30 * 3).map(|n| (n * 7 / 5) as u8).collect();
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    encoder
        .encode(&pixels, 40, 30, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    let without = changed(&bytes, 0xc4, |_| Vec::new());
    assert!(without.len() < bytes.len());
    assert!(read_bytes(without) == read_bytes(bytes));
}

#[test]
fn letters_as_ids_say_that_components_are_colours() {
    let bytes = changed(&std::fs::read(data("dnl.jpg")).unwrap(), 0xe0, |_| Vec::new());
    let plain = read_bytes(bytes.clone());
    assert_eq!(plain.bytes(), read(&data("dnl.png")).bytes());
    let adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0";
    let colours = read_bytes([&bytes[..2], adobe, &bytes[2..]].concat());
    let scan = bytes.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    let mut letters = bytes;
    for (index, letter) in b"RGB".iter().enumerate() {
        letters[frame + 10 + 3 * index] = *letter;
        letters[scan + 5 + 2 * index] = *letter;
    }
    let letters = read_bytes(letters);
    assert!(letters == colours && letters != plain);
}
