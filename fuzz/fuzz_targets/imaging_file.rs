//! Any bytes are an image or an error, in every decoder: the first byte says which magic is put in front.
#![no_main]

use std::io::Write;

use azulejo_imaging::file::{Decoder, Limits};
use libfuzzer_sys::fuzz_target;

const MAGIC: [&[u8]; 6] = [
    b"",
    b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
    b"\xff\xd8\xff\xe0",
    b"II*\0\x08\0\0\0",
    b"MM\0*",
    b"RIFF\x40\0\0\0WEBPVP8",
];

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(MAGIC[usize::from(*choice) % MAGIC.len()])
        .expect("room for it");
    file.write_all(rest).expect("room for it");
    let limits = Limits {
        max_pixels: 1 << 22,
        max_unstreamed_pixels: 1 << 22,
        ..Limits::default()
    };
    if let Ok(mut decoder) = Decoder::open(file.path(), &limits) {
        let mut strip = Vec::new();
        while let Ok(Some(_)) = decoder.next_rows(&mut strip) {}
    }
});
