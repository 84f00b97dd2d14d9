//! Reading JPEG XL, as a whole, by the crate `jxl-oxide`, within a limit on what it allocates; the first frame of an animation.

use jxl_oxide::color::{ColourEncoding, ColourSpace, TransferFunction};
use jxl_oxide::image::BitDepth;
use jxl_oxide::{AllocTracker, InitializeResult, JxlImage, PixelFormat as Colors};

use super::metadata::exif;
use super::reader::ImageReader;
use super::source::Source;
use super::whole::Whole;
use super::{FileError, FileKind, ImageInfo, Limits, Metadata, Orientation};
use crate::header::boxes::{Boxes, FileBox, read_part};
use crate::header::jxl::{self, unsupported};
use crate::{Channels, Depth, PixelFormat, Size};

/// Bytes that are read at once.
const PIECE: u64 = 1 << 16;
/// Bytes that decoding may take for each sample, and beside them.
const SAMPLE_BYTES: u64 = 24;
const MORE_BYTES: u64 = 1 << 26;
/// What CICP calls sRGB.
const SRGB: [u8; 4] = [1, 13, 0, 1];

pub(super) struct JxlReader {
    data: Data,
    image: JxlImage,
    size: Size,
    format: PixelFormat,
    /// Frames that may be decoded for the one that is shown.
    max_frames: u64,
    extra_bytes: u64,
    whole: Option<Whole>,
    notes: Vec<String>,
}

/// The data of the picture, wherever it lies in the file.
struct Data {
    file: Source,
    /// The parts that are not read.
    parts: std::vec::IntoIter<FileBox>,
    part: FileBox,
    /// What was read, and not taken by the decoder.
    held: Vec<u8>,
}

/// What an error of the decoder means.
fn reading(error: Box<dyn std::error::Error + Send + Sync>) -> FileError {
    let text = error.to_string();
    if text.contains("memory") {
        return FileError::too_large("decoding it needs more memory than is allowed");
    }
    FileError::damaged("its JPEG XL data is wrong or ends early")
}

impl Data {
    /// Finds the data in a file of that length, and its EXIF where that is not packed.
    fn of(mut file: Source, length: u64, limits: &Limits) -> Result<(Self, Option<Vec<u8>>), FileError> {
        let mut head = Vec::new();
        read_part(&mut file, 0, 2, &mut head)?;
        let name = *b"jxlc";
        let (mut parts, mut exif) = (Vec::new(), None);
        if head == [0xff, 0x0a] {
            parts.push(FileBox {
                name,
                start: 0,
                length,
            });
        } else {
            let mut boxes = Boxes::of(&mut file, length);
            while let Some(each) = boxes.next()? {
                match &each.name {
                    b"jxlc" => parts.push(each),
                    // Each begins with its number.
                    b"jxlp" => parts.push(FileBox {
                        name,
                        start: each.start + 4,
                        length: each.length.saturating_sub(4),
                    }),
                    b"Exif" if each.length <= limits.max_metadata_bytes as u64 => {
                        let mut bytes = Vec::new();
                        boxes.read(each, &mut bytes)?;
                        exif = tiff_of(bytes);
                    }
                    _ => {}
                }
            }
        }
        let nothing = FileBox {
            name,
            start: 0,
            length: 0,
        };
        let data = Self {
            file,
            parts: parts.into_iter(),
            part: nothing,
            held: Vec::new(),
        };
        Ok((data, exif))
    }

    /// Gives the next data to `take`, which tells how much it took; `false` at the end.
    fn feed(&mut self, take: impl FnOnce(&[u8]) -> jxl_oxide::Result<usize>) -> Result<bool, FileError> {
        while self.part.length == 0 {
            match self.parts.next() {
                Some(part) => self.part = part,
                None => return Ok(false),
            }
        }
        let before = self.held.len();
        let wanted = self.part.length.min(PIECE);
        read_part(&mut self.file, self.part.start, wanted, &mut self.held)?;
        let read = (self.held.len() - before) as u64;
        self.part.start += read;
        self.part.length = if read < wanted { 0 } else { self.part.length - read };
        let taken = take(&self.held).map_err(reading)?;
        self.held.drain(..taken.min(self.held.len()));
        Ok(true)
    }
}

