//! Any bytes are a JPEG image or an error: the magic is put in front, or a picture of several scans with restart markers,
//! a lossless, a progressive one or one with arithmetic codes, of which the data replaces the end.
#![no_main]

#[path = "../file.rs"]
mod file;

use libfuzzer_sys::fuzz_target;

const SEPARATE: &[u8] = include_bytes!("../../imaging/tests/data/jpeg/separate_restart.jpg");
const LOSSLESS: &[u8] = include_bytes!("../../imaging/tests/data/jpeg/lossless_rgb.jpg");
const PROGRESSIVE: &[u8] = include_bytes!("../../imaging/tests/data/jpeg/cr_finer_progressive.jpg");
const ARITHMETIC: &[u8] = include_bytes!("../../imaging/tests/data/jpeg/arithmetic_422_restart.jpg");
const ARITHMETIC_PROGRESSIVE: &[u8] =
    include_bytes!("../../imaging/tests/data/jpeg/arithmetic_conditioning_progressive.jpg");

fuzz_target!(|data: &[u8]| {
    let magics: &[&[u8]] = &[
        b"\xff\xd8\xff\xe0",
        &SEPARATE[..SEPARATE.len() / 4],
        &SEPARATE[..SEPARATE.len() / 2],
        &LOSSLESS[..LOSSLESS.len() / 4],
        &PROGRESSIVE[..PROGRESSIVE.len() / 4],
        &PROGRESSIVE[..PROGRESSIVE.len() / 2],
        &ARITHMETIC[..ARITHMETIC.len() / 2],
        &ARITHMETIC_PROGRESSIVE[..ARITHMETIC_PROGRESSIVE.len() / 3],
    ];
    file::read(magics, data);
});
