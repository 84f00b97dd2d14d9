//! Any bytes are EXIF that a TIFF takes, as a whole, in part or not at all; what it took comes back, and is taken again as it is.
#![no_main]

use azulejo_imaging::file::{EncodeOptions, Encoder, FileKind, Limits, Metadata, probe};
use azulejo_imaging::{PixelFormat, Size};
use libfuzzer_sys::fuzz_target;

/// The EXIF of a TIFF that was to have that of `metadata`.
fn written(metadata: &Metadata) -> Metadata {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let options = EncodeOptions {
        keep_exif: true,
        threads: 1,
        ..EncodeOptions::default()
    };
    let (size, format) = (Size::new(1, 1), PixelFormat::GRAY8);
    let mut encoder = Encoder::create(file.path(), FileKind::Tiff, &options, size, format, metadata)
        .expect("a TIFF of one pixel");
    encoder.write_rows(&[7]).expect("a row");
    encoder.finish().expect("all rows");
    probe(file.path(), &Limits::default()).expect("a TIFF").metadata
}

fuzz_target!(|data: &[u8]| {
    let magic: &[u8] = match data.first() {
        Some(byte) if byte & 1 == 1 => b"II*\0\x08\0\0\0",
        _ => b"MM\0*\0\0\0\x08",
    };
    let exif = [magic, data.get(1..).unwrap_or_default()].concat();
    let once = written(&Metadata {
        exif: Some(exif),
        ..Metadata::default()
    });
    assert_eq!(written(&once).exif, once.exif);
});
