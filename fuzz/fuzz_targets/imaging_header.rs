//! Any bytes have a header or an error, the same in one piece and in parts; and of what the decoder opens the header says the same.
#![no_main]

use azulejo_imaging::file::{Decoder, Limits};
use azulejo_imaging::header::{Found, Header, Parts};
use libfuzzer_sys::fuzz_target;

/// What the first byte may put in front.
const MAGICS: [&[u8]; 18] = [
    b"",
    b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
    b"\xff\xd8\xff",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"II+\0\x08\0\0\0",
    b"RIFF\0\x10\0\0WEBP",
    b"RIFF\0\x10\0\0WEBPVP8X\x0a\0\0\0",
    b"BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0\0\0",
    b"P7\n",
    b"P5 ",
    b"GIF89a",
    b"qoif",
    b"farbfeld",
    b"\0\0\x01\0\x01\0",
    b"DDS \x7c\0\0\0",
    b"#?RADIANCE\n\n-Y ",
    b"\x76\x2f\x31\x01\x02\0\0\0",
];

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let file = [MAGICS[usize::from(*choice) % MAGICS.len()], rest].concat();
    let length = file.len() as u64;
    let whole = Header::read(&mut &file[..], length, None);
    let mut parts = Parts::new(length);
    let found = loop {
        match parts.header(None) {
            Found::Missing(range) => {
                let part = file[range.start as usize..range.end as usize].to_vec();
                parts.add(range.start, part);
            }
            found => break found,
        }
    };
    match (&found, &whole) {
        (Found::Header(parts), Ok(whole)) => assert_eq!(parts, whole),
        (Found::Unknown(Some(parts)), Err(whole)) => assert_eq!(parts, whole),
        (Found::Unknown(None), _) => {}
        other => panic!("{other:?}"),
    }
    let limits = Limits {
        max_pixels: 1 << 20,
        max_unstreamed_pixels: 1 << 20,
        ..Limits::default()
    };
    if let Ok(decoder) = Decoder::of_bytes(file, &limits) {
        let info = decoder.info();
        let header = whole.expect("a header of what is read");
        assert_eq!(
            (header.kind, header.stored_size, header.format, header.orientation),
            (info.kind, info.stored_size, info.format, info.orientation)
        );
    }
});
