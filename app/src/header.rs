//! What a chosen file says of itself, so that the Studio can tell size and format and refuse what the server would refuse before
//! anything is uploaded. It is read by the code that the server reads it with, from the few parts of the file that say it.

use std::ops::Range;

use azulejo_imaging::header::{Found, Header, Parts};

/// Reads the header of page `page`, else of the page that is the image, of a file of `length` bytes, parts of which `part` gives.
/// `None` where it is no image that is read, or cannot be read here: the server decides.
pub async fn read(
    length: u64,
    page: Option<u32>,
    part: impl AsyncFn(Range<u64>) -> Vec<u8>,
) -> Option<Header> {
    let mut parts = Parts::new(length);
    loop {
        match parts.header(page) {
            Found::Header(header) => return Some(header),
            Found::Unknown(_) => return None,
            Found::Missing(range) => {
                let start = range.start;
                let bytes = part(range).await;
                if bytes.is_empty() {
                    return None;
                }
                parts.add(start, bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use azulejo_imaging::{FileKind, PixelFormat, Size};

    use super::*;

    /// The header of a file, and the parts that were read of it.
    fn looked_at(file: &[u8]) -> (Option<Header>, Vec<Range<u64>>) {
        let asked = RefCell::new(Vec::new());
        let part = async |range: Range<u64>| {
            asked.borrow_mut().push(range.clone());
            file[range.start as usize..range.end as usize].to_vec()
        };
        let header =
            match pin!(read(file.len() as u64, None, part)).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(header) => header,
                Poll::Pending => panic!("nothing is waited for"),
            };
        (header, asked.into_inner())
    }

    fn header(file: &[u8]) -> Option<Header> {
        looked_at(file).0
    }

    /// A PNG whose header has this checksum.
    fn png_bytes((width, height): (u32, u32), depth: u8, colour: u8, checksum: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([depth, colour, 0, 0, 0]);
        bytes.extend(checksum.to_be_bytes());
        bytes.extend(*b"\0\0\0\x01IDAT?....");
        bytes
    }

    #[test]
    fn png_tells_size_and_format() {
        let found = header(&png_bytes((12288, 8192), 16, 6, 0x8ccc_d2d1)).unwrap();
        assert_eq!(found.size(), Size::new(12288, 8192));
        assert_eq!(found.format, PixelFormat::RGBA16);
        let small = header(&png_bytes((2, 2), 1, 3, 0x4878_9f67)).unwrap();
        assert_eq!(small.format, PixelFormat::RGB8);
    }

    /// What ends the header of a JPEG of 3000 by 2000: a frame, by that marker, and the header of a scan.
    fn frame(marker: u8) -> Vec<u8> {
        let mut bytes = vec![0xFF, marker, 0, 17, 8, 0x07, 0xD0, 0x0B, 0xB8, 3];
        bytes.extend([1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
        bytes.extend([0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0]);
        bytes
    }

    #[test]
    fn jpeg_tells_size_behind_other_segments() {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE1, 0, 6, 1, 2, 3, 4, 0xFF];
        bytes.extend(frame(0xC2));
        let found = header(&bytes).unwrap();
        assert_eq!(
            (found.size(), found.format),
            (Size::new(3000, 2000), PixelFormat::RGB8)
        );
    }

    /// A JPEG of 3000 by 2000 whose EXIF says `orientation`.
    fn turned(orientation: u8, is_little: bool, is_long: bool) -> Vec<u8> {
        let kind = if is_long { 4 } else { 3 };
        let mut exif = if is_little {
            vec![b'I', b'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, kind, 0, 1, 0, 0, 0]
        } else {
            vec![b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, kind, 0, 0, 0, 1]
        };
        exif.extend(match (is_little, is_long) {
            (true, _) => [orientation, 0, 0, 0],
            (false, false) => [0, orientation, 0, 0],
            (false, true) => [0, 0, 0, orientation],
        });
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE1, 0, 8 + exif.len() as u8];
        bytes.extend(b"Exif\0\0");
        bytes.extend(exif);
        bytes.extend(frame(0xC0));
        bytes
    }

    #[test]
    fn a_photograph_that_lies_on_its_side_is_told_upright() {
        for (is_little, is_long) in [(true, false), (true, true), (false, false), (false, true)] {
            for orientation in 1..=8 {
                let found = header(&turned(orientation, is_little, is_long)).unwrap();
                let upright = if orientation < 5 {
                    Size::new(3000, 2000)
                } else {
                    Size::new(2000, 3000)
                };
                assert_eq!(found.size(), upright, "{orientation}");
            }
        }
    }

    #[test]
    fn of_a_long_tiff_the_beginning_and_the_directory_are_read() {
        let place = 5_000_000_u32;
        let mut file = b"II\x2a\0".to_vec();
        file.extend(place.to_le_bytes());
        file.resize(place as usize, 0);
        file.extend(4_u16.to_le_bytes());
        for (tag, value) in [(256_u16, 70_000_u32), (257, 3000), (258, 16), (262, 1)] {
            file.extend(tag.to_le_bytes());
            file.extend([4, 0, 1, 0, 0, 0]);
            file.extend(value.to_le_bytes());
        }
        file.extend([0; 4]);
        let (found, parts) = looked_at(&file);
        let found = found.unwrap();
        assert_eq!(
            (found.kind, found.size()),
            (FileKind::Tiff, Size::new(70_000, 3000))
        );
        assert_eq!(found.format, PixelFormat::GRAY16);
        assert_eq!(parts, [0..65_536, 5_000_000..file.len() as u64]);
    }

    #[test]
    fn every_kind_of_file_tells_its_size() {
        for (file, kind, size, format) in [
            (
                &b"RIFF\x16\0\0\0WEBPVP8L\x05\0\0\0\x2f\xcf\xc7\x2b\x11."[..],
                FileKind::WebP,
                Size::new(2000, 1200),
                PixelFormat::RGBA8,
            ),
            (
                b"GIF89a\xd0\x07\xdc\x05\0\0\0",
                FileKind::Gif,
                Size::new(2000, 1500),
                PixelFormat::RGBA8,
            ),
            (
                b"P6 2000 1500 255\n",
                FileKind::Pnm,
                Size::new(2000, 1500),
                PixelFormat::RGB8,
            ),
            (
                b"farbfeld\0\0\x07\xd0\0\0\x05\xdc",
                FileKind::Farbfeld,
                Size::new(2000, 1500),
                PixelFormat::RGBA16,
            ),
        ] {
            let found = header(file).unwrap();
            assert_eq!((found.kind, found.size(), found.format), (kind, size, format));
        }
    }

    #[test]
    fn no_prefix_of_a_file_is_read_out_of_bounds() {
        for whole in [png_bytes((1, 1), 8, 2, 0x9077_53de), turned(6, true, false)] {
            for end in 0..whole.len() {
                let _ = header(&whole[..end]);
            }
        }
        assert_eq!(header(b""), None);
        assert_eq!(header(b"GIF89a"), None);
        assert_eq!(header(b"These are notes."), None);
        assert_eq!(header(&[0xFF, 0xD8, 0xFF, 0xDA, 0, 0]), None);
        let gone = pin!(read(100, None, async |_| Vec::new())).poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(gone, Poll::Ready(None));
    }
}
