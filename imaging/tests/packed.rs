//! JPEG 2000, JPEG XL and LERC: `data/packed.py` has made the files with the libraries of the formats themselves. What is packed
//! without loss comes back to the bit, the rest as those libraries decode it.
#![cfg(feature = "files")]

use std::path::{Path, PathBuf};

use azulejo_imaging::file::{Decoder, FileErrorKind, FileKind, Limits};
use azulejo_imaging::header::Header;
use azulejo_imaging::{Depth, PixelFormat, Raster, Size};

const SIZE: Size = Size::new(37, 29);

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The picture of `packed.py` in that format, with numbers of so many bits.
fn picture(format: PixelFormat, bits: u32) -> Raster {
    let factor = if bits == 8 { 1 } else { 31 };
    let mut pixels = Vec::new();
    for y in 0..i64::from(SIZE.height) {
        for x in 0..i64::from(SIZE.width) {
            for c in 0..format.channels.count() as i64 {
                let value = ((x * x * 3 + y * y * 5 + x * y * 7 + c * 1000) * factor) % (1 << bits);
                match format.depth {
                    Depth::Eight => pixels.push(value as u8),
                    Depth::SignedSixteen => pixels.extend(((value - 32768) as i16).to_le_bytes()),
                    _ => pixels.extend((value as u16).to_le_bytes()),
                }
            }
        }
    }
    Raster::from_bytes(SIZE, format, pixels).unwrap()
}

