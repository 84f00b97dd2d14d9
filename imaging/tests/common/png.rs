//! PNG files, taken apart and put together.

use azulejo_imaging::Raster;
use azulejo_imaging::file::{EncodeOptions, Encoder, FileKind, Metadata};

/// The image as a PNG.
pub fn sample(image: &Raster) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let options = EncodeOptions {
        threads: 1,
        ..EncodeOptions::default()
    };
    let metadata = Metadata::default();
    let mut encoder = Encoder::create(
        &path,
        FileKind::Png,
        &options,
        image.size(),
        image.format(),
        &metadata,
    )
    .unwrap();
    encoder.write_rows(image.bytes()).unwrap();
    encoder.finish().unwrap();
    std::fs::read(path).unwrap()
}

/// A chunk: length, name, data, checksum.
pub fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [&name[..], data].concat();
    let length = (data.len() as u32).to_be_bytes();
    let checksum = crc32fast::hash(&named).to_be_bytes();
    [&length[..], &named, &checksum].concat()
}

/// The chunks of a file.
pub fn chunks(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut chunks) = (&file[8..], Vec::new());
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        let (chunk, behind) = rest.split_at(length + 12);
        chunks.push(chunk.to_vec());
        rest = behind;
    }
    chunks
}

/// A file of these chunks.
pub fn joined(chunks: &[Vec<u8>]) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n", &chunks.concat()[..]].concat()
}
