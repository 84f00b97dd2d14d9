//! Writing what `image` writes: the rows are kept until the last, and then the file is written at once.

use image::codecs::bmp::BmpEncoder;
use image::codecs::gif::GifEncoder;
use image::codecs::qoi::QoiEncoder;
use image::codecs::tga::TgaEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError, ImageResult};

use crate::file::encoder::Output;
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
}

/// Sentences on what a file of `kind` does not keep of an image of that format.
pub(in crate::file) fn losses(kind: FileKind, format: PixelFormat) -> Vec<String> {
    let mut losses = Vec::new();
    if kind == FileKind::Gif {
        losses.push("a GIF holds 256 colours: where there are more, the nearest are taken".to_owned());
        if format.channels.has_alpha() {
            losses
                .push("a GIF holds no partial transparency: what is not invisible becomes opaque".to_owned());
        }
    }
    losses
}

impl OtherWriter {
    pub(in crate::file) fn new(output: Output, kind: FileKind, size: Size, format: PixelFormat) -> Self {
        Self {
            output,
            kind,
            size,
            format,
            pixels: Vec::new(),
        }
    }

    pub(in crate::file) fn write_rows(&mut self, rows: &[u8]) {
        self.pixels.extend_from_slice(rows);
    }

    pub(in crate::file) fn finish(mut self) -> Result<u64, FileError> {
        let pixels = std::mem::take(&mut self.pixels);
        let (pixels, format) = suited(self.kind, pixels, self.format);
        let kind = self.kind;
        self.encode(&pixels, format).map_err(|error| match error {
            ImageError::IoError(error) => FileError::from(error),
            _ => FileError::unsupported(format!("the {kind} cannot be written; choose png or tiff")),
        })?;
        Ok(self.output.finish()?)
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