/// The TIFF structure in a box of EXIF, which begins with its place.
fn tiff_of(bytes: Vec<u8>) -> Option<Vec<u8>> {
    let (place, rest) = bytes.split_first_chunk()?;
    rest.get(u32::from_be_bytes(*place) as usize..)
        .map(<[u8]>::to_vec)
}

impl JxlReader {
    pub(super) fn open(
        mut file: Source,
        length: u64,
        limits: &Limits,
    ) -> Result<(ImageInfo, Self), FileError> {
        let most = limits.max_unstreamed_pixels;
        if length > most.saturating_mul(8) {
            return Err(FileError::too_large(format!(
                "{length} bytes of JPEG XL; it is decoded in memory, and {} are allowed then",
                most.saturating_mul(8)
            )));
        }
        // Refuses what the decoder would panic of or read wrong, before it is asked.
        jxl::read(&mut file, length)?;
        let (mut data, exif) = Data::of(file, length, limits)?;
        let tracker = AllocTracker::with_limit(MORE_BYTES as usize);
        let image = start(&mut data, tracker.clone(), limits)?;
        let size = Size::new(image.width(), image.height());
        limits.check_size(size)?;
        limits.check_unstreamed(size, "a JPEG XL")?;
        let header = &image.image_header().metadata;
        let colors = image.pixel_format();
        let samples = size.pixels().saturating_mul((3 + header.ec_info.len()) as u64);
        if samples > most.saturating_mul(4) {
            return Err(FileError::too_large(format!(
                "{size} pixels of JPEG XL with {} further channels; it is decoded in memory, and {} samples are allowed then",
                header.ec_info.len(),
                most.saturating_mul(4)
            )));
        }
        tracker.expand_limit(samples.saturating_mul(SAMPLE_BYTES) as usize);
        let mut notes = Vec::new();
        let format = PixelFormat {
            channels: channels(colors)?,
            depth: depth(header.bit_depth, &mut notes)?,
        };
        if !is_said(&header.colour_encoding) {
            return Err(unsupported("what its colours are is not said"));
        }
        if header.animation.is_some() {
            notes.push(
                "the file is an animation; the first frame is read, and the others are left out".to_owned(),
            );
        }
        let (_, exif) = exif::take_some(exif);
        let icc = (image.rendered_cicp() != Some(SRGB)).then(|| image.rendered_icc());
        let info = ImageInfo {
            kind: FileKind::Jxl,
            stored_size: size,
            format,
            // The decoder turns it upright.
            orientation: Orientation::Upright,
            metadata: Metadata {
                icc: icc.filter(|icc| !icc.is_empty() && icc.len() <= limits.max_metadata_bytes),
                exif,
                ..Metadata::default()
            },
        };
        let reader = Self {
            data,
            image,
            size,
            format,
            max_frames: (limits.max_pixels / size.pixels().max(1)).max(1),
            extra_bytes: samples
                .saturating_mul(SAMPLE_BYTES)
                .saturating_add(MORE_BYTES)
                .saturating_add(length),
            whole: None,
            notes,
        };
        Ok((info, reader))
    }

    /// All pixels.
    fn decode(&mut self) -> Result<Vec<u8>, FileError> {
        while self.image.num_loaded_keyframes() == 0 {
            if self.image.num_loaded_frames() as u64 > self.max_frames {
                return Err(FileError::too_large(format!(
                    "{} of more than {} frames on top of each other",
                    self.size, self.max_frames
                )));
            }
            let image = &mut self.image;
            if !self.data.feed(|bytes| image.feed_bytes(bytes))? {
                return Err(FileError::damaged("it ends in the middle; send the whole file"));
            }
        }
        let render = self.image.render_frame(0).map_err(reading)?;
        let mut stream = render.stream();
        let (size, channels) = (self.size, self.format.channels.count());
        let fits = (stream.width(), stream.height()) == (size.width, size.height);
        if !fits || stream.channels() as usize != channels {
            return Err(FileError::damaged(
                "its first frame has not the size and channels of its header",
            ));
        }
        let count = size.pixels() as usize * channels;
        if self.format.depth == Depth::Eight {
            let mut pixels = vec![0u8; count];
            stream.write_to_buffer(&mut pixels);
            return Ok(pixels);
        }
        let mut pixels = Vec::with_capacity(count * 2);
        let mut row = vec![0u16; size.width as usize * channels];
        for _ in 0..size.height {
            stream.write_to_buffer(&mut row);
            pixels.extend(row.iter().flat_map(|sample| sample.to_le_bytes()));
        }
        Ok(pixels)
    }
}

