//! Reading what `image` reads: the whole image at once, when its first rows are asked for.

use std::io::{BufReader, Seek};

use image::codecs::bmp::BmpDecoder;
use image::codecs::dds::DdsDecoder;
use image::codecs::farbfeld::FarbfeldDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::hdr::HdrDecoder;
use image::codecs::ico::IcoDecoder;
use image::codecs::openexr::OpenExrDecoder;
use image::codecs::pnm::PnmDecoder;
use image::codecs::qoi::QoiDecoder;
use image::codecs::tga::TgaDecoder;
use image::{AnimationDecoder, ColorType, ImageDecoder, ImageError, ImageResult};

use super::error::reading;
use super::{frames, limits};
use crate::file::reader::ImageReader;
use crate::file::source::Source;
use crate::file::whole::Whole;
use crate::file::{FileError, FileKind, ImageInfo, Limits, Metadata, Orientation, PngColor};
use crate::{PixelFormat, Size};

type Input = BufReader<Source>;

/// What is to be decoded.
enum Pending {
    Image(Box<dyn ImageDecoder + Send>),
    /// The frame of that index, drawn over those before it.
    Frame(Box<GifDecoder<Input>>, usize),
}

/// Reads an image that a decoder of `image` decodes.
pub(in crate::file) struct OtherReader {
    kind: FileKind,
    pending: Option<Pending>,
    /// The decoded image and how much of it has been given out.
    whole: Option<Whole>,
    color: ColorType,
    size: Size,
    notes: Vec<String>,
}

/// Which of the pictures of an ICO is read.
pub(in crate::file) enum Pictures {
    /// It is stored as a PNG, and these are its bytes.
    Png(Vec<u8>, Vec<String>),
    /// It is one that `image` decodes.
    Other(Box<(ImageInfo, OtherReader)>),
}

impl OtherReader {
    /// Opens picture number `page` of an ICO, from 1 on, else the largest.
    pub(in crate::file) fn open_icon(
        mut source: Source,
        limits: &Limits,
        page: Option<u32>,
    ) -> Result<Pictures, FileError> {
        let icon = frames::icon(&mut source, page)?;
        let mut notes = Vec::new();
        if icon.count > 1 {
            notes.push(format!(
                "the file has {} pages; page {} is read, and the others are left out",
                icon.count, icon.number
            ));
        }
        if icon.is_png {
            return Ok(Pictures::Png(icon.bytes, notes));
        }
        let source = Source::Memory(std::io::Cursor::new(icon.bytes));
        let opened = Self::open_checked(FileKind::Ico, BufReader::new(source), limits, None, notes)?;
        Ok(Pictures::Other(Box::new(opened)))
    }

    /// Opens a file of `kind`; of a GIF, frame number `page`, from 1 on, else the first.
    pub(in crate::file) fn open(
        kind: FileKind,
        mut source: Source,
        limits: &Limits,
        page: Option<u32>,
    ) -> Result<(ImageInfo, Self), FileError> {
        limits::check(kind, &mut source, limits)?;
        let mut file = BufReader::with_capacity(1 << 16, source);
        rewind(&mut file)?;
        let mut notes = Vec::new();
        let mut frame = None;
        if kind == FileKind::Gif {
            let count = frames::count_gif(&mut file, limits)?;
            rewind(&mut file)?;
            let chosen = page.unwrap_or(1);
            if chosen == 0 || page.is_some() && chosen > count {
                return Err(FileError::no_page(chosen, count.into()));
            }
            if count > 1 {
                notes.push(format!(
                    "the file is an animation of {count} frames; frame {chosen} is read, and the others are left out"
                ));
            }
            frame = (chosen > 1).then_some(chosen as usize - 1);
        } else if let Some(page) = page.filter(|page| *page != 1) {
            return Err(FileError::no_page(page, 1));
        }
        Self::open_checked(kind, file, limits, frame, notes)
    }

