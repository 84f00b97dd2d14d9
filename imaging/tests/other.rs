//! The kinds of files that the crate `image` reads and writes: files that other programs made (Pillow, OpenCV, the OpenEXR
//! library, and by hand), and pixels that come back.
#![cfg(feature = "files")]

#[path = "common/colors.rs"]
mod colors;
mod common;

use std::path::Path;

use azulejo_imaging::file::{Decoder, EncodeOptions, Encoder, FileErrorKind, FileKind, Limits, Metadata};
use azulejo_imaging::{PixelFormat, Raster, Size};
use colors::colors;

const SIZE: Size = Size::new(13, 7);

/// The sample `channel` of the pixel at x and y in the files.
fn sample(x: u32, y: u32, channel: u32) -> u8 {
    (x * 17 + y * 29 + channel * 71) as u8
}

/// What a file has to give: samples of the channels listed, each through `change`.
fn expected(size: Size, channels: &[u32], change: impl Fn(u8) -> u8) -> Vec<u8> {
    let pixels = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
    pixels
        .flat_map(|(x, y)| channels.iter().map(move |channel| sample(x, y, *channel)))
        .map(change)
        .collect()
}

fn bytes(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/other");
    std::fs::read(Path::new(folder).join(name)).unwrap()
}

/// What is read of a file, and what is said of it.
fn read(name: &str) -> (FileKind, Raster, Vec<String>) {
    let decoder = Decoder::of_bytes(bytes(name), &Limits::default()).unwrap();
    let (kind, notes) = (decoder.info().kind, decoder.notes().to_vec());
    (kind, decoder.read_all().unwrap(), notes)
}

#[test]
fn files_of_other_programs_have_their_pixels() {
    let same = |value: u8| value;
    let bit = |value: u8| if value > 127 { 255 } else { 0 };
    let rgba = &[0, 1, 2, 3][..];
    let rgb = &rgba[..3];
    let cases: [(&str, FileKind, PixelFormat, Vec<u8>); 20] = [
        (
            "rgb.bmp",
            FileKind::Bmp,
            PixelFormat::RGB8,
            expected(SIZE, rgb, same),
        ),
        (
            "rgba.bmp",
            FileKind::Bmp,
            PixelFormat::RGBA8,
            expected(SIZE, rgba, same),
        ),
        (
            "gray.bmp",
            FileKind::Bmp,
            PixelFormat::RGB8,
            expected(SIZE, &[0, 0, 0], same),
        ),
        (
            "rle.bmp",
            FileKind::Bmp,
            PixelFormat::RGB8,
            expected(SIZE, &[0, 0, 0], same),
        ),
        (
            "bits.bmp",
            FileKind::Bmp,
            PixelFormat::RGB8,
            expected(SIZE, &[0, 0, 0], bit),
        ),
        (
            "rgb.ppm",
            FileKind::Pnm,
            PixelFormat::RGB8,
            expected(SIZE, rgb, same),
        ),
        (
            "rgb.txt.ppm",
            FileKind::Pnm,
            PixelFormat::RGB8,
            expected(SIZE, rgb, same),
        ),
        (
            "gray.pgm",
            FileKind::Pnm,
            PixelFormat::GRAY8,
            expected(SIZE, &[0], same),
        ),
        // 15 is the most that a sample has.
        (
            "gray15.pgm",
            FileKind::Pnm,
            PixelFormat::GRAY8,
            expected(SIZE, &[0], |value| value / 16 * 17),
        ),
        (
            "bits.pbm",
            FileKind::Pnm,
            PixelFormat::GRAY8,
            expected(SIZE, &[0], bit),
        ),
        (
            "rgba.pam",
            FileKind::Pnm,
            PixelFormat::RGBA8,
            expected(SIZE, rgba, same),
        ),
        (
            "gray.gif",
            FileKind::Gif,
            PixelFormat::RGBA8,
            opaque(expected(SIZE, &[0, 0, 0], same)),
        ),
        (
            "rgb.tga",
            FileKind::Tga,
            PixelFormat::RGB8,
            expected(SIZE, rgb, same),
        ),
        (
            "rgba.tga",
            FileKind::Tga,
            PixelFormat::RGBA8,
            expected(SIZE, rgba, same),
        ),
        (
            "gray.tga",
            FileKind::Tga,
            PixelFormat::GRAY8,
            expected(SIZE, &[0], same),
        ),
        (
            "graya.tga",
            FileKind::Tga,
            PixelFormat::GRAYA8,
            expected(SIZE, &[0, 3], same),
        ),
        (
            "palette.tga",
            FileKind::Tga,
            PixelFormat::RGB8,
            expected(SIZE, &[0, 0, 0], same),
        ),
        (
            "rgb.qoi",
            FileKind::Qoi,
            PixelFormat::RGB8,
            expected(SIZE, rgb, same),
        ),
        (
            "rgba.qoi",
            FileKind::Qoi,
            PixelFormat::RGBA8,
            expected(SIZE, rgba, same),
        ),
        (
            "rgba.ff",
            FileKind::Farbfeld,
            PixelFormat::RGBA16,
            twice(&expected(SIZE, rgba, same)),
        ),
    ];
    for (name, kind, format, pixels) in cases {
        let (read_kind, image, notes) = read(name);
        assert_eq!(
            (read_kind, image.format(), image.size()),
            (kind, format, SIZE),
            "{name}"
        );
        assert!(image.bytes() == pixels, "{name}");
        assert!(notes.is_empty(), "{name}: {notes:?}");
    }
    let (_, image, _) = read("gray16.pgm");
    assert_eq!(image.format(), PixelFormat::GRAY16);
    assert!(image.bytes() == twice(&expected(SIZE, &[0], same)));
    // 5, 6 and 5 bits of red, green and blue: within what their width leaves.
    let (_, image, _) = read("565.bmp");
    let near = |(a, b): (&u8, u8)| a.abs_diff(b) <= 7;
    assert!(image.bytes().iter().zip(expected(SIZE, rgb, same)).all(near));
}

