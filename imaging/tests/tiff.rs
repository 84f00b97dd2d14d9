//! TIFF as other programs write it: every packing and order of bytes; what is left out is said.
#![cfg(feature = "files")]

#[path = "common/mod.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod common;
#[path = "common/tiff.rs"]
mod writer;

use azulejo_imaging::file::{Decoder, FileError, FileErrorKind, ImageInfo, Limits, Orientation};
use azulejo_imaging::{PixelFormat, Size};
use common::noise;
use writer::Tiff;

fn decode(bytes: &[u8]) -> Result<(ImageInfo, Vec<u8>), FileError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.tif");
    std::fs::write(&path, bytes).unwrap();
    let mut decoder = Decoder::open(&path, &Limits::default())?;
    let (mut all, mut strip) = (Vec::new(), Vec::new());
    while decoder.next_rows(&mut strip)?.is_some() {
        all.extend_from_slice(&strip);
    }
    Ok((decoder.info().clone(), all))
}

#[test]
fn strips_and_tiles_of_every_packing_and_byte_order_are_read() {
    for compression in [1, 5, 8, 32773] {
        for (bits, format) in [(8, PixelFormat::RGB8), (16, PixelFormat::RGB16)] {
            for (big_endian, big) in [(false, false), (true, false), (false, true), (true, true)] {
                for rows_per_strip in [Some(1), Some(5), Some(29), None] {
                    // PackBits and no packing are used without a predictor.
                    for predictor in [false, compression == 5 || compression == 8] {
                        let tiff = Tiff {
                            bits,
                            compression,
                            predictor,
                            big_endian,
                            big,
                            rows_per_strip,
                            ..Tiff::default()
                        };
                        let pixels = noise(37 * 29 * format.bytes_per_pixel());
                        let (info, read) = decode(&tiff.file(&pixels)).unwrap();
                        assert_eq!((info.stored_size, info.format), (Size::new(37, 29), format));
                        assert!(
                            read == pixels,
                            "{compression} {bits} bit, big endian {big_endian}, BigTIFF {big}, {rows_per_strip:?}, {predictor}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn an_extra_band_makes_an_image_of_bands() {
    for predictor in [false, true] {
        for (samples, photometric, extra) in [
            (4, 2, vec![0]),
            (5, 2, vec![2, 0]),
            (5, 2, vec![0, 2]),
            (3, 1, vec![0, 0]),
        ] {
            let has_alpha = extra.contains(&2);
            let tiff = Tiff {
                samples,
                photometric,
                extra,
                predictor,
                ..Tiff::default()
            };
            let pixels = noise(37 * 29 * usize::from(samples));
            let file = tiff.file(&pixels);
            let decoder = Decoder::of_bytes(file.clone(), &Limits::default()).unwrap();
            assert_eq!(decoder.info().format.name(), format!("bands{samples}-u8"));
            assert_eq!(
                decoder.notes().iter().any(|note| note.contains("alpha")),
                has_alpha
            );
            assert!(decode(&file).unwrap().1 == pixels, "{samples} {photometric}");
        }
        let rgba = Tiff {
            samples: 4,
            extra: vec![2],
            predictor,
            ..Tiff::default()
        };
        let pixels = noise(37 * 29 * 4);
        assert_eq!(decode(&rgba.file(&pixels)).unwrap().1, pixels);
    }
}

#[test]
fn ink_becomes_light() {
    let pixels = noise(37 * 29 * 4);
    for (predictor, rows_per_strip) in [(false, Some(5)), (true, Some(29)), (true, None)] {
        let tiff = Tiff {
            samples: 4,
            photometric: 5,
            predictor,
            rows_per_strip,
            ..Tiff::default()
        };
        let (info, read) = decode(&tiff.file(&pixels)).unwrap();
        assert_eq!(info.format, PixelFormat::RGB8);
        for (ink, light) in pixels.chunks_exact(4).zip(read.chunks_exact(3)) {
            for channel in 0..3 {
                let exact = (255.0 - f64::from(ink[channel])) * (255.0 - f64::from(ink[3])) / 255.0;
                assert!((f64::from(light[channel]) - exact).abs() <= 0.5);
            }
        }
    }
}

#[test]
fn gray_may_be_stored_as_white_is_zero() {
    let pixels = noise(37 * 29);
    let tiff = Tiff {
        samples: 1,
        photometric: 0,
        ..Tiff::default()
    };
    let inverted: Vec<u8> = pixels.iter().map(|sample| 255 - sample).collect();
    assert_eq!(decode(&tiff.file(&pixels)).unwrap().1, inverted);
}

#[test]
fn the_profile_survives_strips_that_are_smaller_than_it() {
    for (width, rows_per_strip, length) in [(37, Some(1), 3144), (8, Some(1), 300_000), (37, None, 20_000)] {
        let tiff = Tiff {
            width,
            rows_per_strip,
            icc: noise(length),
            ..Tiff::default()
        };
        let (info, _) = decode(&tiff.file(&noise(width as usize * 29 * 3))).unwrap();
        assert_eq!(info.metadata.icc, Some(noise(length)));
    }
}

#[test]
fn orientation_is_told() {
    for (tag, orientation) in [
        (1, Orientation::Upright),
        (6, Orientation::Rotate90),
        (8, Orientation::Rotate270),
    ] {
        let tiff = Tiff {
            orientation: tag,
            ..Tiff::default()
        };
        let (info, _) = decode(&tiff.file(&noise(37 * 29 * 3))).unwrap();
        assert_eq!(info.orientation, orientation);
    }
}

#[test]
fn a_palette_that_is_missing_is_damage() {
    let tiff = Tiff {
        samples: 1,
        photometric: 3,
        ..Tiff::default()
    };
    let error = decode(&tiff.file(&noise(37 * 29))).unwrap_err();
    assert_eq!(error.kind(), FileErrorKind::Damaged);
    assert!(error.to_string().contains("palette"), "{error}");
}

#[test]
fn a_strip_that_cannot_be_packed_into_its_bytes_is_refused() {
    for (compression, least) in [(1, 64), (5, 64), (8, 64), (32773, 64)] {
        let tiff = Tiff {
            width: 8000,
            height: 8000,
            samples: 4,
            bits: 16,
            compression,
            extra: vec![2],
            rows_per_strip: Some(8000),
            ..Tiff::default()
        };
        let error = decode(&tiff.assemble(&[vec![0; least]], (8000, 8000))).unwrap_err();
        assert_eq!(error.kind(), FileErrorKind::Damaged);
        assert!(error.to_string().contains("cannot be packed"), "{error}");
    }
}

#[test]
fn a_jpeg_that_is_larger_than_its_tile_is_refused() {
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
    encoder
        .encode(&noise(16 * 16), 16, 16, jpeg_encoder::ColorType::Luma)
        .unwrap();
    let mut tiff = Tiff {
        width: 16,
        height: 16,
        samples: 1,
        photometric: 1,
        compression: 7,
        rows_per_strip: None,
        ..Tiff::default()
    };
    let whole = decode(&tiff.assemble(&[jpeg.clone()], (16, 16)));
    assert_eq!(whole.unwrap().1.len(), 256);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x40, 0, 0x40, 0]);
    tiff.rows_per_strip = Some(16);
    let error = decode(&tiff.assemble(&[jpeg], (16, 16))).unwrap_err();
    assert_eq!(error.kind(), FileErrorKind::Damaged);
    assert!(error.to_string().contains("strip or tile"), "{error}");
}
