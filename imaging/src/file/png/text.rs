//! What chunks of a PNG hold packed, and the text that is XMP.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

/// The profile of an `iCCP`: behind a name and the number of the method, packed.
pub(super) fn profile(data: &[u8], most: usize) -> Option<Vec<u8>> {
    let end = data.iter().take(80).position(|byte| *byte == 0)?;
    let [0, packed @ ..] = data.get(end + 1..)? else {
        return None;
    };
    unpack(packed, most)
}

/// The text of an `iTXt` behind its keyword: whether it is packed, the number of the method, a language and the keyword in it.
pub(super) fn international(data: &[u8], most: usize) -> Option<Vec<u8>> {
    let [packed, method, rest @ ..] = data else {
        return None;
    };
    let mut parts = rest.splitn(3, |byte| *byte == 0).skip(2);
    let text = parts.next()?;
    match (packed, method) {
        (0, _) => Some(text.to_vec()),
        (1, 0) => unpack(text, most),
        _ => None,
    }
}

/// `most` bytes at most, and one at least.
fn unpack(packed: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut unpacker = ZlibDecoder::new(packed).take(most as u64 + 1);
    unpacker.read_to_end(&mut bytes).ok()?;
    (bytes.len() <= most && !bytes.is_empty()).then_some(bytes)
}
