//! Any bytes are a JPEG 2000 or a JPEG XL, or an error; so is a TIFF whose tiles are packed so or with LERC, the end of which the
//! data replaces.
#![no_main]

#[path = "../file.rs"]
mod file;

use libfuzzer_sys::fuzz_target;

const JP2: &[u8] = include_bytes!("../../imaging/tests/data/jp2/rgb8.jp2");
const CODESTREAM: &[u8] = include_bytes!("../../imaging/tests/data/jp2/rgb8.j2k");
const JXL: &[u8] = include_bytes!("../../imaging/tests/data/jxl/boxes.jxl");
const LOSSY: &[u8] = include_bytes!("../../imaging/tests/data/jxl/lossy.jxl");
const TIFF: &[u8] = include_bytes!("../../imaging/tests/data/packed/jp2_strips.tif");
const LERC: &[u8] = include_bytes!("../../imaging/tests/data/packed/lerc_gdal_zstd.tif");

fuzz_target!(|data: &[u8]| file::read(
    &[
        b"\0\0\0\x0cjP  \r\n\x87\n",
        b"\xff\x4f\xff\x51",
        b"\xff\x0a",
        b"\0\0\0\x0cJXL \r\n\x87\n",
        &JP2[..JP2.len() / 8],
        &CODESTREAM[..CODESTREAM.len() / 8],
        &JXL[..JXL.len() / 8],
        &LOSSY[..LOSSY.len() / 4],
        &TIFF[..TIFF.len() / 3],
        &LERC[..LERC.len() / 2]
    ],
    data
));
