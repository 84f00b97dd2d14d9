//! Any bytes are an ICC profile that converts, or none: that of inks in a JPEG of CMYK, and that of a PNG, which results carry on.
#![no_main]

#[path = "../file.rs"]
mod file;

use libfuzzer_sys::fuzz_target;

const SOUND: &[u8] = include_bytes!("../cmyk.jpg");

/// `jpeg` with segments of a profile in front of all others.
fn with_profile(jpeg: &[u8], profile: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = profile.chunks(65_000).collect();
    let mut bytes = jpeg[..2].to_vec();
    for (index, part) in parts.iter().enumerate() {
        bytes.extend([0xff, 0xe2]);
        bytes.extend((part.len() as u16 + 16).to_be_bytes());
        bytes.extend(b"ICC_PROFILE\0");
        bytes.extend([index as u8 + 1, parts.len() as u8]);
        bytes.extend(*part);
    }
    bytes.extend(&jpeg[2..]);
    bytes
}

fuzz_target!(|data: &[u8]| {
    // What makes it one for inks is put where it belongs, so that more than the header is looked at.
    let mut profile = data.to_vec();
    if profile.len() >= 128 {
        let length = profile.len() as u32;
        profile[..4].copy_from_slice(&length.to_be_bytes());
        profile[12..24].copy_from_slice(b"prtrCMYKLab ");
        profile[36..40].copy_from_slice(b"acsp");
    }
    file::read_file(&with_profile(SOUND, &profile));
});