    fn open_checked(
        kind: FileKind,
        file: Input,
        limits: &Limits,
        frame: Option<usize>,
        notes: Vec<String>,
    ) -> Result<(ImageInfo, Self), FileError> {
        let failed = |error| reading(kind, error);
        let mut pending = Pending::open(kind, file, frame).map_err(failed)?;
        let decoder = pending.decoder();
        let (width, height) = decoder.dimensions();
        let size = Size::new(width, height);
        limits.check_size(size)?;
        limits.check_unstreamed(size, kind.label())?;
        let color = decoder.color_type();
        let format = format(color).ok_or_else(|| {
            FileError::unsupported(format!(
                "this kind of {kind} is not read: the kind of its pixels; save it as PNG"
            ))
        })?;
        let most = allowed(limits);
        // Floating point is decoded into a copy of its own.
        let copies = if is_float(color) { 2 } else { 1 };
        if decoder.total_bytes().saturating_mul(copies) > most {
            return Err(FileError::too_large(format!(
                "{size} pixels of {kind}; it is decoded in memory, and {most} bytes are allowed then"
            )));
        }
        if let Some(frame) = frame
            && size.pixels().saturating_mul(frame as u64) > limits.max_pixels
        {
            return Err(FileError::too_large(format!(
                "frame {} is drawn over all before it, and {} pixels are allowed in all; choose an earlier page",
                frame + 1,
                limits.max_pixels
            )));
        }
        let mut bounds = image::Limits::default();
        bounds.max_image_width = Some(limits.max_side);
        bounds.max_image_height = Some(limits.max_side);
        bounds.max_alloc = Some(most.saturating_mul(2));
        let decoder = pending.decoder_mut();
        decoder.set_limits(bounds).map_err(failed)?;
        let icc = decoder.icc_profile().map_err(failed)?;
        let metadata = Metadata {
            icc: icc.filter(|icc| icc.len() <= limits.max_metadata_bytes),
            // Samples of floating point are amounts of light.
            png_color: PngColor {
                gamma: is_float(color).then_some(100_000),
                ..PngColor::default()
            },
            ..Metadata::default()
        };
        let info = ImageInfo {
            kind,
            stored_size: size,
            format,
            orientation: Orientation::Upright,
            metadata,
        };
        let mut reader = Self {
            kind,
            pending: Some(pending),
            whole: None,
            color,
            size,
            notes,
        };
        if is_float(color) {
            // Only the samples themselves show that 16 bit hold them.
            reader.whole = Some(Whole::new(reader.decode()?));
            reader
                .notes
                .push("floating-point samples from 0 to 1 become 16 bit, 0 to 65535".to_owned());
        }
        Ok((info, reader))
    }

    /// All pixels.
    fn decode(&mut self) -> Result<Vec<u8>, FileError> {
        if let Some(whole) = self.whole.take() {
            return Ok(whole.into_pixels());
        }
        let kind = self.kind;
        let pending = self.pending.take();
        let pending = pending.ok_or_else(|| FileError::damaged("it was decoded before"))?;
        let pixels = pending.decode().map_err(|error| reading(kind, error))?;
        if is_float(self.color) {
            return unit(kind, &pixels, self.color == ColorType::Rgba32F);
        }
        Ok(little_endian(pixels, self.color))
    }
}

impl ImageReader for OtherReader {
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
        let pixels = self.size.pixels();
        match self.kind {
            // A frame, and the one before it.
            FileKind::Gif if matches!(self.pending, Some(Pending::Frame(..))) => pixels.saturating_mul(8),
            _ if is_float(self.color) => pixels.saturating_mul(32),
            // Decoded into the pixels themselves.
            FileKind::Qoi => 0,
            _ => pixels.saturating_mul(4),
        }
    }
}

impl Pending {
    fn open(kind: FileKind, file: Input, frame: Option<usize>) -> ImageResult<Self> {
        Ok(Self::Image(match kind {
            FileKind::Gif => {
                let decoder = GifDecoder::new(file)?;
                match frame {
                    Some(frame) => return Ok(Self::Frame(Box::new(decoder), frame)),
                    None => Box::new(decoder),
                }
            }
            FileKind::Bmp => Box::new(BmpDecoder::new(file)?),
            FileKind::Pnm => Box::new(PnmDecoder::new(file)?),
            FileKind::Tga => Box::new(TgaDecoder::new(file)?),
            FileKind::Qoi => Box::new(QoiDecoder::new(file)?),
            FileKind::Farbfeld => Box::new(FarbfeldDecoder::new(file)?),
            FileKind::Ico => Box::new(IcoDecoder::new(file)?),
            FileKind::Dds => Box::new(DdsDecoder::new(file)?),
            FileKind::Hdr => Box::new(HdrDecoder::new(file)?),
            FileKind::Exr => Box::new(OpenExrDecoder::new(file)?),
            FileKind::Png
            | FileKind::Jpeg
            | FileKind::Tiff
            | FileKind::WebP
            | FileKind::Jp2
            | FileKind::Jxl => {
                let hint = image::error::ImageFormatHint::Unknown;
                return Err(ImageError::Unsupported(hint.into()));
            }
        }))
    }

