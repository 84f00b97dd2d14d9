//! Any bytes are a PNG image or an error: the magic is put in front.
#![no_main]

#[path = "../file.rs"]
mod file;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| file::read(&[b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"], data));