/// Whether a profile can be made of the colours: the decoder panics where it cannot (jxl-color 0.11, `icc/synthesize.rs`).
fn is_said(colours: &ColourEncoding) -> bool {
    match colours {
        ColourEncoding::IccProfile(_) => true,
        ColourEncoding::Enum(colours) => {
            matches!(colours.colour_space, ColourSpace::Rgb | ColourSpace::Grey)
                && !matches!(
                    colours.tf,
                    TransferFunction::Unknown | TransferFunction::Gamma { g: 0, .. }
                )
        }
    }
}

/// Reads the header.
fn start(data: &mut Data, tracker: AllocTracker, limits: &Limits) -> Result<JxlImage, FileError> {
    let mut unknown = JxlImage::builder().alloc_tracker(tracker).build_uninit();
    // What comes is looked at anew each time.
    for _ in 0..limits.max_metadata_bytes as u64 / PIECE + 2 {
        if !data.feed(|bytes| unknown.feed_bytes(bytes))? {
            return Err(FileError::damaged("it ends in its header; send the whole file"));
        }
        match unknown.try_init().map_err(reading)? {
            InitializeResult::NeedMoreData(more) => unknown = more,
            InitializeResult::Initialized(image) => return Ok(image),
        }
    }
    Err(FileError::too_large("its header is larger than is allowed"))
}

fn channels(colors: Colors) -> Result<Channels, FileError> {
    Ok(match colors {
        Colors::Gray => Channels::Gray,
        Colors::Graya => Channels::GrayAlpha,
        Colors::Rgb => Channels::Rgb,
        Colors::Rgba => Channels::Rgba,
        Colors::Cmyk | Colors::Cmyka => return Err(unsupported("its colours are inks (CMYK)")),
    })
}

fn depth(bits: BitDepth, notes: &mut Vec<String>) -> Result<Depth, FileError> {
    let bits = match bits {
        BitDepth::IntegerSample { bits_per_sample } => Some(bits_per_sample),
        BitDepth::FloatSample { .. } => None,
    };
    let depth = jxl::depth(bits)?;
    let bits = bits.unwrap_or(0);
    let whole = 8 * depth.bytes();
    if bits as usize != whole {
        notes.push(format!(
            "samples of {bits} bits became {whole} bit: the brightest stays the brightest"
        ));
    }
    Ok(depth)
}

impl ImageReader for JxlReader {
    fn read_rows(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        let whole = self.whole.take();
        self.whole = Some(Whole::read_on(whole, buffer, || self.decode())?);
        Ok(())
    }

    fn read_all(&mut self) -> Option<Result<Vec<u8>, FileError>> {
        Some(self.decode())
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn extra_bytes(&self) -> u64 {
        self.extra_bytes
    }
}

#[cfg(test)]
mod tests {
    use jxl_oxide::EnumColourEncoding;

    use super::*;

    #[test]
    fn colours_of_which_no_profile_can_be_made_are_told() {
        let colours = EnumColourEncoding::default;
        let with_tf = |tf| ColourEncoding::Enum(EnumColourEncoding { tf, ..colours() });
        let with_space = |colour_space| {
            ColourEncoding::Enum(EnumColourEncoding {
                colour_space,
                ..colours()
            })
        };
        let gamma = |g| with_tf(TransferFunction::Gamma { g, inverted: true });
        for said in [
            ColourEncoding::Enum(colours()),
            ColourEncoding::IccProfile(ColourSpace::Unknown),
            with_space(ColourSpace::Grey),
            gamma(1),
        ] {
            assert!(is_said(&said), "{said:?}");
        }
        for unsaid in [
            with_space(ColourSpace::Xyb),
            with_space(ColourSpace::Unknown),
            with_tf(TransferFunction::Unknown),
            gamma(0),
        ] {
            assert!(!is_said(&unsaid), "{unsaid:?}");
        }
    }
}
