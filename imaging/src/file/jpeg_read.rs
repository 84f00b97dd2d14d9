//! Reading JPEG: baseline and progressive, gray, YCbCr, CMYK and YCCK, decoded as a whole.

use std::io::{BufReader, Read, Seek, SeekFrom};

use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::exif;
use super::jpeg_scan::{Head, end_of_image};
use super::source::Source;
use super::whole::Whole;
use super::{FileError, FileKind, ImageInfo, Limits, Metadata};
use crate::{PixelFormat, Size};

pub(super) struct JpegReader {
    file: Source,
    colors: ColorSpace,
    /// Where the first scan begins.
    scans: usize,
    length: u64,
    coefficient_bytes: u64,
    /// The decoded image and how much of it has been given out.
    whole: Option<Whole>,
}

/// Bytes that one pixel of a JPEG may take in the file, generously; a longer file is refused before it is read.
const MAX_BYTES_PER_PIXEL: u64 = 16;
/// How many times the limit of one piece of metadata all of it may take: profile, EXIF, and what is not used.
const MAX_METADATA_PIECES: u64 = 4;

impl JpegReader {
    pub(super) fn open(file: Source, length: u64, limits: &Limits) -> Result<(ImageInfo, Self), FileError> {
        let max_metadata = (limits.max_metadata_bytes as u64).saturating_mul(MAX_METADATA_PIECES);
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let head = Head::read(&mut reader, max_metadata)?;
        let size = head.frame.size;
        limits.check_size(size)?;
        limits.check_unstreamed(size, "a JPEG")?;
        // The file is held in memory while it is decoded.
        let most = size
            .pixels()
            .saturating_mul(MAX_BYTES_PER_PIXEL)
            .saturating_add(max_metadata);
        if length > most {
            return Err(FileError::too_large(format!(
                "its header says {size} pixels, and {length} bytes are more than such a JPEG has; {most} are allowed"
            )));
        }
        if length < head.frame.least_bytes() {
            return Err(FileError::damaged(format!(
                "its header says {size} pixels, which cannot be packed into {length} bytes"
            )));
        }
        let mut file = reader.into_inner();
        let scans = head.bytes.len();
        if !has_end(&mut file, scans as u64, length)? {
            return Err(FileError::damaged("it ends in the middle; send the whole file"));
        }
        let mut decoder = decoder(head.bytes);
        decoder.decode_headers().map_err(error)?;
        let header = decoder
            .info()
            .ok_or_else(|| FileError::damaged("it has no header"))?;
        if size != Size::new(header.width.into(), header.height.into()) {
            return Err(FileError::damaged("it has two frame headers"));
        }
        let (format, colors) = if header.components == 1 {
            (PixelFormat::GRAY8, ColorSpace::Luma)
        } else {
            (PixelFormat::RGB8, ColorSpace::RGB)
        };
        let small = |bytes: &Vec<u8>| bytes.len() <= limits.max_metadata_bytes;
        let (orientation, exif) = exif::take_some(header.exif_data.filter(small));
        let metadata = Metadata {
            icc: decoder.icc_profile().filter(small),
            resolution: head.resolution,
            exif,
        };
        let info = ImageInfo {
            kind: FileKind::Jpeg,
            stored_size: size,
            format,
            orientation,
            metadata,
        };
        Ok((
            info,
            Self {
                file,
                colors,
                scans,
                length,
                coefficient_bytes: head.frame.coefficient_bytes(),
                whole: None,
            },
        ))
    }

    /// Bytes that decoding takes beside the file and the pixels: the file is decoded from a copy.
    pub(super) fn extra_bytes(&self) -> u64 {
        self.length.saturating_add(self.coefficient_bytes)
    }

    /// All pixels.
    pub(super) fn decode(&mut self) -> Result<Vec<u8>, FileError> {
        // With room for what is put behind it; its length was checked against its size.
        let mut bytes = Vec::with_capacity(self.length as usize + 64);
        self.file.rewind()?;
        self.file
            .read_to_end(&mut bytes)
            .map_err(|error| FileError::reading(&error))?;
        let end = end_of_image(&bytes, self.scans)
            .ok_or_else(|| FileError::damaged("it ends in the middle; send the whole file"))?;
        // An image that was cut and given an end marker would be filled up with gray, since the decoder reads zeros behind
        // the last of the data. Ones are no code, so they are an error, and behind a whole image nobody reads them.
        bytes.truncate(end);
        bytes.extend([0xff, 0x00].repeat(16));
        bytes.extend([0xff, 0xd9]);
        let mut decoder = decoder(bytes);
        decoder.decode_headers().map_err(error)?;
        // Only from here on: between the segments of a header strictness would refuse the padding of some cameras; among
        // the pixels it is what makes broken data an error.
        let options = (*decoder.options())
            .jpeg_set_out_colorspace(self.colors)
            .set_strict_mode(true);
        decoder.set_options(options);
        decoder.decode().map_err(error)
    }

    /// Fills `buffer` with the next rows.
    pub(super) fn read_rows(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        let mut whole = match self.whole.take() {
            Some(whole) => whole,
            None => Whole::new(self.decode()?),
        };
        let read = whole.read_rows(buffer);
        self.whole = Some(whole);
        read
    }
}

fn decoder(bytes: Vec<u8>) -> JpegDecoder<ZCursor<Vec<u8>>> {
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    JpegDecoder::new_with_options(ZCursor::new(bytes), options)
}

/// Whether an end marker follows the start of the scans, `from` bytes into the file. In compressed data `FF` is always
/// followed by zero or a restart marker, so `FF D9` can be nothing else. Looked for from the end, where it usually is;
/// behind it phones append whole films.
fn has_end(file: &mut Source, from: u64, length: u64) -> Result<bool, FileError> {
    const BLOCK: u64 = 1 << 16;
    let mut end = length;
    while end > from {
        let start = end.saturating_sub(BLOCK).max(from);
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        // One byte more, for a marker that the blocks' border cuts in two.
        file.by_ref()
            .take(end - start + 1)
            .read_to_end(&mut block)
            .map_err(|error| FileError::reading(&error))?;
        if block.windows(2).any(|pair| pair == [0xff, 0xd9]) {
            return Ok(true);
        }
        end = start;
    }
    Ok(false)
}

fn error(error: DecodeErrors) -> FileError {
    match error {
        DecodeErrors::Unsupported(scheme) => FileError::unsupported(format!(
            "this kind of JPEG is not read ({scheme:?}); save it as baseline or PNG"
        )),
        DecodeErrors::ExhaustedData => FileError::damaged("it ends in the middle; send the whole file"),
        other => FileError::damaged(format!("{other:?}").chars().take(200).collect::<String>()),
    }
}