/// Three samples a pixel and an alpha of 255.
fn opaque(colors: Vec<u8>) -> Vec<u8> {
    colors
        .chunks_exact(3)
        .flat_map(|color| [color[0], color[1], color[2], 255])
        .collect()
}

/// Each byte as a sample of 16 bit.
fn twice(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| [*byte, *byte]).collect()
}

#[test]
fn packed_surfaces_have_their_colours() {
    for name in ["dxt1.dds", "dxt3.dds", "dxt5.dds"] {
        let (kind, image, _) = read(name);
        assert_eq!((kind, image.size()), (FileKind::Dds, Size::new(8, 8)), "{name}");
        let pixel = image.format().bytes_per_pixel();
        let rows = |color: [u8; 4]| color[..pixel].repeat(8 * 4);
        assert!(
            image.bytes() == [rows([255, 0, 0, 255]), rows([0, 0, 255, 255])].concat(),
            "{name}"
        );
    }
}

#[test]
fn light_from_0_to_1_becomes_16_bit_and_what_is_brighter_is_refused() {
    let value = |part: f32| ((part * 65535.0 + 0.5) as u16).to_le_bytes();
    let row = |color: [f32; 3], alpha: Option<f32>| -> Vec<u8> {
        let pixel: Vec<u8> = color.into_iter().chain(alpha).flat_map(value).collect();
        pixel.repeat(5)
    };
    for (name, kind, alpha) in [
        ("unit.hdr", FileKind::Hdr, None),
        ("unit.exr", FileKind::Exr, None),
        ("piz.exr", FileKind::Exr, None),
        // Its colours are stored times alpha.
        ("alpha.exr", FileKind::Exr, Some(0.5)),
    ] {
        let (read_kind, image, notes) = read(name);
        assert_eq!((read_kind, image.size()), (kind, Size::new(5, 4)), "{name}");
        let lower = row([0.25, 0.5, 0.125], alpha).repeat(2);
        let rows = [row([0.0; 3], alpha), row([0.5; 3], alpha), lower].concat();
        assert!(image.bytes() == rows, "{name}");
        assert!(notes[0].contains("floating-point"), "{name}: {notes:?}");
        let decoder = Decoder::of_bytes(bytes(name), &Limits::default()).unwrap();
        assert_eq!(decoder.info().metadata.png_color.gamma, Some(100_000), "{name}");
    }
    for name in ["bright.hdr", "bright.exr"] {
        let error = Decoder::of_bytes(bytes(name), &Limits::default()).err().unwrap();
        assert_eq!(error.kind(), FileErrorKind::Unsupported, "{name}");
        assert!(error.to_string().contains("outside 0 to 1"), "{error}");
    }
}