fn read(name: &str) -> Raster {
    let decoder = Decoder::open(&path(name), &Limits::default());
    let decoder = decoder.unwrap_or_else(|error| panic!("{name}: {error}"));
    decoder
        .read_all()
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// How far the farthest sample of 8 bit is from the bytes of a file.
fn worst(image: &Raster, name: &str) -> u8 {
    let wanted = bytes(name);
    assert_eq!(image.bytes().len(), wanted.len(), "{name}");
    let pairs = image.bytes().iter().zip(&wanted);
    pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

const PLAIN: [(&str, PixelFormat, u32); 6] = [
    ("gray8", PixelFormat::GRAY8, 8),
    ("graya8", PixelFormat::GRAYA8, 8),
    ("rgb8", PixelFormat::RGB8, 8),
    ("rgba8", PixelFormat::RGBA8, 8),
    ("gray16", PixelFormat::GRAY16, 16),
    ("rgb16", PixelFormat::RGB16, 16),
];

#[test]
fn jpeg_2000_without_loss_comes_back_to_the_bit() {
    for (name, format, bits) in PLAIN {
        let name = format!("jp2/{name}.jp2");
        assert!(read(&name) == picture(format, bits), "{name}");
    }
    for name in ["jp2/rgb8.j2k", "jp2/tiled.jp2"] {
        assert!(read(name) == picture(PixelFormat::RGB8, 8), "{name}");
    }
    // Parts of what 12 bit hold become the same parts of 16.
    let twelve = picture(PixelFormat::GRAY16, 12);
    let found = read("jp2/gray12.jp2");
    for (found, wanted) in found.bytes().chunks_exact(2).zip(twelve.bytes().chunks_exact(2)) {
        let [found, wanted] =
            [found, wanted].map(|bytes| u32::from(u16::from_le_bytes([bytes[0], bytes[1]])));
        assert_eq!(found, (wanted * 65535 + 2047) / 4095);
    }
}

#[test]
fn jpeg_2000_with_loss_is_that_of_openjpeg() {
    let worst = worst(&read("jp2/lossy.jp2"), "jp2/lossy.raw");
    assert!(worst <= 1, "{worst}");
}

#[test]
fn jpeg_xl_without_loss_comes_back_to_the_bit() {
    for (name, format, bits) in PLAIN {
        let name = format!("jxl/{name}.jxl");
        assert!(read(&name) == picture(format, bits), "{name}");
    }
    for name in ["jxl/boxes.jxl", "jxl/frames.jxl"] {
        assert!(read(name) == picture(PixelFormat::RGB8, 8), "{name}");
    }
    let frames = Decoder::open(&path("jxl/frames.jxl"), &Limits::default()).unwrap();
    assert!(
        frames.notes().iter().any(|note| note.contains("animation")),
        "{:?}",
        frames.notes()
    );
}

#[test]
fn jpeg_xl_with_loss_is_that_of_libjxl() {
    let worst = worst(&read("jxl/lossy.jxl"), "jxl/lossy.raw");
    assert!(worst <= 1, "{worst}");
}

#[test]
fn what_is_not_read_is_said() {
    let error = Decoder::open(&path("jxl/float.jxl"), &Limits::default())
        .err()
        .unwrap();
    assert_eq!(error.kind(), FileErrorKind::Unsupported);
    assert!(error.to_string().contains("floating-point"), "{error}");
    // Found by fuzzing. The first has XYB for its colours; the second a preview, which the decoder takes for a wider one.
    for (file, says) in [
        (&b"\xff\x0a\x5d\x30\x02\x08\x84\0"[..], "what its colours are"),
        (
            b"\xff\x0a\x5b\xb4\x2b\xb4\x7e\xff\x01\0\0\0\0\0\0\0\0\0\0\0\x21\xfa\xb4\x7e\xff\x0a\xdf\x7a\xd9\xfb\xee\xb4\xd9\x7a\xce\xb4\xb4\x5b\x01\x7a\xb3\xd9",
            "a preview",
        ),
    ] {
        let error = Decoder::of_bytes(file.to_vec(), &Limits::default()).err().unwrap();
        assert_eq!(error.kind(), FileErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    for (name, kind) in [("jp2/rgb8.jp2", FileKind::Jp2), ("jxl/rgb8.jxl", FileKind::Jxl)] {
        let decoder = Decoder::open(&path(name), &Limits::default()).unwrap();
        assert_eq!(decoder.info().kind, kind);
        let error = Decoder::open_page(&path(name), &Limits::default(), Some(2))
            .err()
            .unwrap();
        assert_eq!(error.kind(), FileErrorKind::NoPage);
    }
}

#[test]
fn tiles_of_jpeg_2000_are_the_pixels() {
    for (name, format, bits) in [
        ("jp2_rgb8", PixelFormat::RGB8, 8),
        ("jp2_rgba8", PixelFormat::RGBA8, 8),
        ("jp2_gray16", PixelFormat::GRAY16, 16),
        ("jp2_rgb16", PixelFormat::RGB16, 16),
        ("jp2_strips", PixelFormat::RGB8, 8),
    ] {
        assert!(
            read(&format!("packed/{name}.tif")) == picture(format, bits),
            "{name}"
        );
    }
    // Rounded to YCbCr and back.
    let worst = worst(&read("packed/jp2_ycbcr.tif"), "packed/jp2_ycbcr.raw");
    assert!(worst <= 2, "{worst}");
}

#[test]
fn tiles_of_lerc_are_the_numbers() {
    let signed: PixelFormat = "gray-i16le".parse().unwrap();
    for (name, format, bits) in [
        ("lerc_u8", PixelFormat::GRAY8, 8),
        ("lerc_rgb8", PixelFormat::RGB8, 8),
        ("lerc_u16", PixelFormat::GRAY16, 16),
        ("lerc_i16", signed, 16),
        ("lerc_rgb16", PixelFormat::RGB16, 16),
    ] {
        assert!(
            read(&format!("packed/{name}.tif")) == picture(format, bits),
            "{name}"
        );
    }
    for (name, format) in [
        ("f32", "gray-f32le"),
        ("deflate", "gray-f32le"),
        ("zstd", "gray-f32le"),
        ("lossy", "gray-f32le"),
        ("const", "gray-f32le"),
        ("u32", "gray-u32le"),
        ("i16", "gray-i16le"),
        ("big", "gray16le"),
        ("rgba", "rgba8"),
    ] {
        let found = read(&format!("packed/lerc_gdal_{name}.tif"));
        assert_eq!(found.format(), format.parse().unwrap(), "{name}");
        let wanted = bytes(&format!("packed/lerc_gdal_{name}.raw"));
        assert_eq!(found.bytes().len(), wanted.len(), "{name}");
        let is_float = format == "gray-f32le";
        for (index, (a, b)) in found
            .bytes()
            .chunks_exact(4)
            .zip(wanted.chunks_exact(4))
            .enumerate()
        {
            let [number, other] = [a, b].map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
            // Any number that is none is none.
            assert!(
                a == b || (is_float && number.is_nan() && other.is_nan()),
                "{name}, {index}"
            );
        }
    }
}

/// Reads all of `file`, however it goes.
fn try_read(file: Vec<u8>) -> Option<FileErrorKind> {
    let limits = Limits {
        max_unstreamed_pixels: 1 << 22,
        ..Limits::default()
    };
    let decoder = match Decoder::of_bytes(file, &limits) {
        Ok(decoder) => decoder,
        Err(error) => return Some(error.kind()),
    };
    decoder.read_all().err().map(|error| error.kind())
}

const HOSTILE: [&str; 9] = [
    "jp2/rgb8.jp2",
    "jp2/tiled.jp2",
    "jp2/rgb8.j2k",
    "jxl/rgb16.jxl",
    "jxl/boxes.jxl",
    "jxl/lossy.jxl",
    "packed/jp2_rgb8.tif",
    "packed/lerc_gdal_zstd.tif",
    "packed/lerc_rgb8.tif",
];

#[test]
fn what_is_cut_is_refused_or_read() {
    for name in HOSTILE {
        let whole = bytes(name);
        for length in (0..whole.len()).step_by(whole.len() / 60 + 1) {
            let found = try_read(whole[..length].to_vec());
            let allowed = [
                None,
                Some(FileErrorKind::Damaged),
                Some(FileErrorKind::NotAnImage),
                Some(FileErrorKind::TooLarge),
                Some(FileErrorKind::Unsupported),
            ];
            assert!(allowed.contains(&found), "{name} at {length}: {found:?}");
        }
        assert!(try_read(whole[..whole.len() / 3].to_vec()).is_some(), "{name}");
    }
}

#[test]
fn what_is_damaged_is_refused_or_read() {
    for name in HOSTILE {
        let whole = bytes(name);
        for index in 0..120usize {
            let mut file = whole.clone();
            let at = (index * 7919 + index * index * 31)
                % file.len().min(if index % 2 == 0 { 300 } else { usize::MAX });
            file[at] ^= 1 << (index % 8);
            let _ = try_read(file);
        }
    }
}

/// Bits that are wrong make other sizes and kinds of some headers: what is read of them without a codec is what the decoders say.
#[test]
fn headers_of_damaged_files_are_those_of_the_decoders() {
    let limits = Limits::default();
    let names = HOSTILE.iter().filter(|name| !name.starts_with("packed"));
    for name in names.chain(&[
        "jxl/graya8.jxl",
        "jxl/frames.jxl",
        "jp2/rgba8.jp2",
        "jp2/gray12.jp2",
    ]) {
        let whole = bytes(name);
        let mut count = 0;
        for bit in 0..whole.len().min(150) * 8 {
            let mut file = whole.clone();
            file[bit / 8] ^= 1 << (bit % 8);
            let header = Header::read(&mut file.as_slice(), file.len() as u64, None);
            let Ok(decoder) = Decoder::of_bytes(file, &limits) else {
                continue;
            };
            count += 1;
            let info = decoder.info();
            let header = header.unwrap_or_else(|error| panic!("{name}, bit {bit}: {error}"));
            assert_eq!(
                (header.kind, header.stored_size, header.format),
                (info.kind, info.stored_size, info.format),
                "{name}, bit {bit}"
            );
        }
        assert!(count > 0, "{name}");
    }
}

#[test]
fn headers_that_promise_too_much_are_refused_before_it_is_allocated() {
    let limits = Limits::default();
    let refused = |file: Vec<u8>| {
        Decoder::of_bytes(file, &limits)
            .and_then(Decoder::read_all)
            .err()
            .unwrap()
            .kind()
    };
    // The size in the header of the codestream, and that of its tiles.
    let mut file = bytes("jp2/rgb8.j2k");
    file[8..16].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    assert_eq!(refused(file.clone()), FileErrorKind::TooLarge);
    file[8..16].copy_from_slice(&[0, 0, 0x10, 0, 0, 0, 0x10, 0]);
    // Tiles of 37 by 29, of which one is there.
    assert_eq!(refused(file.clone()), FileErrorKind::Damaged);
    // Blocks of four by four pixels in a tile that is as large as the image.
    file[24..32].copy_from_slice(&[0, 0, 0x10, 0, 0, 0, 0x10, 0]);
    let coding = file.windows(2).position(|pair| pair == [0xff, 0x52]).unwrap();
    file[coding + 10..coding + 12].fill(0);
    assert_eq!(refused(file), FileErrorKind::TooLarge);
    // A codestream of JPEG XL: 2^30 pixels a side are the most that its header says.
    let file = [&[0xff, 0x0a][..], &[0xf8; 64]].concat();
    assert!(matches!(
        refused(file),
        FileErrorKind::TooLarge | FileErrorKind::Damaged
    ));
    // A tile of a TIFF that says that it is larger than its TIFF says.
    for (name, magic, at) in [
        ("packed/jp2_rgb8.tif", &[0xff, 0x4f, 0xff, 0x51][..], 8),
        ("packed/lerc_u8.tif", b"Lerc2 ", 14),
    ] {
        let mut file = bytes(name);
        let start = file
            .windows(magic.len())
            .position(|bytes| bytes == magic)
            .unwrap();
        file[start + at..start + at + 8].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
        assert_eq!(refused(file), FileErrorKind::Damaged, "{name}");
    }
}
