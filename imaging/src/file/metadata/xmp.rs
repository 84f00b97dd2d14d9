//! XMP: a document of XML that tells about the image. It is carried over as it is, but for which way is up.

use crate::Orientation;

/// What a PNG's chunk of it begins with.
pub(in crate::file) const PNG: &[u8] = b"XML:com.adobe.xmp\0";

/// The XMP of an image that is turned upright: where it says how the stored pixels lie, it says that they are upright, so that
/// nobody turns them a second time.
pub(in crate::file) fn upright(orientation: Orientation, xmp: Option<Vec<u8>>) -> Option<Vec<u8>> {
    const NAME: &[u8] = b"tiff:Orientation";
    let mut xmp = xmp?;
    if orientation == Orientation::Upright {
        return Some(xmp);
    }
    let mut at = 0;
    while let Some(found) = xmp[at..].windows(NAME.len()).position(|part| part == NAME) {
        at += found + NAME.len();
        // Both as an attribute, `="6"`, and as an element, `>6<`.
        let value = xmp[at..].iter().take(8).position(u8::is_ascii_alphanumeric);
        if let Some(digit @ b'1'..=b'8') = value.and_then(|value| xmp.get_mut(at + value)) {
            *digit = b'1';
        }
    }
    Some(xmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_way_is_up_is_reset_where_the_image_is_turned() {
        let xmp =
            b"<a tiff:Orientation=\"6\"><tiff:Orientation>8</tiff:Orientation> tiff:Orientation".to_vec();
        let upright = |orientation| super::upright(orientation, Some(xmp.clone())).unwrap();
        assert_eq!(upright(Orientation::Upright), xmp);
        assert_eq!(
            upright(Orientation::Rotate90),
            b"<a tiff:Orientation=\"1\"><tiff:Orientation>1</tiff:Orientation> tiff:Orientation"
        );
    }
}