#[test]
fn a_page_is_chosen_and_the_others_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes(name)).unwrap();
        path
    };
    let open = |name: &str, page| Decoder::open_page(&path(name), &Limits::default(), page);
    let same = opaque(expected(SIZE, &[0, 0, 0], |value| value));
    let rows = |pixels: &[u8], turned: bool| -> Vec<u8> {
        let mut rows: Vec<&[u8]> = pixels.chunks_exact(SIZE.width as usize * 4).collect();
        if turned {
            rows.reverse();
        }
        rows.concat()
    };
    for (page, turned) in [(None, false), (Some(1), false), (Some(2), true)] {
        let decoder = open("three.gif", page).unwrap();
        let note = format!("3 frames; frame {} is read", page.unwrap_or(1));
        assert!(decoder.notes()[0].contains(&note), "{:?}", decoder.notes());
        assert!(
            decoder.read_all().unwrap().bytes() == rows(&same, turned),
            "{page:?}"
        );
    }
    for name in ["png.ico", "bmp.ico"] {
        for (page, side) in [(None, 12), (Some(1), 5), (Some(2), 12), (Some(3), 8)] {
            let decoder = open(name, page).unwrap();
            assert_eq!(decoder.info().kind, FileKind::Ico);
            let note = format!("3 pages; page {} is read", page.unwrap_or(2));
            assert!(decoder.notes()[0].contains(&note), "{:?}", decoder.notes());
            let size = Size::new(side, side);
            let pixels = expected(size, &[0, 1, 2, 3], |value| value);
            assert!(decoder.read_all().unwrap().bytes() == pixels, "{name} {page:?}");
        }
    }
    for (name, page) in [
        ("three.gif", 4),
        ("three.gif", 0),
        ("bmp.ico", 4),
        ("png.ico", 0),
        ("rgb.bmp", 2),
    ] {
        let error = open(name, Some(page)).err().unwrap();
        assert!(
            error.to_string().contains(&format!("there is no page {page}")),
            "{error}"
        );
    }
    open("rgb.bmp", Some(1)).unwrap();
}

/// A file of `kind` with `image`, and what was said to be left out.
fn written(kind: FileKind, image: &Raster, metadata: &Metadata) -> (Vec<u8>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let options = EncodeOptions {
        keep_exif: true,
        ..EncodeOptions::default()
    };
    let mut encoder = Encoder::create(&path, kind, &options, image.size(), image.format(), metadata).unwrap();
    for row in image.bytes().chunks(image.stride() * 3) {
        encoder.write_rows(row).unwrap();
    }
    let left_out = encoder.left_out().to_vec();
    encoder.finish().unwrap();
    (std::fs::read(path).unwrap(), left_out)
}

const HERE: [FileKind; 5] = [
    FileKind::Bmp,
    FileKind::Pnm,
    FileKind::Tga,
    FileKind::Qoi,
    FileKind::Farbfeld,
];

