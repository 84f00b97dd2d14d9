//! The chunks of a PNG: which of them are the picture, and what the others say.
//!
//! Metadata may lie behind the pixels, so all chunks are walked over before the first row is decoded; of the pixels only
//! their headers are read. The decoder then sees the picture alone. So no fault in what is not the picture keeps it from being
//! read: a frame of an animation that is out of order, a broken chunk of text. And where the file ends behind the pixels
//! without saying so, the end is added.

use std::io::{BufReader, Read, Seek, SeekFrom};

use super::feed::Piece;
use super::text;
use crate::file::color::PngColor;
use crate::file::metadata::xmp;
use crate::file::source::Source;
use crate::file::{FileError, Limits};

/// What was found.
pub(super) struct Chunks {
    /// The picture.
    pub pieces: Vec<Piece>,
    /// Whether the end is in the file, or has to be looked for in what is no chunk.
    pub ended: bool,
    pub icc: Option<Vec<u8>>,
    pub exif: Option<Vec<u8>>,
    pub xmp: Option<Vec<u8>>,
    /// Pixels per metre.
    pub resolution: Option<(f64, f64)>,
    pub color: PngColor,
    /// What is left out, in sentences.
    pub notes: Vec<String>,
}

/// Chunks that are walked over, and pieces that the picture may be in.
const MAX_CHUNKS: usize = 1 << 22;
const MAX_PIECES: usize = 1 << 17;
/// Bytes of a header of a chunk, of its checksum, and of the signature of the file.
const HEADER: u64 = 8;
const CHECKSUM: u64 = 4;
const SIGNATURE: u64 = 8;
const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";
/// Bytes that are read at once while chunks are skipped.
const BUFFER: usize = 512;

impl Chunks {
    /// Walks over the file, which has `length` bytes and begins with the signature.
    pub fn read(source: &mut Source, length: u64, limits: &Limits) -> Result<Self, FileError> {
        let mut walk = Walk {
            file: BufReader::with_capacity(BUFFER, source),
            length,
            at: SIGNATURE,
            limits,
            has_pixels: false,
            animation: None,
            stands_first: false,
            found: Self {
                pieces: vec![Piece::File {
                    start: 0,
                    length: SIGNATURE,
                }],
                ended: false,
                icc: None,
                exif: None,
                xmp: None,
                resolution: None,
                color: PngColor::default(),
                notes: Vec::new(),
            },
        };
        walk.seek(SIGNATURE)?;
        for _ in 0..MAX_CHUNKS {
            if !walk.chunk()? {
                return Ok(walk.finish());
            }
        }
        Err(FileError::too_large(format!(
            "it has more than {MAX_CHUNKS} chunks"
        )))
    }
}

struct Walk<'a> {
    file: BufReader<&'a mut Source>,
    length: u64,
    at: u64,
    limits: &'a Limits,
    has_pixels: bool,
    /// Frames of an animation.
    animation: Option<u32>,
    /// Whether the picture is the first of them.
    stands_first: bool,
    found: Chunks,
}