    fn decoder(&self) -> &dyn ImageDecoder {
        match self {
            Self::Image(decoder) => &**decoder,
            Self::Frame(decoder, _) => &**decoder,
        }
    }

    fn decoder_mut(&mut self) -> &mut dyn ImageDecoder {
        match self {
            Self::Image(decoder) => &mut **decoder,
            Self::Frame(decoder, _) => &mut **decoder,
        }
    }

    fn decode(self) -> ImageResult<Vec<u8>> {
        match self {
            Self::Image(decoder) => {
                let mut pixels = vec![0; usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX)];
                decoder.read_image_boxed(&mut pixels)?;
                Ok(pixels)
            }
            Self::Frame(decoder, frame) => match decoder.into_frames().nth(frame) {
                Some(frame) => Ok(frame?.into_buffer().into_raw()),
                None => Err(ImageError::IoError(std::io::ErrorKind::UnexpectedEof.into())),
            },
        }
    }
}

/// Bytes of decoded pixels that `limits` allow: as many as an image of 16 bit with alpha of so many pixels has.
fn allowed(limits: &Limits) -> u64 {
    limits
        .max_unstreamed_pixels
        .saturating_mul(PixelFormat::RGBA16.bytes_per_pixel() as u64)
}

fn rewind(file: &mut Input) -> Result<(), FileError> {
    file.rewind().map_err(|error| FileError::reading(&error))
}

/// What pixels of that kind are given as.
fn format(color: ColorType) -> Option<PixelFormat> {
    Some(match color {
        ColorType::L8 => PixelFormat::GRAY8,
        ColorType::La8 => PixelFormat::GRAYA8,
        ColorType::Rgb8 => PixelFormat::RGB8,
        ColorType::Rgba8 => PixelFormat::RGBA8,
        ColorType::L16 => PixelFormat::GRAY16,
        ColorType::La16 => PixelFormat::GRAYA16,
        ColorType::Rgb16 | ColorType::Rgb32F => PixelFormat::RGB16,
        ColorType::Rgba16 | ColorType::Rgba32F => PixelFormat::RGBA16,
        _ => return None,
    })
}

fn is_float(color: ColorType) -> bool {
    matches!(color, ColorType::Rgb32F | ColorType::Rgba32F)
}

/// Samples of 16 bit, which `image` gives in the order of this machine, as they are stored everywhere here.
fn little_endian(mut pixels: Vec<u8>, color: ColorType) -> Vec<u8> {
    let is_wide = format(color).is_some_and(|format| format.depth == crate::Depth::Sixteen);
    if is_wide && cfg!(target_endian = "big") {
        for sample in pixels.chunks_exact_mut(2) {
            sample.reverse();
        }
    }
    pixels
}

/// Floating point from 0 to 1 as 16 bit. Colours that are stored times alpha are divided by it again.
fn unit(kind: FileKind, pixels: &[u8], has_alpha: bool) -> Result<Vec<u8>, FileError> {
    let mut samples = Vec::with_capacity(pixels.len() / 2);
    let mut values = [0f32; 4];
    let values = &mut values[..if has_alpha { 4 } else { 3 }];
    for pixel in pixels.chunks_exact(values.len() * 4) {
        for (value, bytes) in values.iter_mut().zip(pixel.chunks_exact(4)) {
            *value = f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        if let [colors @ .., alpha] = &mut *values
            && has_alpha
            && *alpha > 0.0
        {
            for color in colors {
                // Half precision leaves a little too much.
                let whole = *color / *alpha;
                *color = if whole < 1.001 { whole.min(1.0) } else { whole };
            }
        }
        if !values.iter().all(|value| (0.0..=1.0).contains(value)) {
            return Err(FileError::unsupported(format!(
                "this kind of {kind} is not read: floating-point samples outside 0 to 1; save it as 16-bit TIFF or PNG"
            )));
        }
        for value in &*values {
            samples.extend_from_slice(&((value * 65535.0 + 0.5) as u16).to_le_bytes());
        }
    }
    Ok(samples)
}