#[test]
fn what_is_written_has_the_same_pixels_when_it_is_read() {
    for kind in HERE {
        for format in PixelFormat::ALL {
            let image = common::noise_image(SIZE, format);
            if kind.problem(SIZE, format).is_some() {
                continue;
            }
            let (file, _) = written(kind, &image, &Metadata::default());
            let decoder = Decoder::of_bytes(file, &Limits::default()).unwrap();
            assert_eq!(decoder.info().kind, kind);
            let back = decoder.read_all().unwrap();
            assert_eq!(colors(&back), colors(&image), "{kind} {format}");
        }
    }
}

#[test]
fn a_gif_keeps_256_colours_and_says_what_it_does_not_keep() {
    let few = Raster::from_bytes(SIZE, PixelFormat::GRAY8, expected(SIZE, &[0], |value| value)).unwrap();
    let (file, left_out) = written(FileKind::Gif, &few, &Metadata::default());
    let back = Decoder::of_bytes(file, &Limits::default())
        .unwrap()
        .read_all()
        .unwrap();
    assert_eq!(colors(&back), colors(&few));
    assert!(left_out.is_empty(), "{left_out:?}");
    let many = common::noise_image(Size::new(60, 40), PixelFormat::RGBA8);
    let (file, left_out) = written(FileKind::Gif, &many, &Metadata::default());
    assert!(left_out[0].contains("more than 256 colours"), "{left_out:?}");
    assert!(left_out[1].contains("transparency"), "{left_out:?}");
    let back = Decoder::of_bytes(file, &Limits::default())
        .unwrap()
        .read_all()
        .unwrap();
    let mut palette: Vec<&[u8]> = back.bytes().chunks_exact(4).collect();
    palette.sort_unstable();
    palette.dedup();
    assert!(palette.len() <= 256, "{}", palette.len());
}

#[test]
fn the_last_colour_that_a_gif_holds_is_told_from_the_first_that_it_does_not() {
    // 255 grays and what is invisible, whatever its colour; then the 256th gray.
    for (grays, is_kept) in [(255, true), (256, false)] {
        let pixels = (0..1024).flat_map(|n| {
            let gray = (n / 2 % grays) as u8;
            if n % 2 == 0 {
                [n as u8, (n >> 8) as u8, 7, 0]
            } else {
                [gray, gray, gray, 255]
            }
        });
        let image = Raster::from_bytes(Size::new(32, 32), PixelFormat::RGBA8, pixels.collect()).unwrap();
        let (file, left_out) = written(FileKind::Gif, &image, &Metadata::default());
        assert_eq!(left_out.is_empty(), is_kept, "{left_out:?}");
        let back = Decoder::of_bytes(file, &Limits::default())
            .unwrap()
            .read_all()
            .unwrap();
        let visible = |image: &Raster| -> Vec<[u8; 4]> {
            let pixels = image.bytes().as_chunks::<4>().0.iter();
            pixels
                .map(|pixel| if pixel[3] == 0 { [0; 4] } else { *pixel })
                .collect()
        };
        assert_eq!(visible(&back) == visible(&image), is_kept);
    }
}

#[test]
fn metadata_that_has_no_place_is_told_of() {
    let image = common::noise_image(SIZE, PixelFormat::RGB8);
    let metadata = Metadata {
        icc: Some(moxcms::ColorProfile::new_srgb().encode().unwrap()),
        exif: Some(b"MM\0\x2a\0\0\0\x08\0\0\0\0\0\0".to_vec()),
        ..Metadata::default()
    };
    for kind in HERE.into_iter().chain([FileKind::Gif]) {
        let (_, left_out) = written(kind, &image, &metadata);
        let all = left_out.join("; ");
        assert!(
            all.contains("ICC profile is left out") && all.contains("EXIF is left out"),
            "{kind}: {all}"
        );
    }
    for kind in FileKind::ALL.into_iter().filter(|kind| !kind.is_written()) {
        let error = kind.check(SIZE, PixelFormat::RGB8).unwrap_err();
        assert!(error.to_string().contains("read and not written"), "{error}");
    }
}
