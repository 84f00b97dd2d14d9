//! Memory that files take which promise much or unpack to much, for every kind and every packing of TIFF: each is read by a process of
//! its own, whose peak is read from the system. `--nocapture` prints the table of `docs/formats.md`.
#![cfg(all(feature = "files", target_os = "linux"))]

use std::path::Path;
use std::process::Command;

use azulejo_imaging::file::{Decoder, EncodeOptions, Encoder, FileKind, Limits, Metadata};
use azulejo_imaging::{PixelFormat, Size};

/// Bytes beyond a process that reads nothing.
const MOST: u64 = 64 << 20;
/// The file that the child is to read.
const TASK: &str = "AZULEJO_HOSTILE_FILE";
/// Strips of rows that are read.
const STRIPS: u32 = 40;

/// The peak of a process that reads the file, in bytes, and whether it gave rows.
fn peak(path: &Path) -> (u64, bool) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "the_work_of_a_child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(TASK, path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {text}", path.display());
    let told = text
        .lines()
        .find_map(|line| line.split("peak kB ").nth(1))
        .unwrap();
    let (peak, rows) = told.split_once(' ').unwrap();
    (peak.parse::<u64>().unwrap() << 10, rows == "true")
}

/// Not a test by itself: what [`peak`] runs.
#[test]
fn the_work_of_a_child() {
    let Some(path) = std::env::var_os(TASK) else {
        return;
    };
    // The size is not to be what is refused; what has to be held as a whole stays within its limit.
    let limits = Limits {
        max_pixels: u64::MAX / 64,
        ..Limits::default()
    };
    let mut has_rows = false;
    if let Ok(mut decoder) = Decoder::open(Path::new(&path), &limits) {
        let mut strip = Vec::new();
        for _ in 0..STRIPS {
            match decoder.next_rows(&mut strip) {
                Ok(Some(_)) => has_rows = true,
                Ok(None) | Err(_) => break,
            }
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    println!("peak kB {} {has_rows}", line.split_whitespace().nth(1).unwrap());
}

/// A TIFF of 65535 pixels a row, in strips of `rows` that are all the same `data`.
fn tiff(compression: u16, photometric: u16, bits: u16, samples: u16, rows: u32, data: &[u8]) -> Vec<u8> {
    let height = 65_535u32;
    let count = height.div_ceil(rows);
    let (directory, lists) = (8u32, 8 + 2 + 10 * 12 + 4);
    let start = lists + 8 * count;
    let places = |list: u32, value: u32| if count == 1 { value } else { list };
    let entries: [(u16, u16, u32, u32); 10] = [
        (256, 4, 1, 65_535),
        (257, 4, 1, height),
        (258, 3, 1, bits.into()),
        (259, 3, 1, compression.into()),
        (262, 3, 1, photometric.into()),
        (273, 4, count, places(lists, start)),
        (277, 3, 1, samples.into()),
        (278, 4, 1, rows),
        (279, 4, count, places(lists + 4 * count, data.len() as u32)),
        (284, 3, 1, 1),
    ];
    let mut file = b"II*\0".to_vec();
    file.extend(directory.to_le_bytes());
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file.extend((0..count).flat_map(|_| start.to_le_bytes()));
    file.extend((0..count).flat_map(|_| (data.len() as u32).to_le_bytes()));
    file.extend_from_slice(data);
    file
}

/// Zeros as LZW packs them: each code stands for one zero more than that before it.
fn lzw(times: usize) -> Vec<u8> {
    let (mut out, mut held, mut count) = (Vec::new(), 0u32, 0);
    let mut put = |code: u32, width: u32| {
        held = held << width | code;
        count += width;
        while count >= 8 {
            count -= 8;
            out.push((held >> count) as u8);
        }
        held &= (1 << count) - 1;
    };
    for _ in 0..times {
        put(256, 9);
        let mut code = 0;
        for next in 258..4094u32 {
            let width = match next {
                ..512 => 9,
                512..1024 => 10,
                1024..2048 => 11,
                _ => 12,
            };
            put(code, width);
            code = next;
        }
        // The table is full: the next code clears it, and is as wide as the last.
        put(256, 12);
    }
    out
}

/// Blocks of 128 KiB of zeros, in a window of 64 MiB.
fn zstd(blocks: usize) -> Vec<u8> {
    let mut data = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x80];
    // Of the kind that repeats a byte.
    let head = (0x20000u32 << 3 | 1 << 1).to_le_bytes();
    (0..blocks).for_each(|_| data.extend([head[0], head[1], head[2], 0]));
    data
}

fn flat(kind: FileKind, size: Size) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let (format, options) = (PixelFormat::RGB8, EncodeOptions::default());
    let mut encoder = Encoder::create(&path, kind, &options, size, format, &Metadata::default()).unwrap();
    let row = vec![7; size.width as usize * 3];
    (0..size.height).for_each(|_| encoder.write_rows(&row).unwrap());
    encoder.finish().unwrap();
    std::fs::read(path).unwrap()
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [&name[..], data].concat();
    [
        &(data.len() as u32).to_be_bytes()[..],
        &body,
        &crc32fast::hash(&body).to_be_bytes(),
    ]
    .concat()
}

