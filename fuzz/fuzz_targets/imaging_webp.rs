//! Any bytes are a WebP image or an error: the first byte says which magic is put in front.
#![no_main]

#[path = "../file.rs"]
mod file;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| file::read(
    &[
        b"RIFF\x40\0\0\0WEBPVP8",
        b"RIFF\x40\0\0\0WEBPVP8L",
        b"RIFF\x40\0\0\0WEBPVP8X"
    ],
    data
));
