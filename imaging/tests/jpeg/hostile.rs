//! JPEG that claims, repeats or breaks: little time, little memory, an error in words, never a panic.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::decode::decode;
use azulejo_imaging::file::{Decoder, FileErrorKind, Limits};
use jpeg_encoder::{ColorType, Encoder};
use proptest::prelude::*;

/// A progressive picture.
fn progressive(side: u16) -> Vec<u8> {
    let pixels: Vec<u8> = (0..usize::from(side) * usize::from(side) * 3)
        .map(|n| (n / 7 % 256) as u8)
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 80);
    encoder.set_progressive(true);
    encoder.encode(&pixels, side, side, ColorType::Rgb).unwrap();
    bytes
}

/// Where scan headers begin.
fn scans(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len() - 1)
        .filter(|at| bytes[*at..*at + 2] == [0xff, 0xda])
        .collect()
}

#[test]
fn thousands_of_scans_are_refused_unread() {
    let bytes = progressive(64);
    let starts = scans(&bytes);
    let (last, end) = (starts[starts.len() - 1], bytes.len() - 2);
    // The last scan, and so its refinement, again and again.
    let many = [&bytes[..end], &bytes[last..end].repeat(3000), &[0xff, 0xd9]].concat();
    let start = Instant::now();
    let error = decode(&many).unwrap_err();
    assert_eq!(error.kind(), FileErrorKind::TooLarge, "{error}");
    assert!(error.to_string().contains("scans"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn scans_that_are_worth_nothing_end_soon() {
    // A gray picture of 4000 by 4000 pixels whose AC scans are codes that end the band in 32767 blocks at a time.
    let segment = |marker: u8, body: &[u8]| {
        let length = (body.len() as u16 + 2).to_be_bytes();
        [&[0xff, marker][..], &length, body].concat()
    };
    let table = |class: u8, symbol: u8| {
        let mut body = vec![class];
        body.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, symbol]);
        segment(0xc4, &body)
    };
    let mut bytes = vec![0xff, 0xd8];
    bytes.extend(segment(0xdb, &[&[0][..], &[1; 64]].concat()));
    bytes.extend(segment(0xc2, &[8, 15, 160, 15, 160, 1, 1, 0x11, 0]));
    bytes.extend(table(0, 0));
    bytes.extend(table(0x10, 0xe0));
    bytes.extend(segment(0xda, &[1, 1, 0, 0, 0, 0]));
    bytes.extend(vec![0; 500 * 500 / 8 + 1]);
    let scan = [segment(0xda, &[1, 1, 0, 1, 63, 0]), vec![0; 32]].concat();
    let few = [&bytes[..], &scan.repeat(20), &[0xff, 0xd9]].concat();
    assert!(decode(&few).unwrap().iter().all(|sample| *sample == 128));
    let start = Instant::now();
    let many = [&bytes[..], &scan.repeat(1900), &[0xff, 0xd9]].concat();
    assert_eq!(decode(&many).unwrap_err().kind(), FileErrorKind::TooLarge);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_largest_header_takes_little_memory() {
    let mut bytes = progressive(64);
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc2]).unwrap();
    bytes[frame + 5..frame + 9].fill(0xff);
    let error = decode(&bytes).unwrap_err();
    assert_eq!(error.kind(), FileErrorKind::TooLarge, "{error}");
    // Within the limits, as wide as can be: bytes are held for a row of MCUs.
    bytes[frame + 5..frame + 9].copy_from_slice(&[0x40, 0, 0xff, 0xff]);
    bytes.extend(vec![0; 40 << 20]);
    let limits = Limits::default();
    let decoder = Decoder::of_bytes(bytes, &limits).unwrap();
    let held = decoder.bytes_for_all() - decoder.info().stored_size.pixels() * 3;
    assert!(held < 32 << 20, "{held} bytes");
}

#[test]
fn endless_restart_markers_end_soon() {
    let bytes = progressive(64);
    let first = scans(&bytes)[0] + 14;
    let many = [&bytes[..first], &[0xff, 0xd0].repeat(2 << 20)].concat();
    let start = Instant::now();
    assert_eq!(decode(&many).unwrap_err().kind(), FileErrorKind::Damaged);
    assert!(start.elapsed() < Duration::from_secs(5));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// The files of `kinds.rs`, with wrong bytes, cut or doubled.
    #[test]
    fn whatever_is_wrong_is_an_error_and_no_panic(
        kind in 0usize..8,
        wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let name = [
            "y_then_chroma", "cr_finer_progressive", "separate_restart", "sampling_3x1", "dnl",
            "arithmetic_422_restart", "arithmetic_conditioning_progressive", "arithmetic_separate",
        ][kind];
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/jpeg/{name}.jpg"));
        let mut bytes = std::fs::read(path).unwrap();
        for (at, byte) in wrong {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Err(error) = decode(&bytes) {
            prop_assert!(!error.to_string().contains("gave up"), "{}", error);
        }
    }
}
