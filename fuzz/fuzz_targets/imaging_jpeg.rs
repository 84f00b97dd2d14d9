//! Any bytes are a JPEG image or an error: the magic is put in front.
#![no_main]

#[path = "../file.rs"]
mod file;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| file::read(&[b"\xff\xd8\xff\xe0"], data));
