//! What the targets of the decoders share.

use std::io::Write;

use azulejo_imaging::file::{Decoder, Limits};

/// Reads one of `magics`, which the first byte of `data` chooses, and the rest of `data` as a file, to its end.
#[allow(dead_code, reason = "some targets make the file themselves")]
pub fn read(magics: &[&[u8]], data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    read_file(&[magics[usize::from(*choice) % magics.len()], rest].concat());
}

/// Reads a file of these bytes, to its end.
pub fn read_file(bytes: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    let limits = Limits {
        max_pixels: 1 << 22,
        max_unstreamed_pixels: 1 << 22,
        ..Limits::default()
    };
    if let Ok(mut decoder) = Decoder::open(file.path(), &limits) {
        let mut strip = Vec::new();
        while let Ok(Some(_)) = decoder.next_rows(&mut strip) {}
    }
}
