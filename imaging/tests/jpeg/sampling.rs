//! JPEG: what is cut or claims too much is refused, what cameras write is read, and a result is true to its edges.

use crate::decode::decode;
use azulejo_imaging::file::{EncodeOptions, Encoder, FileErrorKind, FileKind, Limits, Metadata};
use azulejo_imaging::{PixelFormat, Raster, Recipe, Size, apply};
use jpeg_encoder::{ColorType, SamplingFactor};

fn write(image: &Raster, quality: u8) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.jpg");
    let options = EncodeOptions {
        quality: Some(quality),
        ..EncodeOptions::default()
    };
    let (size, format) = (image.size(), image.format());
    let mut encoder = Encoder::create(
        &path,
        FileKind::Jpeg,
        &options,
        size,
        format,
        &Metadata::default(),
    )
    .unwrap();
    encoder.write_rows(image.bytes()).unwrap();
    encoder.finish().unwrap();
    std::fs::read(path).unwrap()
}

fn photo(size: Size) -> Raster {
    let noise = crate::common::noise_image(size, PixelFormat::RGB8);
    apply(&"blur:sigma=2".parse::<Recipe>().unwrap(), &noise).unwrap()
}

/// As other programs write them: with restart markers, progressive, in every usual sampling.
fn foreign(restart: Option<u16>, progressive: bool, sampling: SamplingFactor) -> Vec<u8> {
    let image = photo(Size::new(333, 222));
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 85);
    encoder.set_progressive(progressive);
    encoder.set_sampling_factor(sampling);
    if let Some(interval) = restart {
        encoder.set_restart_interval(interval);
    }
    encoder.encode(image.bytes(), 333, 222, ColorType::Rgb).unwrap();
    bytes
}

fn position(bytes: &[u8], of: &[u8]) -> usize {
    bytes.windows(of.len()).position(|window| window == of).unwrap()
}

#[test]
fn an_image_that_was_cut_and_given_an_end_marker_is_damaged() {
    for bytes in [
        foreign(None, false, SamplingFactor::F_1_1),
        foreign(None, false, SamplingFactor::F_2_2),
        foreign(None, true, SamplingFactor::F_2_2),
        foreign(Some(5), false, SamplingFactor::F_2_2),
    ] {
        let scan = position(&bytes, &[0xff, 0xda]);
        for part in [10, 25, 50, 75, 90, 98] {
            let cut = scan + (bytes.len() - scan) * part / 100;
            let ended = [&bytes[..cut], &[0xff, 0xd9]].concat();
            let error = decode(&ended).err();
            assert_eq!(
                error.map(|error| error.kind()),
                Some(FileErrorKind::Damaged),
                "{part} % of {} bytes",
                bytes.len()
            );
        }
    }
}

#[test]
fn restart_markers_padding_and_data_behind_the_end_are_read() {
    for progressive in [false, true] {
        for sampling in [
            SamplingFactor::F_1_1,
            SamplingFactor::F_2_1,
            SamplingFactor::F_1_2,
            SamplingFactor::F_2_2,
        ] {
            for restart in [None, Some(1), Some(7)] {
                let bytes = foreign(restart, progressive, sampling);
                let plain = decode(&bytes).unwrap();
                assert_eq!(plain.len(), 333 * 222 * 3);
                // Phones append a film, or a second picture with an end marker of its own.
                let film = [&bytes[..], &vec![0x55; 200_000]].concat();
                assert_eq!(decode(&film).unwrap(), plain, "film");
                let pair = [&bytes[..], &bytes[..]].concat();
                assert_eq!(decode(&pair).unwrap(), plain, "pair");
                // Cameras fill up segments, with zeros or with FF.
                let tables = position(&bytes, &[0xff, 0xdb]);
                for filler in [0u8, 0xff] {
                    let padded = [&bytes[..tables], &[filler; 100], &bytes[tables..]].concat();
                    assert_eq!(decode(&padded).unwrap(), plain, "padded with {filler}");
                }
                let filled = [&bytes[..bytes.len() - 2], &[0xff, 0xff, 0xff, 0xd9]].concat();
                assert_eq!(decode(&filled).unwrap(), plain, "filled before the end");
            }
        }
    }
}

#[test]
fn a_flat_image_is_read_although_it_is_tiny() {
    let size = Size::new(3000, 2000);
    for format in [PixelFormat::GRAY8, PixelFormat::RGB8] {
        let image = Raster::from_bytes(
            size,
            format,
            vec![200; Raster::byte_length(size, format).unwrap()],
        );
        let bytes = write(&image.unwrap(), 50);
        assert!(bytes.len() < 100_000);
        let pixels = decode(&bytes).unwrap();
        assert!(pixels.iter().all(|sample| sample.abs_diff(200) <= 1), "{format}");
    }
    for progressive in [false, true] {
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 50);
        encoder.set_progressive(progressive);
        encoder.set_optimized_huffman_tables(true);
        encoder
            .encode(&vec![90; 4000 * 3000], 4000, 3000, ColorType::Luma)
            .unwrap();
        assert!(
            decode(&bytes)
                .unwrap()
                .iter()
                .all(|sample| sample.abs_diff(90) <= 1)
        );
    }
}