fn png(side: u32, interlaced: bool, chunks: &[Vec<u8>]) -> Vec<u8> {
    let header = [
        &side.to_be_bytes()[..],
        &side.to_be_bytes(),
        &[8, 2, 0, 0, u8::from(interlaced)],
    ]
    .concat();
    let (header, end) = (chunk(b"IHDR", &header), chunk(b"IEND", &[]));
    [b"\x89PNG\r\n\x1a\n", &header[..], &chunks.concat(), &end].concat()
}

/// A JPEG of 65535 by 65535 pixels whose scan has next to no data.
fn jpeg(marker: u8, data: &[u8]) -> Vec<u8> {
    let segment = |marker: u8, body: &[u8]| {
        [&[0xff, marker][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat()
    };
    let mut file = vec![0xff, 0xd8];
    file.extend(segment(0xdb, &[&[0][..], &[1; 64]].concat()));
    file.extend(segment(
        marker,
        &[8, 0xff, 0xff, 0xff, 0xff, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0],
    ));
    let band: &[u8] = match marker {
        0xc3 => &[1, 0, 0],
        0xc2 | 0xca => &[0, 0, 0],
        _ => &[0, 63, 0],
    };
    file.extend(segment(0xda, &[&[3, 1, 0, 2, 0, 3, 0], band].concat()));
    file.extend_from_slice(data);
    file.extend([0xff, 0xd9]);
    file
}

fn other(name: &str) -> Vec<u8> {
    std::fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data/other")
            .join(name),
    )
    .unwrap()
}

fn patched(mut file: Vec<u8>, at: usize, with: &[u8]) -> Vec<u8> {
    file[at..at + with.len()].copy_from_slice(with);
    file
}

/// Bytes of the image that a kind holds as a whole, as it may.
fn held(name: &str) -> u64 {
    match name {
        "BMP, runs" | "GIF" => 11_000 * 11_000 * 4,
        // Three numbers of floating point a pixel.
        "HDR" => 5000 * 5000 * 12,
        _ => 0,
    }
}

/// What a file is, and its bytes: those that promise much, and those that unpack to much.
type Cases = Vec<(&'static str, Option<Vec<u8>>, Option<Vec<u8>>)>;

fn cases() -> Cases {
    let few = [0u8; 48];
    // Strips of 131 megapixels that are promised; strips of 16 rows, 1 MB, that a bomb is for.
    let tiffs = |compression, photometric, bits, bomb: Option<Vec<u8>>| {
        (
            Some(tiff(compression, photometric, bits, 1, 2000, &few)),
            bomb.map(|data| tiff(compression, photometric, bits, 1, 16, &data)),
        )
    };
    let zeros = || fdeflate::compress_to_vec(&vec![0; 64 << 20]);
    let xz =
        || std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiff/zeros.xz")).unwrap();
    let picture = Size::new(6000, 6000);
    let mut gray_jpeg = Vec::new();
    jpeg_encoder::Encoder::new(&mut gray_jpeg, 50)
        .encode(&vec![7; 36_000_000], 6000, 6000, jpeg_encoder::ColorType::Luma)
        .unwrap();
    let ranges = [0x80u8, 0x81, 0].repeat(1 << 20);
    let mut cases: Cases = Vec::new();
    for (name, (promise, bomb)) in [
        ("TIFF, not packed", tiffs(1, 1, 8, None)),
        (
            "TIFF, PackBits",
            tiffs(32773, 1, 8, Some([0x81, 0].repeat(1 << 20))),
        ),
        ("TIFF, LZW", tiffs(5, 1, 8, Some(lzw(10)))),
        ("TIFF, deflate", tiffs(8, 1, 8, Some(zeros()))),
        ("TIFF, Zstandard", tiffs(50000, 1, 8, Some(zstd(8192)))),
        ("TIFF, LZMA", tiffs(34925, 1, 8, Some(xz()))),
        ("TIFF, JPEG", tiffs(7, 1, 8, Some(gray_jpeg))),
        ("TIFF, CCITT runs", tiffs(2, 0, 1, Some(vec![0x35; 1 << 20]))),
        ("TIFF, CCITT group 3", tiffs(3, 0, 1, Some(vec![0x35; 1 << 20]))),
        ("TIFF, CCITT group 4", tiffs(4, 0, 1, Some(vec![0xff; 1 << 20]))),
        ("TIFF, SGI LogL", tiffs(34676, 32844, 16, Some(ranges))),
    ] {
        cases.push((name, promise, bomb));
    }
    let webp = flat(FileKind::WebP, picture);
    cases.push((
        "TIFF, WebP",
        Some(tiff(50001, 2, 8, 3, 2000, &few)),
        Some(tiff(50001, 2, 8, 3, 16, &webp)),
    ));
    let data = chunk(b"IDAT", &few);
    let bomb = fdeflate::compress_to_vec(&vec![0; 256 << 20]);
    cases.push((
        "PNG",
        Some(png(65_535, false, std::slice::from_ref(&data))),
        Some(png(60, false, &[chunk(b"IDAT", &bomb)])),
    ));
    cases.push((
        "PNG, interlaced",
        Some(png(11_000, true, std::slice::from_ref(&data))),
        Some(png(60, true, &[chunk(b"IDAT", &bomb)])),
    ));
    let profile = chunk(b"iCCP", &[b"x\0\0", &bomb[..]].concat());
    let text = chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\x01\0\0\0", &bomb[..]].concat());
    cases.push((
        "PNG, profile and XMP",
        None,
        Some(png(60, false, &[profile, text, data])),
    ));
    for (name, marker) in [
        ("JPEG, baseline", 0xc0),
        ("JPEG, progressive", 0xc2),
        ("JPEG, lossless", 0xc3),
        ("JPEG, arithmetic codes", 0xc9),
        ("JPEG, arithmetic codes, progressive", 0xca),
    ] {
        cases.push((name, Some(jpeg(marker, &few)), None));
    }
    // The picture of a WebP has 16383 pixels a side at most; this one is within the limit of what is held.
    let lossless = [
        &b"RIFF\x4c\0\0\0WEBPVP8L\x40\0\0\0\x2f"[..],
        &(10_999u32 | 10_999 << 14).to_le_bytes(),
        &[0; 59],
    ]
    .concat();
    let mut lossy = b"RIFF\x4c\0\0\0WEBPVP8 \x40\0\0\0\x10\0\0\x9d\x01\x2a\xf8\x2a\xf8\x2a".to_vec();
    lossy.resize(84, 0);
    cases.push(("WebP, lossless", Some(lossless), None));
    cases.push(("WebP, lossy", Some(lossy), None));
    let side = 11_000u32;
    let two = (side as u16).to_le_bytes();
    let (le, be) = (side.to_le_bytes(), side.to_be_bytes());
    for (name, file) in [
        ("BMP", patched(other("rgb.bmp"), 18, &[le, le].concat())),
        ("BMP, runs", patched(other("rle.bmp"), 18, &[le, le].concat())),
        ("GIF", patched(other("gray.gif"), 6, &[two, two].concat())),
        ("TGA", patched(other("rgb.tga"), 12, &[two, two].concat())),
        ("QOI", patched(other("rgb.qoi"), 4, &[be, be].concat())),
        ("farbfeld", patched(other("rgba.ff"), 8, &[be, be].concat())),
        ("DDS", patched(other("dxt1.dds"), 12, &[le, le].concat())),
        ("PNM", format!("P5\n{side} {side}\n255\nxyz").into_bytes()),
        ("PNM, text", format!("P2\n{side} {side}\n255\n1 2 3").into_bytes()),
        (
            "HDR",
            b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 5000 +X 5000\nxyz".to_vec(),
        ),
    ] {
        cases.push((name, Some(file), None));
    }
    cases
}

#[test]
fn files_that_promise_or_unpack_to_much_take_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, b"no image").unwrap();
    let (nothing, _) = peak(&path);
    let mut worst = Vec::new();
    for (name, promise, bomb) in cases() {
        let mut cells = [String::from("-"), String::from("-")];
        for (cell, file) in cells.iter_mut().zip([promise, bomb]) {
            let Some(file) = file else { continue };
            std::fs::write(&path, &file).unwrap();
            let (bytes, has_rows) = peak(&path);
            let beyond = bytes.saturating_sub(nothing);
            let end = if has_rows { "rows" } else { "refused" };
            *cell = format!("{:.1} MB, {end}", beyond as f64 / 1e6);
            if beyond > MOST + held(name) {
                worst.push(format!("{name}: {cell}"));
            }
        }
        println!("| {name} | {} | {} |", cells[0], cells[1]);
    }
    assert!(worst.is_empty(), "{worst:#?}");
}
