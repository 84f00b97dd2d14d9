//! Bytes of a file by their place, and reading on from one of them through a buffer.

use std::fs::File;
use std::io::{ErrorKind, Read, Result, Seek, SeekFrom};

use crate::FileError;

/// A file that is read at any place.
pub trait ReadAt {
    /// Fills as much of `buffer` as there is from byte `at` on; gives how much, which is less than all of it only at the end.
    ///
    /// # Errors
    /// When these bytes cannot be had.
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize>;
}

impl<S: ReadAt> ReadAt for &mut S {
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize> {
        (**self).read_at(at, buffer)
    }
}

impl ReadAt for File {
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize> {
        read_seekable(self, at, buffer)
    }
}

/// [`ReadAt::read_at`] of what can seek.
pub(crate) fn read_seekable(source: &mut (impl Read + Seek), at: u64, buffer: &mut [u8]) -> Result<usize> {
    source.seek(SeekFrom::Start(at))?;
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl ReadAt for &[u8] {
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize> {
        let start = usize::try_from(at).unwrap_or(usize::MAX).min(self.len());
        let filled = buffer.len().min(self.len() - start);
        buffer[..filled].copy_from_slice(&self[start..start + filled]);
        Ok(filled)
    }
}

/// Reads on from one place, through a buffer.
pub(crate) struct Reader {
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    /// Where in the file the buffer ends.
    next: u64,
    /// Whether the file has no more than what is in the buffer.
    drained: bool,
}

impl Reader {
    /// Of the bytes from `start` on, `capacity` of which are held at a time.
    pub(crate) fn new(start: u64, capacity: usize) -> Self {
        Self {
            buffer: vec![0; capacity],
            at: 0,
            end: 0,
            next: start,
            drained: false,
        }
    }

    /// Makes at least `count` bytes available, or all that are left; `count` is less than the capacity.
    #[inline]
    pub(crate) fn fill(&mut self, count: usize, source: &mut impl ReadAt) -> Result<()> {
        if self.end - self.at >= count || self.drained {
            return Ok(());
        }
        self.refill(source)
    }

    #[cold]
    fn refill(&mut self, source: &mut impl ReadAt) -> Result<()> {
        self.buffer.copy_within(self.at..self.end, 0);
        self.end -= self.at;
        self.at = 0;
        let room = &mut self.buffer[self.end..];
        let read = source.read_at(self.next, room)?;
        self.drained = read < room.len();
        self.end += read;
        self.next += read as u64;
        Ok(())
    }

    /// What is available.
    #[inline]
    pub(crate) fn available(&self) -> &[u8] {
        &self.buffer[self.at..self.end]
    }

    /// The next four bytes, where so many are available.
    #[inline]
    pub(crate) fn four(&self) -> Option<u32> {
        let bytes = self.buffer[..self.end].get(self.at..)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*bytes))
    }

    /// Goes on by `count` available bytes.
    #[inline]
    pub(crate) fn advance(&mut self, count: usize) {
        self.at = (self.at + count).min(self.end);
    }

    /// Goes on from byte `to` of the file instead; what the buffer holds from there on is not read again.
    pub(crate) fn go_to(&mut self, to: u64) {
        match to.checked_sub(self.position()) {
            Some(ahead) if ahead <= self.available().len() as u64 => self.advance(ahead as usize),
            _ => {
                (self.at, self.end, self.next, self.drained) = (0, 0, to, false);
            }
        }
    }

    /// Fills `bytes` with what comes next.
    pub(crate) fn read_exact(&mut self, bytes: &mut [u8], source: &mut impl ReadAt) -> Result<()> {
        let mut filled = 0;
        while filled < bytes.len() {
            self.fill(1, source)?;
            let available = self.available();
            if available.is_empty() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let count = available.len().min(bytes.len() - filled);
            bytes[filled..filled + count].copy_from_slice(&available[..count]);
            self.advance(count);
            filled += count;
        }
        Ok(())
    }

    /// Where in the file the next byte lies.
    pub(crate) fn position(&self) -> u64 {
        self.next - (self.end - self.at) as u64
    }

    /// The next byte; `None` at the end.
    pub(crate) fn byte(&mut self, source: &mut impl ReadAt) -> Result<Option<u8>> {
        self.fill(1, source)?;
        let byte = self.available().first().copied();
        self.advance(1);
        Ok(byte)
    }

    /// The next marker: `FF` and a byte that is neither zero nor `FF`. What lies before it is skipped, as every reader does:
    /// cameras pad between segments.
    pub(crate) fn marker(&mut self, source: &mut impl ReadAt) -> Result<Option<u8>> {
        loop {
            self.fill(2, source)?;
            let bytes = self.available();
            match bytes.iter().position(|byte| *byte == 0xff) {
                None if bytes.is_empty() => return Ok(None),
                None => self.advance(bytes.len()),
                Some(0) => match bytes.get(1) {
                    None => return Ok(None),
                    Some(0) => self.advance(2),
                    Some(0xff) => self.advance(1),
                    Some(marker) => {
                        let marker = *marker;
                        self.advance(2);
                        return Ok(Some(marker));
                    }
                },
                Some(skipped) => self.advance(skipped),
            }
        }
    }

    /// Goes on behind the restart marker of that number, 0 to 7. What lies before it is skipped.
    pub(crate) fn restart(
        &mut self,
        number: u8,
        source: &mut impl ReadAt,
    ) -> std::result::Result<(), FileError> {
        let marker = self.marker(source).map_err(|error| FileError::reading(&error))?;
        match marker {
            Some(marker) if marker == 0xd0 + number => Ok(()),
            None | Some(0xd9) => Err(FileError::damaged("it ends in the middle; send the whole file")),
            Some(_) => Err(FileError::damaged("its restart markers are out of order")),
        }
    }
}
