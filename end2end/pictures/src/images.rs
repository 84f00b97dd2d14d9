//! Images that any run makes alike: a smooth sky, hard edges, fine grain. Files are written and read by the crates `png`,
//! `jpeg-encoder` and `zune-jpeg`, so that what is judged here was not made by the code under test.

use std::io::Cursor;

use anyhow::{Context as _, Result, bail, ensure};
use png::{BitDepth, ColorType};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Pixels that a test compares: size, channels, bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Samples in a pixel: 1 or 3.
    pub channels: usize,
    /// Row-major, interleaved, 8 bit.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Pixels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}x{}", self.width, self.height, self.channels)
    }
}

impl Pixels {
    /// Fails with where and how much they differ.
    ///
    /// # Errors
    /// When they are not the same in size, channels and every byte.
    pub fn must_equal(&self, expected: &Pixels, what: &str) -> Result<()> {
        ensure!(
            (self.width, self.height, self.channels) == (expected.width, expected.height, expected.channels),
            "{what}: {self:?} where {expected:?} is expected"
        );
        let mut differing = self
            .bytes
            .iter()
            .zip(&expected.bytes)
            .enumerate()
            .filter(|(_, (a, b))| a != b);
        if let Some((at, (got, wanted))) = differing.next() {
            let pixel = at / self.channels;
            let (x, y) = (pixel % self.width, pixel / self.width);
            let more = differing.count();
            anyhow::bail!("{what}: byte {got} where {wanted} is expected at ({x}, {y}), and {more} more");
        }
        Ok(())
    }
}

/// An RGB picture of `width` by `height`; the same every time for the same `seed`.
pub fn photo(width: usize, height: usize, seed: u64) -> Pixels {
    let mut bytes = Vec::with_capacity(width * height * 3);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for y in 0..height {
        for x in 0..width {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let grain = (state >> 59) as i64;
            let sky = (255 * y / height) as i64;
            let hill = if (x / 7 + y / 5) % 97 < 11 { 70 } else { 0 };
            let disc = {
                let (dx, dy) = (x as i64 - width as i64 / 3, y as i64 - height as i64 / 3);
                if dx * dx + dy * dy < (width as i64 / 8).pow(2) {
                    90
                } else {
                    0
                }
            };
            for base in [40 + sky / 2 + disc, 90 + sky / 3 - hill, 200 - sky / 2 + hill] {
                bytes.push((base + grain).clamp(0, 255) as u8);
            }
        }
    }
    Pixels {
        width,
        height,
        channels: 3,
        bytes,
    }
}

/// The same with an alpha channel that goes from clear to opaque, row after row.
pub fn with_alpha(pixels: &Pixels) -> Pixels {
    let width = pixels.width.max(2);
    let bytes = pixels
        .bytes
        .chunks_exact(pixels.channels)
        .enumerate()
        .flat_map(|(index, pixel)| {
            let alpha = (index % pixels.width) * 255 / (width - 1);
            pixel.iter().copied().chain([alpha as u8])
        })
        .collect();
    Pixels {
        channels: pixels.channels + 1,
        bytes,
        ..*pixels
    }
}

/// `pixels` (RGB or RGBA) as a PNG file.
///
/// # Errors
/// When the encoder fails.
pub fn png(pixels: &Pixels) -> Result<Vec<u8>> {
    let color = if pixels.channels == 4 {
        ColorType::Rgba
    } else {
        ColorType::Rgb
    };
    encode_png(pixels, color, BitDepth::Eight, &pixels.bytes)
}

/// `pixels` (RGB) as a PNG file of 16 bits: the high bytes are those of `pixels`.
///
/// # Errors
/// When the encoder fails.
pub fn png16(pixels: &Pixels) -> Result<Vec<u8>> {
    let samples: Vec<u8> = pixels.bytes.iter().flat_map(|byte| [*byte, 0x5A]).collect();
    encode_png(pixels, ColorType::Rgb, BitDepth::Sixteen, &samples)
}

fn encode_png(pixels: &Pixels, color: ColorType, depth: BitDepth, samples: &[u8]) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(
        &mut file,
        u32::try_from(pixels.width)?,
        u32::try_from(pixels.height)?,
    );
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Sub);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(samples)?;
    writer.finish()?;
    Ok(file)
}

