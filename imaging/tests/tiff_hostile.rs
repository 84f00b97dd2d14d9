//! TIFF that claims, repeats or breaks: little time, little memory, an error in words, never a panic.
#![cfg(feature = "files")]

#[path = "common/decode.rs"]
mod decode;
#[path = "common/tiff.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod writer;

use std::time::{Duration, Instant};

use azulejo_imaging::file::FileErrorKind;
use decode::decode;
use proptest::prelude::*;
use writer::Tiff;

/// A little-endian file with one directory of these tags (number, kind, count, value or place), and `rest` behind it.
fn file(tags: &[(u16, u16, u32, u32)], next: u32, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![b'I', b'I', 42, 0, 8, 0, 0, 0];
    bytes.extend((tags.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in tags {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(next.to_le_bytes());
    bytes.extend(rest);
    bytes
}

/// Where `rest` of [`file`] begins.
fn behind(tags: usize) -> u32 {
    8 + 2 + 12 * tags as u32 + 4
}

fn refused_soon(bytes: &[u8], kind: FileErrorKind, word: &str) {
    let start = Instant::now();
    let error = decode(bytes).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(word), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn thousands_of_planes_that_share_a_place_are_refused() {
    let tags = |samples: u32| {
        [
            (256, 4, 1, 30_000),
            (257, 4, 1, 30_000),
            (258, 3, 1, 8),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (273, 4, 1, behind(9)),
            (277, 3, 1, samples),
            (278, 4, 1, 30_000),
            (284, 3, 1, 2),
        ]
    };
    refused_soon(
        &file(&tags(65_535), 0, &[0; 64]),
        FileErrorKind::Damaged,
        "65535 samples",
    );
    refused_soon(
        &file(&tags(4096), 0, &[0; 64]),
        FileErrorKind::TooLarge,
        "samples are allowed",
    );
}

#[test]
fn a_sparse_row_that_is_larger_than_memory_is_refused() {
    // Nothing is stored, so that the size of the file bounds nothing.
    let tags = [
        (256, 4, 1, 200_000),
        (257, 4, 1, 10),
        (258, 3, 1, 16),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 0),
        (277, 3, 1, 4000),
        (278, 4, 1, 10),
        (279, 4, 1, 0),
    ];
    refused_soon(&file(&tags, 0, &[]), FileErrorKind::TooLarge, "a row of it");
}

#[test]
fn pages_without_a_size_that_overlap_end_soon() {
    // Each two bytes are a directory of thousands of tags, which names the next.
    let mut bytes = file(&[(256, 4, 1, 1)], 0, &vec![0x20; 1 << 20]);
    let next = behind(1);
    bytes[4..8].copy_from_slice(&next.to_le_bytes());
    let start = Instant::now();
    assert!(decode(&bytes).is_err());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn counts_and_places_beyond_the_file_are_errors() {
    for (count, place) in [
        (u32::MAX, 8),
        (1000, u32::MAX),
        (u32::MAX, u32::MAX),
        (1, 4_000_000),
    ] {
        let tags = [
            (256, 4, 1, 64),
            (257, 4, 1, 64),
            (258, 3, 1, 8),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (273, 4, count, place),
            (278, 4, 1, 64),
            (279, 4, count, place),
        ];
        assert!(decode(&file(&tags, 0, &[0; 100])).is_err(), "{count} {place}");
    }
}

#[test]
fn bombs_of_every_packing_are_refused() {
    for compression in [2, 3, 4, 5, 8, 32773, 34925, 50000, 50001, 7] {
        let tags = [
            (256, 4, 1, 40_000),
            (257, 4, 1, 40_000),
            (258, 3, 1, if compression < 5 { 1 } else { 8 }),
            (259, 3, 1, compression),
            (262, 3, 1, 1),
            (273, 4, 1, behind(8)),
            (278, 4, 1, 40_000),
            (279, 4, 1, 100),
        ];
        let start = Instant::now();
        assert!(decode(&file(&tags, 0, &[0x55; 100])).is_err(), "{compression}");
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{compression}: {:?}",
            start.elapsed()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn changed_and_cut_files_never_panic(
        compression in prop::sample::select(vec![1_u16, 5, 8, 32773]),
        tiles in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let tiff = Tiff {
            compression,
            rows_per_strip: (!tiles).then_some(5),
            ..Tiff::default()
        };
        let pixels: Vec<u8> = (0..37 * 29 * 3).map(|n| (n / 5 % 256) as u8).collect();
        let mut bytes = tiff.file(&pixels);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = decode(&bytes);
    }
}
