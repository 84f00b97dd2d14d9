//! Any bytes are a TIFF image or an error: the first byte says which magic is put in front.
#![no_main]

#[path = "../file.rs"]
mod file;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| file::read(
    &[
        b"II*\0\x08\0\0\0",
        b"MM\0*",
        b"II+\0\x08\0\0\0",
        b"MM\0+\0\x08\0\0"
    ],
    data
));
