//! PNG as others write it, and with faults that do not touch the picture: what is in it is read, and what is left out is said.
#![cfg(feature = "files")]

mod common;
#[path = "common/png.rs"]
mod png;

use azulejo_imaging::file::{
    ApplyOptions, Decoder, EncodeOptions, FileErrorKind, FileKind, Limits, Orientation, apply_file,
};
use azulejo_imaging::{PixelFormat, Raster, Recipe, Size};
use png::{chunk, chunks, joined, sample};

const SIZE: Size = Size {
    width: 30,
    height: 20,
};

fn picture() -> Raster {
    common::noise_image(SIZE, PixelFormat::RGB8)
}

fn open(bytes: Vec<u8>) -> Decoder {
    Decoder::of_bytes(bytes, &Limits::default()).unwrap()
}

/// The file with `more` put behind the chunk at `place`.
fn with(place: usize, more: &[Vec<u8>]) -> Vec<u8> {
    let mut parts = chunks(&sample(&picture()));
    parts.splice(place..place, more.iter().cloned());
    joined(&parts)
}

/// Before the pixels, and before the end.
fn places() -> [usize; 2] {
    [1, chunks(&sample(&picture())).len() - 1]
}

#[test]
fn exif_counts_before_the_pixels_and_behind_them() {
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    for place in places() {
        let bytes = with(place, &[chunk(b"eXIf", exif)]);
        let decoder = open(bytes.clone());
        assert_eq!(decoder.info().orientation, Orientation::Rotate90);
        assert!(decoder.notes().is_empty(), "{:?}", decoder.notes());
        assert_eq!(decoder.read_all().unwrap(), picture());

        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from.png"), folder.path().join("to.png"));
        std::fs::write(&from, bytes).unwrap();
        let options = ApplyOptions {
            encode: EncodeOptions {
                keep_exif: true,
                ..EncodeOptions::default()
            },
            ..ApplyOptions::default()
        };
        let applied = apply_file(&Recipe::identity(), &from, &to, &options, &mut |_| true).unwrap();
        assert_eq!(applied.size, Size::new(SIZE.height, SIZE.width));
        let info = Decoder::open(&to, &Limits::default()).unwrap().info().clone();
        assert_eq!(info.orientation, Orientation::Upright);
        assert_eq!(info.metadata.exif.unwrap().len(), exif.len());
    }
}

#[test]
fn a_broken_chunk_beside_the_picture_is_left_out_and_that_is_said() {
    let mut broken = chunk(b"gAMA", &45_455u32.to_be_bytes());
    broken[9] ^= 1;
    for (name, bytes) in [
        ("gAMA", broken),
        ("gAMA", chunk(b"gAMA", &[0; 4])),
        ("cHRM", chunk(b"cHRM", &[0; 31])),
        ("iCCP", chunk(b"iCCP", b"name\0\0no zlib")),
        ("iCCP", chunk(b"iCCP", &[b'n'; 100])),
        ("sRGB", chunk(b"sRGB", &[9])),
        ("pHYs", chunk(b"pHYs", &[1])),
        ("eXIf", chunk(b"eXIf", &vec![0; (8 << 20) + 1])),
    ] {
        let decoder = open(with(1, &[bytes]));
        assert_eq!(decoder.notes().len(), 1, "{name}: {:?}", decoder.notes());
        assert!(decoder.notes()[0].contains(name), "{:?}", decoder.notes());
        assert_eq!(decoder.read_all().unwrap(), picture());
    }
}

#[test]
fn a_profile_that_unpacks_to_too_much_is_left_out() {
    let packed = fdeflate::compress_to_vec(&vec![0; 9 << 20]);
    let decoder = open(with(1, &[chunk(b"iCCP", &[b"icc\0\0", &packed[..]].concat())]));
    assert_eq!(decoder.info().metadata.icc, None);
    assert!(decoder.notes()[0].contains("iCCP"), "{:?}", decoder.notes());
}

/// The control of a frame: its number in the sequence, and a size.
fn frame(number: u32, size: Size) -> Vec<u8> {
    let numbers = [number, size.width, size.height, 0, 0];
    let mut data = numbers.map(u32::to_be_bytes).concat();
    data.extend([0, 1, 0, 1, 0, 0]);
    chunk(b"fcTL", &data)
}

