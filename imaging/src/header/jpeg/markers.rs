//! From marker to marker through a JPEG, up to its first scan.

use super::frame::Frame;
use super::segments::Pieces;
use crate::FileError;
use crate::header::bytes::{ReadAt, Reader};

/// Bytes that are held while markers are read.
const BUFFER: usize = 1 << 16;

/// Goes from marker to marker.
pub(crate) struct Markers<'a, S> {
    reader: Reader,
    source: &'a mut S,
}

/// What comes before the first scan.
pub(crate) struct Preface {
    pub frame: Frame,
    pub pieces: Pieces,
    /// Bytes of the scan's header, which comes next.
    pub scan: usize,
}

fn ends_early() -> FileError {
    FileError::damaged("it ends in the middle; send the whole file")
}

impl<'a, S: ReadAt> Markers<'a, S> {
    /// Of `source`, from byte `start` on.
    pub(crate) fn new(source: &'a mut S, start: u64) -> Self {
        Self {
            reader: Reader::new(start, BUFFER),
            source,
        }
    }

    /// Reads on to the first scan, which begins within `most` bytes. `other` gets the markers that are neither frame nor application
    /// segment, with the length of their segment, which it takes or skips.
    ///
    /// # Errors
    /// When there is none, or what comes before it is damaged or of a kind that is not read; and those of `other`.
    pub(crate) fn preface(
        &mut self,
        most: u64,
        mut other: impl FnMut(&mut Self, u8, usize) -> Result<(), FileError>,
    ) -> Result<Preface, FileError> {
        let (mut frame, mut pieces) = (None, Pieces::default());
        loop {
            let marker = self.marker()?.ok_or_else(ends_early)?;
            match marker {
                // Markers without a segment: temporary, restart, start of image.
                0x01 | 0xd0..=0xd8 => continue,
                0xd9 => return Err(FileError::damaged("it ends before its pixels")),
                _ => {}
            }
            let length = self.length()?;
            if self.position() + length as u64 > most {
                return Err(FileError::too_large(format!(
                    "its pixels do not begin within {most} bytes of metadata"
                )));
            }
            match marker {
                // Every start of a frame; the gaps are tables.
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                    let segment = self.segment(length)?;
                    if frame.replace(Frame::of(marker, &segment)?).is_some() {
                        return Err(FileError::damaged("it has two frame headers"));
                    }
                }
                0xda => {
                    let frame = frame.ok_or_else(|| FileError::damaged("it has no frame header"))?;
                    return Ok(Preface {
                        frame,
                        pieces,
                        scan: length,
                    });
                }
                0xe0..=0xef => pieces.take(marker, self.segment(length)?),
                _ => other(self, marker, length)?,
            }
        }
    }

    /// Where in the file the next byte lies.
    pub(crate) fn position(&self) -> u64 {
        self.reader.position()
    }

    /// Goes on from byte `to` of the file.
    pub(crate) fn go_to(&mut self, to: u64) {
        self.reader.go_to(to);
    }

    /// The next marker; `None` at the end of the file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn marker(&mut self) -> Result<Option<u8>, FileError> {
        self.reader
            .marker(self.source)
            .map_err(|error| FileError::reading(&error))
    }

    fn byte(&mut self) -> Result<u8, FileError> {
        let byte = self.reader.byte(self.source);
        byte.map_err(|error| FileError::reading(&error))?
            .ok_or_else(ends_early)
    }

    /// Length of the segment that begins, without the two bytes that say it.
    pub(crate) fn length(&mut self) -> Result<usize, FileError> {
        let length = u16::from_be_bytes([self.byte()?, self.byte()?]);
        let length = length.checked_sub(2);
        length
            .map(usize::from)
            .ok_or_else(|| FileError::damaged("a segment of its header has no length"))
    }

    pub(crate) fn segment(&mut self, length: usize) -> Result<Vec<u8>, FileError> {
        let mut segment = Vec::with_capacity(length);
        while segment.len() < length {
            self.reader
                .fill(1, self.source)
                .map_err(|error| FileError::reading(&error))?;
            let bytes = self.reader.available();
            if bytes.is_empty() {
                return Err(ends_early());
            }
            let bytes = &bytes[..bytes.len().min(length - segment.len())];
            segment.extend_from_slice(bytes);
            self.reader.advance(bytes.len());
        }
        Ok(segment)
    }

    pub(crate) fn skip(&mut self, length: usize) {
        self.go_to(self.position() + length as u64);
    }

    /// The number of rows, which the segment behind the first scan tells where the frame header does not.
    pub(crate) fn height(&mut self) -> Result<u32, FileError> {
        loop {
            match self.marker()? {
                Some(0xd0..=0xd7) => {}
                Some(0xdc) => {
                    let length = self.length()?;
                    let segment = self.segment(length)?;
                    let rows = segment.first_chunk::<2>();
                    return Ok(rows.map_or(0, |rows| u16::from_be_bytes(*rows).into()));
                }
                _ => return Ok(0),
            }
        }
    }
}
