//! The kinds of files that the crate `image` reads, from strangers: headers that ask for too much, files that are cut or damaged.
#![cfg(feature = "files")]

#[allow(dead_code, reason = "other tests use the rest of it")]
mod common;

use std::path::Path;

use azulejo_imaging::file::{Decoder, FileErrorKind, Limits};

fn bytes(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/other");
    std::fs::read(Path::new(folder).join(name)).unwrap()
}

/// A header of OpenEXR with a window to `last` and tiles of `tile`.
fn exr(last: [i32; 2], tile: [u32; 2]) -> Vec<u8> {
    let mut file = vec![0x76, 0x2f, 0x31, 1, 2, 2, 0, 0];
    let mut attribute = |name: &str, kind: &str, value: &[u8]| {
        file.extend([name.as_bytes(), &[0], kind.as_bytes(), &[0]].concat());
        file.extend((value.len() as u32).to_le_bytes());
        file.extend(value);
    };
    let mut channels = Vec::new();
    for name in ["B", "G", "R"] {
        channels.extend(
            [
                name.as_bytes(),
                &[0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0],
            ]
            .concat(),
        );
    }
    channels.push(0);
    let window: Vec<u8> = [0, 0, last[0], last[1]]
        .into_iter()
        .flat_map(i32::to_le_bytes)
        .collect();
    attribute("channels", "chlist", &channels);
    attribute("compression", "compression", &[3]);
    attribute("dataWindow", "box2i", &window);
    attribute(
        "displayWindow",
        "box2i",
        &[0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 7, 0, 0, 0],
    );
    attribute("lineOrder", "lineOrder", &[0]);
    attribute("pixelAspectRatio", "float", &1f32.to_le_bytes());
    attribute("screenWindowCenter", "v2f", &[0; 8]);
    attribute("screenWindowWidth", "float", &1f32.to_le_bytes());
    let tiles: Vec<u8> = tile.into_iter().flat_map(u32::to_le_bytes).chain([0]).collect();
    attribute("tiles", "tiledesc", &tiles);
    file.push(0);
    file.extend([0; 64]);
    file
}

#[test]
fn headers_that_ask_for_too_much_are_refused_before_it_is_allocated() {
    let wide = 60_000u32;
    let two = (wide as u16).to_le_bytes();
    let (le, be) = (wide.to_le_bytes(), wide.to_be_bytes());
    // The format itself ends at 400 megapixels.
    let qoi = 19_000u32.to_be_bytes();
    let text = |head: &str| [head.as_bytes(), &vec![b'x'; 1 << 17]].concat();
    let too_large = [
        ("bmp", patched(&bytes("rgb.bmp"), 18, &[le, le].concat())),
        ("gif", patched(&bytes("gray.gif"), 6, &[two, two].concat())),
        ("tga", patched(&bytes("rgb.tga"), 12, &[two, two].concat())),
        ("qoi", patched(&bytes("rgb.qoi"), 4, &[qoi, qoi].concat())),
        ("farbfeld", patched(&bytes("rgba.ff"), 8, &[be, be].concat())),
        ("dds", patched(&bytes("dxt1.dds"), 12, &[le, le].concat())),
        ("pgm", format!("P5\n{wide} {wide}\n255\n").into_bytes()),
        (
            "hdr",
            format!("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {wide} +X {wide}\n").into_bytes(),
        ),
        ("exr of a large window", exr([59_999, 59_999], [16, 16])),
        ("exr of large tiles", exr([7, 7], [1 << 17, 1 << 17])),
        // 81 megapixels of light and the copy of them.
        (
            "hdr in memory",
            b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 9000 +X 9000\n".to_vec(),
        ),
    ];
    for (name, file) in too_large {
        let error = Decoder::of_bytes(file, &Limits::default()).err();
        let error = error.unwrap_or_else(|| panic!("{name} is taken"));
        assert_eq!(error.kind(), FileErrorKind::TooLarge, "{name}: {error}");
    }
    let endless = [
        ("pam", text("P7\n# ")),
        ("hdr", text("#?RADIANCE\n")),
        (
            "hdr without a size",
            text("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y "),
        ),
    ];
    for (name, file) in endless {
        let error = Decoder::of_bytes(file, &Limits::default()).err().unwrap();
        assert_eq!(error.kind(), FileErrorKind::Damaged, "{name}: {error}");
        assert!(error.to_string().contains("no end"), "{name}: {error}");
    }
}

fn patched(file: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file[at..at + with.len()].copy_from_slice(with);
    file
}

/// Every file of the folder, cut anywhere, and with bytes that are not its own: pixels or an error in words.
#[test]
fn damage_is_an_error_and_no_panic() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/other");
    let limits = Limits {
        max_pixels: 1 << 20,
        max_unstreamed_pixels: 1 << 20,
        ..Limits::default()
    };
    let (mut files, mut refused) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let sound = std::fs::read(&path).unwrap();
        files += 1;
        let cut = (1..sound.len())
            .step_by(1 + sound.len() / 64)
            .map(|end| sound[..end].to_vec());
        let changed = (0..200u64).map(|seed| {
            let mut file = sound.clone();
            for turn in 0..=seed % 4 {
                let random = common::noise_at(seed * 4 + turn);
                // Mostly in the header.
                let place = if turn % 2 == 0 {
                    file.len()
                } else {
                    file.len().min(64)
                };
                file[random as usize % place] = (random >> 32) as u8;
            }
            file
        });
        for file in cut.chain(changed) {
            let read = Decoder::of_bytes(file, &limits).and_then(Decoder::read_all);
            if let Err(error) = read {
                let sentence = error.to_string();
                assert!(!sentence.contains("gave up"), "{}: {sentence}", path.display());
                assert!(
                    !sentence.contains(['{', '[', '"']),
                    "{}: {sentence}",
                    path.display()
                );
                refused += 1;
            }
        }
    }
    assert!(files >= 30 && refused > 1000, "{files} {refused}");
}
