//! Writing what `image` writes: the rows are kept until the last, and then the file is written at once.

use std::collections::BTreeSet;

use image::codecs::bmp::BmpEncoder;
use image::codecs::gif::GifEncoder;
use image::codecs::qoi::QoiEncoder;
use image::codecs::tga::TgaEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError, ImageResult};

use crate::file::writer::{ImageWriter, Output};
use crate::file::{FileError, FileKind};
use crate::{Channels, Depth, PixelFormat, Size};

/// How hard the 256 colours of a GIF are looked for, 1 (best) to 30 (quickest).
const GIF_SPEED: i32 = 10;

/// Keeps the rows of a file of `kind`.
pub(in crate::file) struct OtherWriter {
    output: Output,
    kind: FileKind,
    size: Size,
    format: PixelFormat,
    pixels: Vec<u8>,
    palette: Palette,
}

/// Colours of a GIF.
const GIF_COLORS: usize = 256;

/// What a GIF does not keep of the pixels that were seen.
#[derive(Default)]
struct Palette {
    /// The colours, one more than a GIF has at most: gray and RGB have numbers of their own. What is invisible is one.
    colors: BTreeSet<u32>,
    is_partial: bool,
}

impl Palette {
    /// Looks at rows of 8-bit samples.
    fn see(&mut self, rows: &[u8], channels: Channels) {
        const INVISIBLE: u32 = 1 << 24;
        let has_alpha = channels.has_alpha();
        let mut last = None;
        for pixel in rows.chunks_exact(channels.count()) {
            // Neighbours are often the same.
            if last == Some(pixel) || (self.colors.len() > GIF_COLORS && (self.is_partial || !has_alpha)) {
                continue;
            }
            last = Some(pixel);
            let alpha = if has_alpha {
                pixel[channels.count() - 1]
            } else {
                255
            };
            self.is_partial |= !matches!(alpha, 0 | 255);
            if self.colors.len() <= GIF_COLORS {
                self.colors.insert(match *pixel {
                    _ if alpha == 0 => INVISIBLE,
                    [red, green, blue, ..] => u32::from_be_bytes([0, red, green, blue]),
                    _ => u32::from(pixel[0]),
                });
            }
        }
    }
}

impl OtherWriter {
    pub(in crate::file) fn new(output: Output, kind: FileKind, size: Size, format: PixelFormat) -> Self {
        Self {
            output,
            kind,
            size,
            format,
            pixels: Vec::new(),
            palette: Palette::default(),
        }
    }

    fn encode(&mut self, pixels: &[u8], format: PixelFormat) -> ImageResult<()> {
        let Size { width, height } = self.size;
        let color = color(format);
        let output = &mut self.output;
        match self.kind {
            FileKind::Bmp => BmpEncoder::new(output).write_image(pixels, width, height, color),
            FileKind::Gif => {
                GifEncoder::new_with_speed(output, GIF_SPEED).encode(pixels, width, height, color)
            }
            FileKind::Tga => TgaEncoder::new(output).write_image(pixels, width, height, color),
            _ => QoiEncoder::new(output).write_image(pixels, width, height, color),
        }
    }
}

impl ImageWriter for OtherWriter {
    fn write_rows(&mut self, rows: &[u8]) -> Result<(), FileError> {
        if self.kind == FileKind::Gif {
            self.palette.see(rows, self.format.channels);
        }
        self.pixels.extend_from_slice(rows);
        Ok(())
    }

    fn losses(&self) -> Vec<String> {
        let mut losses = Vec::new();
        if self.palette.colors.len() > GIF_COLORS {
            losses.push(format!(
                "the image has more than {GIF_COLORS} colours, and a GIF holds no more: the nearest were taken"
            ));
        }
        if self.palette.is_partial {
            losses
                .push("a GIF holds no partial transparency: what is not invisible became opaque".to_owned());
        }
        losses
    }

    fn finish(mut self: Box<Self>) -> Result<u64, FileError> {
        let pixels = std::mem::take(&mut self.pixels);
        let (pixels, format) = suited(self.kind, pixels, self.format);
        let kind = self.kind;
        self.encode(&pixels, format).map_err(|error| match error {
            ImageError::IoError(error) => FileError::from(error),
            _ => FileError::unsupported(format!("the {kind} cannot be written; choose png or tiff")),
        })?;
        Ok(self.output.finish()?)
    }
}

/// What `image` calls that format.
fn color(format: PixelFormat) -> ExtendedColorType {
    match (format.channels, format.depth) {
        (Channels::Gray, Depth::Eight) => ExtendedColorType::L8,
        (Channels::GrayAlpha, Depth::Eight) => ExtendedColorType::La8,
        (Channels::Rgb, Depth::Eight) => ExtendedColorType::Rgb8,
        (Channels::Rgba, Depth::Eight) => ExtendedColorType::Rgba8,
        (Channels::Gray, Depth::Sixteen) => ExtendedColorType::L16,
        (Channels::GrayAlpha, Depth::Sixteen) => ExtendedColorType::La16,
        (Channels::Rgb, Depth::Sixteen) => ExtendedColorType::Rgb16,
        (Channels::Rgba, Depth::Sixteen) => ExtendedColorType::Rgba16,
        // No encoder takes it, and `FileKind::problem` says so before.
        _ => ExtendedColorType::Unknown(u8::MAX),
    }
}

/// The pixels in a format that `kind` holds: QOI and GIF have no gray. Nothing is lost by it.
fn suited(kind: FileKind, pixels: Vec<u8>, format: PixelFormat) -> (Vec<u8>, PixelFormat) {
    let wanted = match (kind, format.channels) {
        (FileKind::Qoi | FileKind::Gif, Channels::Gray) => PixelFormat::RGB8,
        (FileKind::Qoi | FileKind::Gif, Channels::GrayAlpha) => PixelFormat::RGBA8,
        _ => return (pixels, format),
    };
    let mut out = Vec::with_capacity(pixels.len() / format.channels.count() * wanted.channels.count());
    for pixel in pixels.chunks_exact(format.channels.count()) {
        out.extend_from_slice(&[pixel[0]; 3]);
        out.extend_from_slice(&pixel[1..]);
    }
    (out, wanted)
}
