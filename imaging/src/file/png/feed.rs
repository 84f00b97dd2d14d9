//! The picture of a PNG as a stream: the pieces of the file that belong to it, one after another.

use std::io::{BufRead, Error, ErrorKind, Read, Result, Seek, SeekFrom};

use crate::file::source::Source;

/// A part of the stream.
#[derive(Debug)]
pub(super) enum Piece {
    /// Bytes of the file.
    File { start: u64, length: u64 },
    /// Bytes that the file lacks.
    Made(Vec<u8>),
}

/// Reads the pieces in order.
pub(super) struct Feed {
    source: Source,
    pieces: std::vec::IntoIter<Piece>,
    /// Bytes of the file that are left of the piece at hand.
    left: u64,
    buffer: Vec<u8>,
    at: usize,
}

const BUFFER: u64 = 1 << 16;

impl Feed {
    pub fn new(source: Source, pieces: Vec<Piece>) -> Self {
        Self {
            source,
            pieces: pieces.into_iter(),
            left: 0,
            buffer: Vec::new(),
            at: 0,
        }
    }
}

impl BufRead for Feed {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        while self.at == self.buffer.len() {
            self.buffer.clear();
            self.at = 0;
            if self.left == 0 {
                match self.pieces.next() {
                    None => break,
                    Some(Piece::Made(bytes)) => self.buffer = bytes,
                    Some(Piece::File { start, length }) => {
                        self.source.seek(SeekFrom::Start(start))?;
                        self.left = length;
                    }
                }
                continue;
            }
            let wanted = self.left.min(BUFFER);
            let read = self.source.by_ref().take(wanted).read_to_end(&mut self.buffer)?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.left -= read as u64;
        }
        Ok(&self.buffer[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at = (self.at + amount).min(self.buffer.len());
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl Seek for Feed {
    /// The decoder asks for a stream that can seek, and never does.
    fn seek(&mut self, _: SeekFrom) -> Result<u64> {
        Err(Error::from(ErrorKind::Unsupported))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn pieces_follow_each_other() {
        let file: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        let pieces = vec![
            Piece::File { start: 3, length: 2 },
            Piece::Made(vec![9, 9]),
            Piece::File {
                start: 100,
                length: 150_000,
            },
            Piece::Made(Vec::new()),
            Piece::File { start: 0, length: 1 },
        ];
        let expected = [&file[3..5], &[9, 9], &file[100..150_100], &file[..1]].concat();
        let mut read = Vec::new();
        let mut feed = Feed::new(Source::Memory(Cursor::new(file)), pieces);
        feed.read_to_end(&mut read).unwrap();
        assert!(read == expected);
        let beyond = vec![Piece::File { start: 5, length: 9 }];
        let mut feed = Feed::new(Source::Memory(Cursor::new(vec![0; 10])), beyond);
        assert_eq!(
            feed.read_to_end(&mut read).unwrap_err().kind(),
            ErrorKind::UnexpectedEof
        );
    }
}