/// A PNG with a palette of 256 colours, the first of which is half transparent if `is_clear`.
pub fn palette_png(width: u32, height: u32, is_clear: bool) -> Vec<u8> {
    let palette: Vec<u8> = (0..=255u8)
        .flat_map(|n| [n, n.wrapping_mul(7), 255 - n])
        .collect();
    let rows = (0..height)
        .flat_map(|y| std::iter::once(0).chain((0..width).map(move |x| ((x * x / 97 + y * 3) % 256) as u8)));
    let rows: Vec<u8> = rows.collect();
    // A zlib stream of stored blocks.
    let mut data = vec![0x78, 0x01];
    let blocks = rows.chunks(65_535);
    let last = blocks.len() - 1;
    for (index, block) in blocks.enumerate() {
        let length = block.len() as u16;
        data.push(u8::from(index == last));
        data.extend(length.to_le_bytes());
        data.extend((!length).to_le_bytes());
        data.extend(block);
    }
    let (a, b) = rows.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    data.extend((b << 16 | a).to_be_bytes());
    let mut chunks: Vec<(&[u8; 4], &[u8])> = vec![(b"PLTE", &palette)];
    if is_clear {
        chunks.push((b"tRNS", &[128]));
    }
    chunks.push((b"IDAT", &data));
    png_of_chunks(width, height, 3, &chunks)
}

/// A PNG that says `width` by `height` (RGB) with valid checksums and `data` where the compressed pixels should be.
pub fn png_with_data(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    png_of_chunks(width, height, 2, &[(b"IDAT", data)])
}

fn png_of_chunks(width: u32, height: u32, colour: u8, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8; 4], data: &[u8]| {
        file.extend((data.len() as u32).to_be_bytes());
        let body = [name.as_slice(), data].concat();
        file.extend(&body);
        let crc = body.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |c, _| {
                if c & 1 == 1 {
                    (c >> 1) ^ 0xedb8_8320
                } else {
                    c >> 1
                }
            })
        });
        file.extend((!crc).to_be_bytes());
    };
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, colour, 0, 0, 0]);
    chunk(b"IHDR", &header);
    for (name, data) in chunks {
        chunk(name, data);
    }
    chunk(b"IEND", &[]);
    file
}

/// `pixels` (RGB) as a JPEG file, with colours as fine as brightness.
///
/// # Errors
/// When the encoder fails.
pub fn jpeg(pixels: &Pixels) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 90);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_1_1);
    encoder.encode(
        &pixels.bytes,
        u16::try_from(pixels.width)?,
        u16::try_from(pixels.height)?,
        jpeg_encoder::ColorType::Rgb,
    )?;
    Ok(file)
}

/// The pixels of a PNG or JPEG file: gray, RGB or RGBA.
///
/// # Errors
/// When it is damaged or has other channels.
pub fn decode(file: &[u8]) -> Result<Pixels> {
    if file.starts_with(b"\x89PNG") {
        decode_png(file)
    } else {
        decode_jpeg(file)
    }
}

fn decode_png(file: &[u8]) -> Result<Pixels> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(file), png::Limits { bytes: usize::MAX });
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info()?;
    let mut bytes = vec![0; reader.output_buffer_size().context("more than memory holds")?];
    let frame = reader.next_frame(&mut bytes)?;
    reader.finish()?;
    let channels = match (frame.color_type, frame.bit_depth) {
        (ColorType::Grayscale, BitDepth::Eight) => 1,
        (ColorType::Rgb, BitDepth::Eight) => 3,
        (ColorType::Rgba, BitDepth::Eight) => 4,
        other => bail!("unexpected pixels: {other:?}"),
    };
    Ok(Pixels {
        width: frame.width as usize,
        height: frame.height as usize,
        channels,
        bytes,
    })
}

fn decode_jpeg(file: &[u8]) -> Result<Pixels> {
    let options = DecoderOptions::default()
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers()?;
    let (out, channels) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (ColorSpace::Luma, 1),
        _ => (ColorSpace::RGB, 3),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(out));
    let bytes = decoder.decode()?;
    let (width, height) = decoder.dimensions().context("the file has no size")?;
    Ok(Pixels {
        width,
        height,
        channels,
        bytes,
    })
}
