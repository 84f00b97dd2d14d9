//! Files that are damaged or lie, as cases with a name.

use azulejo_imaging::file::{EncodeOptions, Encoder, FileKind, Metadata};
use azulejo_imaging::{PixelFormat, Size};

use crate::common;

/// A sound file.
pub fn file(kind: FileKind, metadata: &Metadata) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let image = common::noise_image(Size::new(60, 40), PixelFormat::RGB8);
    let options = EncodeOptions {
        keep_exif: true,
        ..EncodeOptions::default()
    };
    let mut encoder = Encoder::create(&path, kind, &options, image.size(), image.format(), metadata).unwrap();
    encoder.write_rows(image.bytes()).unwrap();
    encoder.finish().unwrap();
    std::fs::read(path).unwrap()
}

/// Sets the bytes at `at` and, for a PNG header, its checksum.
fn patched(bytes: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes
}

fn header(png: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    let bytes = patched(png, at, with);
    let crc = crc32fast::hash(&bytes[12..29]).to_be_bytes();
    patched(&bytes, 29, &crc)
}

fn position(bytes: &[u8], of: &[u8]) -> usize {
    bytes.windows(of.len()).position(|window| window == of).unwrap()
}

/// The cases.
pub fn cases() -> Vec<(&'static str, Vec<u8>)> {
    let kinds = [FileKind::Png, FileKind::Jpeg, FileKind::Tiff, FileKind::WebP];
    let [png, jpeg, tiff, webp] = kinds.map(|kind| file(kind, &Metadata::default()));
    let data = position(&png, b"IDAT");
    let scan = position(&jpeg, &[0xff, 0xda]);
    let frame = position(&jpeg, &[0xff, 0xc0]);
    let directory = u32::from_le_bytes(tiff[4..8].try_into().unwrap()) as usize;
    let jpeg_claim = patched(&jpeg, frame + 5, &[0x2a, 0xf8, 0x2a, 0xf8]);
    vec![
        ("png cut in the header", png[..20].to_vec()),
        ("png cut in the data", png[..data + 500].to_vec()),
        ("png with a wrong header checksum", patched(&png, 29, &[0])),
        (
            "png with a wrong data checksum",
            patched(&png, data + 60, &[png[data + 60] ^ 1]),
        ),
        ("png without width", header(&png, 16, &[0, 0, 0, 0])),
        ("png of unknown colour type", header(&png, 25, &[5])),
        ("png of impossible depth", header(&png, 24, &[3])),
        (
            "png with a palette type and no palette",
            header(&png, 24, &[8, 3]),
        ),
        ("png of unknown interlace method", header(&png, 28, &[7])),
        (
            "png that is taller than its data",
            header(&png, 20, &[0, 0, 0, 50]),
        ),
        ("png with a chunk of 4 GiB", patched(&png, data - 4, &[0xff; 4])),
        (
            "png without data",
            [&png[..data - 4], &png[png.len() - 12..]].concat(),
        ),
        ("jpeg of a start marker", jpeg[..2].to_vec()),
        ("jpeg cut in the headers", jpeg[..scan - 20].to_vec()),
        ("jpeg cut in the data", jpeg[..jpeg.len() / 2].to_vec()),
        ("jpeg without height", patched(&jpeg, frame + 5, &[0, 0])),
        ("jpeg of no components", patched(&jpeg, frame + 9, &[0])),
        (
            "tiff whose directory lies outside",
            patched(&tiff, 4, &[0xff, 0xff, 0xff, 0x7f]),
        ),
        ("tiff cut in the directory", tiff[..directory + 10].to_vec()),
        ("tiff without entries", patched(&tiff, directory, &[0, 0])),
        (
            "tiff without data",
            [&tiff[..8], &vec![0; directory - 8][..], &tiff[directory..]].concat(),
        ),
        ("webp cut in the data", webp[..webp.len() / 2].to_vec()),
        ("webp of a header", webp[..16].to_vec()),
        (
            "jpeg cut and given an end",
            [&jpeg[..(scan + jpeg.len()) / 2], &[0xff, 0xd9]].concat(),
        ),
        ("jpeg that claims 121 megapixels", jpeg_claim),
        (
            "jpeg of a segment without length",
            [b"\xff\xd8\xff\xe0", &[0; 5000][..]].concat(),
        ),
        ("tiff of one strip that claims 512 MB", huge_strip()),
    ]
}

/// 8000 by 8000 pixels of four 16-bit samples in one strip of 64 bytes.
fn huge_strip() -> Vec<u8> {
    let entries: [(u16, u16, u32, u32); 10] = [
        (256, 4, 1, 8000),
        (257, 4, 1, 8000),
        (258, 3, 1, 16),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 8),
        (277, 3, 1, 4),
        (278, 4, 1, 8000),
        (279, 4, 1, 64),
        (338, 3, 1, 2),
    ];
    let mut file = b"II*\0\x48\0\0\0".to_vec();
    file.extend([0; 64]);
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file
}