#[test]
fn a_size_that_the_file_cannot_hold_is_refused() {
    let bytes = write(&photo(Size::new(16, 16)), 50);
    let frame = position(&bytes, &[0xff, 0xc0]);
    let mut claim = bytes.clone();
    claim[frame + 5..frame + 9].copy_from_slice(&[0x2a, 0xf8, 0x2a, 0xf8]);
    let error = decode(&claim).unwrap_err();
    assert_eq!(error.kind(), FileErrorKind::Damaged);
    assert!(
        error.to_string().contains("11000x11000") || error.to_string().contains("11000"),
        "{error}"
    );
    // And a file that its header cannot account for is refused unread.
    let mut endless = bytes;
    endless.extend(vec![0; 40 << 20]);
    assert_eq!(decode(&endless).unwrap_err().kind(), FileErrorKind::TooLarge);
    let zeros = [&b"\xff\xd8\xff\xe0"[..], &vec![0; 1 << 20]].concat();
    assert_eq!(decode(&zeros).unwrap_err().kind(), FileErrorKind::Damaged);
}

#[test]
fn a_flat_image_is_flat_to_its_last_row() {
    // Neither side is a whole number of blocks, and colour is stored in half the resolution.
    for (format, pixel) in [
        (PixelFormat::GRAY8, &[200u8][..]),
        (PixelFormat::RGB8, &[200, 30, 90]),
    ] {
        for quality in [50, 89, 100] {
            let size = Size::new(64, 50);
            let image = Raster::from_bytes(size, format, pixel.repeat(64 * 50)).unwrap();
            let back = decode(&write(&image, quality)).unwrap();
            for (row, back) in back.chunks_exact(64 * pixel.len()).enumerate() {
                let rest: Vec<u8> = back.to_vec();
                assert!(
                    rest.iter()
                        .zip(pixel.iter().cycle())
                        .all(|(a, b)| a.abs_diff(*b) <= 4),
                    "{format}, quality {quality}, row {row}: {:?}",
                    &rest[..pixel.len()]
                );
            }
        }
    }
}

#[test]
fn quality_decides_on_the_size() {
    let image = photo(Size::new(300, 200));
    let lengths = [20, 50, 80, 95].map(|quality| write(&image, quality).len());
    assert!(lengths.is_sorted() && lengths[0] * 2 < lengths[3], "{lengths:?}");
}

#[test]
fn an_image_that_is_given_up_does_not_wait_for_its_encoder() {
    let folder = tempfile::tempdir().unwrap();
    let size = Size::new(20_000, 60_000);
    let mut encoder = Encoder::create(
        &folder.path().join("a.jpg"),
        FileKind::Jpeg,
        &EncodeOptions::default(),
        size,
        PixelFormat::RGB8,
        &Metadata::default(),
    )
    .unwrap();
    encoder.write_rows(&vec![9; 20_000 * 3 * 32]).unwrap();
    let start = std::time::Instant::now();
    drop(encoder);
    // All of its rows would take minutes.
    assert!(start.elapsed().as_secs() < 5);
}

#[test]
fn exif_that_does_not_fit_is_left_out_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let exif = [&b"MM\0*\0\0\0\x08\0\0\0\0\0\0"[..], &vec![1; 65_514]].concat();
    let options = EncodeOptions {
        keep_exif: true,
        ..EncodeOptions::default()
    };
    let create = |kind, exif: &[u8], options: &EncodeOptions| {
        let metadata = Metadata {
            exif: Some(exif.to_vec()),
            ..Metadata::default()
        };
        let path = folder.path().join("file");
        let size = Size::new(8, 8);
        let mut encoder = Encoder::create(&path, kind, options, size, PixelFormat::GRAY8, &metadata).unwrap();
        let left_out = encoder.left_out().to_vec();
        encoder.write_rows(&[0; 64]).unwrap();
        encoder.finish().unwrap();
        let read = azulejo_imaging::file::probe(&path, &Limits::default()).unwrap();
        (left_out, read.metadata.exif.is_some())
    };
    let (left_out, kept) = create(FileKind::Jpeg, &exif, &options);
    assert!(left_out[0].contains("65527") && !kept);
    assert_eq!(
        create(FileKind::Jpeg, &exif[..65_527], &options),
        (Vec::new(), true)
    );
    assert_eq!(create(FileKind::Png, &exif, &options), (Vec::new(), true));
    assert_eq!(create(FileKind::Tiff, &exif, &options).0, Vec::<String>::new());
    let (left_out, kept) = create(FileKind::Tiff, &exif[..9], &options);
    assert!(left_out[0].contains("damaged") && !kept);
    assert_eq!(
        create(FileKind::Jpeg, &exif, &EncodeOptions::default()),
        (Vec::new(), false)
    );
}
