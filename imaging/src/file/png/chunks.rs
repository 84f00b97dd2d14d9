//! The chunks of a PNG: which of them are the picture, and what the others say.
//!
//! Metadata may lie behind the pixels, so all chunks are walked over before the first row is decoded; of the pixels only
//! their headers are read. The decoder then sees the picture alone. So no fault in what is not the picture keeps it from being
//! read: a frame of an animation that is out of order, a broken chunk of text. And where the file ends behind the pixels
//! without saying so, the end is added.

use super::feed::Piece;
use super::text;
use crate::file::color::PngColor;
use crate::file::metadata::xmp;
use crate::file::source::Source;
use crate::file::{FileError, Limits};
use crate::header::png::{self, CHECKSUM, HEADER, Next, SIGNATURE};

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

/// Pieces that the picture may be in.
const MAX_PIECES: usize = 1 << 17;
const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

impl Chunks {
    /// Walks over the file, which has `length` bytes and begins with the signature.
    pub fn read(source: &mut Source, length: u64, limits: &Limits) -> Result<Self, FileError> {
        let mut walk = Walk {
            chunks: png::Chunks::new(source, length),
            length,
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
        while walk.chunk()? {}
        Ok(walk.finish())
    }
}

struct Walk<'a> {
    chunks: png::Chunks<'a, Source>,
    length: u64,
    limits: &'a Limits,
    has_pixels: bool,
    /// Frames of an animation.
    animation: Option<u32>,
    /// Whether the picture is the first of them.
    stands_first: bool,
    found: Chunks,
}

impl Walk<'_> {
    /// Takes the next chunk; gives whether there may be more.
    fn chunk(&mut self) -> Result<bool, FileError> {
        let (name, at, length, is_cut) = match self.chunks.next()? {
            Next::Chunk {
                name,
                at,
                length,
                is_cut,
            } => (name, at, length, is_cut),
            Next::Rest(at) => return self.rest(at),
            Next::End => return Ok(false),
        };
        if &name == b"CgBI" {
            return Err(FileError::unsupported(
                "this kind of PNG is not read: it is packed for Apple's devices (CgBI); save it as an ordinary PNG",
            ));
        }
        let is_picture = name[0].is_ascii_uppercase() || &name == b"tRNS";
        if is_cut {
            if &name == b"IDAT" {
                self.cut_pixels(at, length)?;
                return Ok(false);
            }
            return self.rest(at);
        }
        if is_picture {
            self.keep(at, HEADER + length + CHECKSUM)?;
            self.has_pixels |= &name == b"IDAT";
        } else {
            self.metadata(name, length)?;
        }
        self.found.ended = &name == b"IEND";
        Ok(!self.found.ended)
    }

    /// Takes what is left of the file and is no whole chunk. Behind the pixels it does not matter; before them the decoder shall
    /// say what is wrong with it.
    fn rest(&mut self, at: u64) -> Result<bool, FileError> {
        if !self.has_pixels {
            self.keep(at, self.length.saturating_sub(at))?;
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

    /// Adds the chunk of pixels at `at`, which ends with the file: as one that is so short. Whether all rows are there, its data
    /// tell.
    fn cut_pixels(&mut self, at: u64, length: u64) -> Result<(), FileError> {
        let data = self.length.saturating_sub(at + HEADER).min(length);
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(b"IDAT");
        let mut rest = data;
        let mut block = vec![0; 1 << 16];
        while rest > 0 {
            let part = &mut block[..rest.min(1 << 16) as usize];
            self.chunks.read(part)?;
            checksum.update(part);
            rest -= part.len() as u64;
        }
        let header = [&(data as u32).to_be_bytes()[..], b"IDAT"].concat();
        self.found.pieces.push(Piece::Made(header));
        self.found.pieces.push(Piece::File {
            start: at + HEADER,
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
            self.chunks.read(&mut data)?;
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
        self.chunks.read(&mut data[begun..])?;
        self.chunks.read(&mut stored)?;
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