#[test]
fn faults_in_later_frames_of_an_animation_do_not_matter() {
    let control = chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
    let last = chunks(&sample(&picture())).len() - 1;
    let data = |number: u32| chunk(b"fdAT", &[&number.to_be_bytes()[..], b"no zlib"].concat());
    let mut wrong_sum = data(2);
    *wrong_sum.last_mut().unwrap() ^= 1;
    for later in [
        vec![frame(1, SIZE), data(2)],
        vec![frame(7, SIZE), data(1)],
        vec![frame(1, Size::new(900, 900)), data(2)],
        vec![frame(1, SIZE), wrong_sum],
        vec![data(2)],
        vec![],
    ] {
        let mut parts = chunks(&sample(&picture()));
        parts.splice(last..last, later);
        parts.splice(1..1, [control.clone(), frame(0, SIZE)]);
        let decoder = open(joined(&parts));
        let note = &decoder.notes()[0];
        assert!(note.contains("2 frames") && note.contains("the first"), "{note}");
        assert_eq!(decoder.read_all().unwrap(), picture());
    }
    // The picture may be none of the frames.
    let decoder = open(with(1, &[control]));
    assert!(
        decoder.notes()[0].contains("still picture"),
        "{:?}",
        decoder.notes()
    );
}

#[test]
fn a_file_without_its_end_is_read_where_all_rows_are_there() {
    let bytes = sample(&picture());
    let (mut first, mut read) = (None, 0);
    for length in 8..bytes.len() {
        match Decoder::of_bytes(bytes[..length].to_vec(), &Limits::default()).and_then(Decoder::read_all) {
            Ok(image) => {
                assert_eq!(image, picture(), "cut after {length}");
                first = first.or(Some(length));
                read += 1;
            }
            Err(error) => {
                assert_eq!(
                    error.kind(),
                    FileErrorKind::Damaged,
                    "cut after {length}: {error}"
                );
                // Once all rows are there, more bytes do no harm.
                assert_eq!(first, None, "cut after {length}: {error}");
            }
        }
    }
    // At least the end, the checksums before it, and their chunk may be missing.
    assert!(read >= 12 + 4, "{read} of {}", bytes.len());
    // What is no chunk, behind the pixels.
    let cut = &bytes[..bytes.len() - 12];
    for behind in [&[0u8; 40][..], b"\xff\xff\xff\xffabcd", b"\0\0\0\x09IEN"] {
        let image = open([cut, behind].concat()).read_all().unwrap();
        assert_eq!(image, picture());
    }
}

#[test]
fn an_interlaced_file_without_its_end_is_read_too() {
    // A pixel of gray, interlaced: only the first of the seven passes has it.
    let header = chunk(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 1]);
    let data = chunk(b"IDAT", &fdeflate::compress_to_vec(&[0, 77]));
    let whole = [b"\x89PNG\r\n\x1a\n", &header[..], &data].concat();
    assert_eq!(open(whole).read_all().unwrap().bytes(), [77]);
}

#[test]
fn kinds_that_are_not_read_are_called_so() {
    let apple = with(0, &[chunk(b"CgBI", &[0x50, 0, 0x20, 6])]);
    for (bytes, word) in [(apple, "CgBI"), (with(1, &[chunk(b"NeWs", b"?")]), "not known")] {
        let read = Decoder::of_bytes(bytes, &Limits::default()).and_then(Decoder::read_all);
        let error = read.expect_err("a kind that is not read");
        assert_eq!(error.kind(), FileErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn what_a_png_says_of_its_colours_is_carried_over_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.png"), folder.path().join("to.png"));
    let points = [31_270u32, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000].map(u32::to_be_bytes);
    let said = [
        chunk(b"cICP", &[12, 13, 0, 1]),
        chunk(b"mDCV", &[5; 24]),
        chunk(b"cLLI", &[6; 8]),
        chunk(b"sRGB", &[1]),
        chunk(b"gAMA", &100_000u32.to_be_bytes()),
        chunk(b"cHRM", &points.concat()),
    ];
    std::fs::write(&from, with(1, &said)).unwrap();
    for recipe in ["flip_vertical", "grayscale", "rotate_90|blur:sigma=1"] {
        let applied = apply_file(
            &recipe.parse().unwrap(),
            &from,
            &to,
            &ApplyOptions::default(),
            &mut |_| true,
        );
        assert_eq!(applied.unwrap().left_out, Vec::<String>::new());
        let written = chunks(&std::fs::read(&to).unwrap());
        let pixels = written.iter().position(|part| &part[4..8] == b"IDAT").unwrap();
        for part in &said {
            let place = written.iter().position(|written| written == part);
            assert!(
                place.is_some_and(|place| place < pixels),
                "{recipe}: {:?}",
                &part[4..8]
            );
        }
    }
    let kind = Decoder::open(&to, &Limits::default()).unwrap().info().kind;
    assert_eq!(kind, FileKind::Png);
}
