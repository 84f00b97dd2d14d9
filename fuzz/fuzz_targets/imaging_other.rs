//! Any bytes are an image of a kind that the crate `image` reads, or an error: the first byte says which magic is put in front.
#![no_main]

#[path = "../file.rs"]
mod file;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| file::read(
    &[
        b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
        b"GIF89a",
        b"P3\n",
        b"P5\n",
        b"P6\n",
        b"P7\nWIDTH ",
        b"qoif\0\0",
        b"farbfeld\0\0",
        b"\0\0\x01\0\x01\0",
        b"DDS \x7c\0\0\0",
        b"#?RADIANCE\n",
        b"\x76\x2f\x31\x01\x02\0\0\0",
        b"\x76\x2f\x31\x01\x02\x02\0\0",
        b"\0\0\x0a\0\0\0\0\0\0\0\0\0",
        b"\0\x01\x01"
    ],
    data
));