impl Walk<'_> {
    fn seek(&mut self, to: u64) -> Result<(), FileError> {
        let reading = |error| FileError::reading(&error);
        let by = i64::try_from(to).ok().zip(self.file.stream_position().ok());
        match by.and_then(|(to, from)| Some(to - i64::try_from(from).ok()?)) {
            Some(by) => self.file.seek_relative(by).map_err(reading),
            None => self.file.seek(SeekFrom::Start(to)).map(drop).map_err(reading),
        }
    }

    /// Takes the next chunk; gives whether there may be more.
    fn chunk(&mut self) -> Result<bool, FileError> {
        let left = self.length.saturating_sub(self.at);
        if left < HEADER {
            return Ok(false);
        }
        let mut header = [0; HEADER as usize];
        self.file
            .read_exact(&mut header)
            .map_err(|error| FileError::reading(&error))?;
        let [l3, l2, l1, l0, name @ ..] = header;
        let length = u64::from(u32::from_be_bytes([l3, l2, l1, l0]));
        if !name.iter().all(u8::is_ascii_alphabetic) || length > i32::MAX as u64 {
            return self.rest(left);
        }
        if &name == b"CgBI" {
            return Err(FileError::unsupported(
                "this kind of PNG is not read: it is packed for Apple's devices (CgBI); save it as an ordinary PNG",
            ));
        }
        let whole = HEADER + length + CHECKSUM;
        let is_picture = name[0].is_ascii_uppercase() || &name == b"tRNS";
        if whole > left {
            if &name == b"IDAT" {
                self.cut_pixels(left - HEADER, length)?;
                return Ok(false);
            }
            return self.rest(left);
        }
        if is_picture {
            self.keep(self.at, whole)?;
            self.has_pixels |= &name == b"IDAT";
        } else {
            self.metadata(name, length)?;
        }
        self.at += whole;
        if &name == b"IEND" {
            self.found.ended = true;
            return Ok(false);
        }
        self.seek(self.at)?;
        Ok(true)
    }

    /// Takes what is left of the file and is no whole chunk. Behind the pixels it does not matter; before them the decoder shall
    /// say what is wrong with it.
    fn rest(&mut self, left: u64) -> Result<bool, FileError> {
        if !self.has_pixels {
            self.keep(self.at, left)?;
            self.found.ended = true;
        }
        Ok(false)
    }

    /// Adds a part of the file to the picture.
    fn keep(&mut self, start: u64, length: u64) -> Result<(), FileError> {
        if let Some(Piece::File {
            start: before,
            length: so_far,
        }) = self.found.pieces.last_mut()
            && *before + *so_far == start
        {
            *so_far += length;
            return Ok(());
        }
        if self.found.pieces.len() == MAX_PIECES {
            return Err(FileError::too_large(format!(
                "its picture is in more than {MAX_PIECES} places of the file"
            )));
        }
        self.found.pieces.push(Piece::File { start, length });
        Ok(())
    }

    /// Adds a chunk of pixels that ends with the file, after `left` of its bytes: as one that is so short. Whether all rows
    /// are there, its data tell.
    fn cut_pixels(&mut self, left: u64, length: u64) -> Result<(), FileError> {
        let data = left.min(length);
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(b"IDAT");
        let mut rest = data;
        let mut block = vec![0; 1 << 16];
        while rest > 0 {
            let part = &mut block[..rest.min(1 << 16) as usize];
            self.file
                .read_exact(part)
                .map_err(|error| FileError::reading(&error))?;
            checksum.update(part);
            rest -= part.len() as u64;
        }
        let header = [&(data as u32).to_be_bytes()[..], b"IDAT"].concat();
        self.found.pieces.push(Piece::Made(header));
        self.found.pieces.push(Piece::File {
            start: self.at + HEADER,
            length: data,
        });
        let checksum = checksum.finalize().to_be_bytes().to_vec();
        self.found.pieces.push(Piece::Made(checksum));
        self.has_pixels = true;
        Ok(())
    }

    /// Looks at a chunk that is none of the picture.
    fn metadata(&mut self, name: [u8; 4], length: u64) -> Result<(), FileError> {
        let most = match &name {
            b"iCCP" | b"eXIf" | b"iTXt" => self.limits.max_metadata_bytes as u64,
            b"acTL" | b"pHYs" | b"cICP" | b"sRGB" | b"gAMA" | b"cHRM" | b"mDCV" | b"cLLI" => 64,
            b"fcTL" => {
                self.stands_first |= !self.has_pixels;
                return Ok(());
            }
            _ => return Ok(()),
        };
        let mut data = Vec::new();
        if &name == b"iTXt" {
            // Other texts are not looked at.
            data.resize(length.min(xmp::PNG.len() as u64) as usize, 0);
            self.file
                .read_exact(&mut data)
                .map_err(|error| FileError::reading(&error))?;
            if data != xmp::PNG {
                return Ok(());
            }
        }
        let word = String::from_utf8_lossy(&name).into_owned();
        if length > most {
            self.found.notes.push(format!(
                "the chunk {word} is left out: it has {length} bytes, and {most} are allowed"
            ));
            return Ok(());
        }
        let begun = data.len();
        data.resize(length as usize, 0);
        let mut stored = [0; CHECKSUM as usize];
        self.file
            .read_exact(&mut data[begun..])
            .and_then(|()| self.file.read_exact(&mut stored))
            .map_err(|error| FileError::reading(&error))?;
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&name);
        checksum.update(&data);
        if checksum.finalize().to_be_bytes() != stored || !self.take(name, data) {
            self.found
                .notes
                .push(format!("the chunk {word} is left out: it is damaged"));
        }
        Ok(())
    }

    /// Takes over a chunk; gives whether its contents make sense. Of several the first counts.
    fn take(&mut self, name: [u8; 4], data: Vec<u8>) -> bool {
        let number = |at: usize| -> Option<u32> {
            let bytes = data.get(at..at + 4)?;
            Some(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        };
        match &name {
            b"acTL" => {
                self.animation = self.animation.or(number(0));
                true
            }
            b"pHYs" => {
                if let (Some(x @ 1..), Some(y @ 1..), Some(1)) = (number(0), number(4), data.get(8)) {
                    self.found.resolution = Some((x.into(), y.into()));
                }
                data.len() == 9
            }
            b"eXIf" => {
                if self.found.exif.is_none() {
                    self.found.exif = Some(data);
                }
                true
            }
            b"iCCP" => {
                if self.found.icc.is_none() {
                    self.found.icc = text::profile(&data, self.limits.max_metadata_bytes);
                }
                self.found.icc.is_some()
            }
            b"iTXt" => {
                if self.found.xmp.is_none() {
                    let text = data.get(xmp::PNG.len()..).unwrap_or_default();
                    self.found.xmp = text::international(text, self.limits.max_metadata_bytes);
                }
                self.found.xmp.is_some()
            }
            _ => self.found.color.take(name, &data),
        }
    }

    fn finish(mut self) -> Chunks {
        if !self.found.ended && self.has_pixels {
            self.found.pieces.push(Piece::Made(END.to_vec()));
        }
        if let Some(frames @ 2..) = self.animation {
            let which = if self.stands_first {
                "the first is read"
            } else {
                "the still picture that comes before them is read"
            };
            self.found.notes.push(format!(
                "the file is an animation of {frames} frames; {which}, and the others are left out"
            ));
        }
        self.found
    }
}
