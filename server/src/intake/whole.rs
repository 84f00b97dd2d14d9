//! Whether a PNG, JPEG or WebP file is all there, from its structure alone: no pixel is decoded, and a buffer of a fixed size
//! passes over the file once. A truncated download is refused when it is submitted, not after half a job.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

const BUFFER_BYTES: usize = 256 * 1024;
const PNG_SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Why a file is not whole.
#[derive(Debug, thiserror::Error)]
pub enum NotWhole {
    /// It ends too early.
    #[error("the file ends after {bytes} bytes in the middle of {place}: it is cut off")]
    Truncated {
        /// Its length.
        bytes: u64,
        /// Where it ends.
        place: String,
    },
    /// Its bytes are not those that were written.
    #[error("{0}")]
    Damaged(String),
    /// It cannot be read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Walks through the PNG file at `path` chunk by chunk up to `IEND`. Checksums are checked for the chunks that pixels
/// depend on; a wrong one elsewhere does no harm and is common.
///
/// # Errors
/// [`NotWhole`].
pub fn check_png(path: &Path) -> Result<(), NotWhole> {
    let mut walk = Walk::open(path)?;
    let mut signature = [0; 8];
    walk.fill(&mut signature, "the signature")?;
    if signature != PNG_SIGNATURE {
        return Err(NotWhole::Damaged(
            "the file does not begin like a PNG file".into(),
        ));
    }
    let mut has_pixels = false;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let mut head = [0; 8];
        walk.fill(
            &mut head,
            if has_pixels {
                "the image data"
            } else {
                "the header"
            },
        )?;
        let [l0, l1, l2, l3, kind @ ..] = head;
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        let name = String::from_utf8_lossy(&kind).into_owned();
        if length > i32::MAX as u32 || !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(NotWhole::Damaged(format!(
                "the PNG file is damaged {} bytes in",
                walk.position - 8
            )));
        }
        let place = format!("the chunk {name}");
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&kind);
        let mut left = length as usize;
        while left > 0 {
            let piece = left.min(buffer.len());
            walk.fill(&mut buffer[..piece], &place)?;
            checksum.update(&buffer[..piece]);
            left -= piece;
        }
        let mut stored = [0; 4];
        walk.fill(&mut stored, &place)?;
        // A capital first letter says that the image cannot be shown without this chunk.
        if kind[0].is_ascii_uppercase() && u32::from_be_bytes(stored) != checksum.finalize() {
            return Err(NotWhole::Damaged(format!(
                "the PNG file is damaged: the checksum of a chunk {name} ending {} bytes in is wrong",
                walk.position
            )));
        }
        match &kind {
            b"IDAT" => has_pixels = true,
            b"IEND" if has_pixels => return Ok(()),
            b"IEND" => return Err(NotWhole::Damaged("the PNG file has no image data".into())),
            _ => {}
        }
    }
}

/// Walks through the JPEG file at `path` segment by segment, and through its scans, up to the end-of-image marker.
///
/// # Errors
/// [`NotWhole`].
pub fn check_jpeg(path: &Path) -> Result<(), NotWhole> {
    let mut walk = Walk::open(path)?;
    let mut start = [0; 2];
    walk.fill(&mut start, "the signature")?;
    if start != [0xff, 0xd8] {
        return Err(NotWhole::Damaged(
            "the file does not begin like a JPEG file".into(),
        ));
    }
    let mut has_scan = false;
    let mut marker = walk.marker("the header")?;
    loop {
        match marker {
            0xd9 if has_scan => return Ok(()),
            0xd9 => return Err(NotWhole::Damaged("the JPEG file has no image data".into())),
            // Markers without a length.
            0x01 | 0xd0..=0xd8 => marker = walk.marker("the header")?,
            _ => {
                let place = if has_scan { "the image data" } else { "the header" };
                let mut length = [0; 2];
                walk.fill(&mut length, place)?;
                let length = u64::from(u16::from_be_bytes(length));
                let Some(rest) = length.checked_sub(2) else {
                    return Err(NotWhole::Damaged(format!(
                        "the JPEG file is damaged {} bytes in",
                        walk.position
                    )));
                };
                walk.skip(rest, place)?;
                if marker == 0xda {
                    has_scan = true;
                    marker = walk.end_of_scan()?;
                } else {
                    marker = walk.marker(place)?;
                }
            }
        }
    }
}

/// Checks that the WebP file at `path` is as long as its header says.
///
/// # Errors
/// [`NotWhole`].
pub fn check_webp(path: &Path) -> Result<(), NotWhole> {
    let mut walk = Walk::open(path)?;
    let mut head = [0; 12];
    walk.fill(&mut head, "the header")?;
    let [b'R', b'I', b'F', b'F', l0, l1, l2, l3, b'W', b'E', b'B', b'P'] = head else {
        return Err(NotWhole::Damaged(
            "the file does not begin like a WebP file".into(),
        ));
    };
    // The length counts from behind itself.
    let rest = u64::from(u32::from_le_bytes([l0, l1, l2, l3])).saturating_sub(4);
    walk.skip(rest, "the image data")
}

/// A file read from its beginning to its end, that knows where it is.
struct Walk {
    reader: BufReader<File>,
    position: u64,
}

impl Walk {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            reader: BufReader::with_capacity(BUFFER_BYTES, File::open(path)?),
            position: 0,
        })
    }

    fn truncated(&self, place: &str) -> NotWhole {
        NotWhole::Truncated {
            bytes: self.position,
            place: place.to_owned(),
        }
    }

    fn fill(&mut self, mut buffer: &mut [u8], place: &str) -> Result<(), NotWhole> {
        while !buffer.is_empty() {
            match self.reader.read(buffer) {
                Ok(0) => return Err(self.truncated(place)),
                Ok(count) => {
                    self.position += count as u64;
                    buffer = &mut buffer[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn skip(&mut self, count: u64, place: &str) -> Result<(), NotWhole> {
        let passed = io::copy(&mut (&mut self.reader).take(count), &mut io::sink())?;
        self.position += passed;
        if passed == count {
            Ok(())
        } else {
            Err(self.truncated(place))
        }
    }

    fn byte(&mut self, place: &str) -> Result<u8, NotWhole> {
        let mut byte = [0];
        self.fill(&mut byte, place)?;
        Ok(byte[0])
    }

    /// The next marker. Decoders pass over stray bytes before one, and so does this.
    fn marker(&mut self, place: &str) -> Result<u8, NotWhole> {
        loop {
            while self.byte(place)? != 0xff {}
            let mut code = self.byte(place)?;
            while code == 0xff {
                code = self.byte(place)?;
            }
            if code != 0 {
                return Ok(code);
            }
        }
    }

    /// Passes over the coded data of a scan: up to a marker that is neither a stuffed byte nor a restart.
    fn end_of_scan(&mut self) -> Result<u8, NotWhole> {
        use std::io::BufRead;
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Err(self.truncated("the image data"));
            }
            let (passed, found) = match memchr::memchr(0xff, buffer) {
                Some(at) => (at + 1, true),
                None => (buffer.len(), false),
            };
            self.reader.consume(passed);
            self.position += passed as u64;
            if !found {
                continue;
            }
            let mut code = self.byte("the image data")?;
            while code == 0xff {
                code = self.byte("the image data")?;
            }
            if code != 0 && !(0xd0..=0xd7).contains(&code) {
                return Ok(code);
            }
        }
    }
}
