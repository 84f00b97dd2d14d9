//! The mosaic: the result of a job as far as it is done, scaled down to at most 1024 pixels a side.
//!
//! A square block of result pixels becomes one pixel of the mosaic, the mean of the block. A block that two tiles share
//! belongs to the tile that has its top left pixel, and is the mean of that tile's part: so a tile is drawn once, when
//! it lands, and the picture does not depend on the order. What no tile has covered yet is transparent.

use azulejo_imaging::{Channels, Depth, PixelFormat, Region, Size, Stretch};
use bytes::Bytes;

use super::job::JobSpec;
use super::measured::Measured;

/// Longest side, pixels.
pub const MAX_SIDE: u32 = 1024;

/// The picture, 8-bit gray and alpha or RGBA, not premultiplied.
#[derive(Debug, Clone)]
pub struct Canvas {
    size: Size,
    /// Side of a block, in pixels of the result.
    block: u32,
    format: PixelFormat,
    pixels: Vec<u8>,
    /// What there is instead of `pixels` where the result is a measurement.
    measured: Option<Measured>,
}

impl Canvas {
    /// An empty picture of a result of `size` pixels in `format`.
    pub fn new(size: Size, format: PixelFormat) -> Self {
        Self::with_no_data(size, format, None)
    }

    /// The same, where a number may stand for no data.
    pub fn with_no_data(size: Size, format: PixelFormat, no_data: Option<f64>) -> Self {
        let block = size.width.max(size.height).div_ceil(MAX_SIDE).max(1);
        let small = Size::new(size.width.div_ceil(block), size.height.div_ceil(block));
        let is_measured = format.is_measurement();
        let (pixels, measured) = if is_measured {
            (Vec::new(), Some(Measured::new(small, block, format, no_data)))
        } else {
            let samples = small.width as usize * small.height as usize * out_channels(format);
            (vec![0; samples], None)
        };
        Self {
            size: small,
            block,
            format,
            pixels,
            measured,
        }
    }

    /// An empty picture of the result of a job.
    pub fn of(spec: &JobSpec) -> Self {
        Self::with_no_data(
            spec.row.output_size,
            spec.row.output_format,
            spec.recipe.no_data(),
        )
    }

    /// Its size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Draws the tile `region` of the result, whose row-major pixels are `tile`.
    pub fn draw(&mut self, region: Region, tile: &[u8]) {
        if let Some(measured) = &mut self.measured {
            return measured.draw(region, tile);
        }
        let block = self.block;
        let pixel = self.format.bytes_per_pixel();
        let stride = region.width as usize * pixel;
        if tile.len() != stride * region.height as usize {
            return;
        }
        let (left, top) = (region.x.div_ceil(block), region.y.div_ceil(block));
        let (right, bottom) = (region.right() as u32, region.bottom() as u32);
        let out = out_channels(self.format);
        let columns = right.div_ceil(block).saturating_sub(left) as usize;
        // One sum for each sample of a mosaic row; the last is the number of pixels, or the sum of alpha.
        let samples = self.format.channels.count();
        let mut sums = vec![0u64; columns * samples];
        for row in top..bottom.div_ceil(block) {
            sums.fill(0);
            let first = row * block - region.y;
            let last = (row * block + block).min(bottom) - region.y;
            for y in first..last {
                let line = &tile[y as usize * stride..(y as usize + 1) * stride];
                let skipped = (left * block - region.x) as usize;
                self.add_line(&line[skipped.min(region.width as usize) * pixel..], &mut sums);
            }
            let height = u64::from(last - first);
            for (column, sum) in sums.chunks_exact(samples).enumerate() {
                let x = left as usize + column;
                let width = (u64::from(block)).min(u64::from(right) - x as u64 * u64::from(block));
                let at = (row as usize * self.size.width as usize + x) * out;
                finish(self.format, sum, width * height, &mut self.pixels[at..at + out]);
            }
        }
    }

    /// Adds a row of pixels, beginning at a block's left edge, to the sums of its blocks. Colour is weighed by alpha.
    fn add_line(&self, line: &[u8], sums: &mut [u64]) {
        let block = self.block as usize;
        match (self.format.channels, self.format.depth) {
            (Channels::Gray, Depth::Eight) => add_plain::<1>(line, block, sums),
            (Channels::Rgb, Depth::Eight) => add_plain::<3>(line, block, sums),
            (channels, depth) => {
                // Only the high byte of a 16-bit sample is seen in 8 bits.
                let (wide, skip) = if depth == Depth::Sixteen { (2, 1) } else { (1, 0) };
                let count = channels.count();
                let colours = if channels.has_alpha() { count - 1 } else { count };
                for (chunk, sum) in line
                    .chunks(block * count * wide)
                    .zip(sums.chunks_exact_mut(count))
                {
                    for pixel in chunk.chunks_exact(count * wide) {
                        let sample = |channel: usize| u64::from(pixel[channel * wide + skip]);
                        let weight = if channels.has_alpha() { sample(colours) } else { 1 };
                        for (channel, total) in sum.iter_mut().enumerate().take(colours) {
                            *total += sample(channel) * weight;
                        }
                        if channels.has_alpha() {
                            sum[colours] += weight;
                        }
                    }
                }
            }
        }
    }

    /// The picture as a PNG.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn png(&self) -> Result<Bytes, png::EncodingError> {
        let stretched = self.measured.as_ref().map(Measured::pixels);
        Ok(Bytes::from(encode(
            self.size,
            out_channels(self.format) == 2,
            stretched.as_ref().unwrap_or(&self.pixels),
        )?))
    }
}

/// A transparent picture for a job of which nothing is done.
pub fn empty(size: Size, format: PixelFormat) -> Result<Bytes, png::EncodingError> {
    Canvas::new(size, format).png()
}

fn encode(size: Size, gray: bool, pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.width, size.height);
    encoder.set_color(if gray {
        png::ColorType::GrayscaleAlpha
    } else {
        png::ColorType::Rgba
    });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

fn out_channels(format: PixelFormat) -> usize {
    match format.channels {
        Channels::Gray | Channels::GrayAlpha => 2,
        Channels::Rgb | Channels::Rgba => 4,
        Channels::Bands(_) => Stretch::shown(format) + 1,
    }
}

fn add_plain<const N: usize>(line: &[u8], block: usize, sums: &mut [u64]) {
    for (chunk, sum) in line.chunks(block * N).zip(sums.chunks_exact_mut(N)) {
        let mut totals = [0u32; N];
        for pixel in chunk.chunks_exact(N) {
            for (total, sample) in totals.iter_mut().zip(pixel) {
                *total += u32::from(*sample);
            }
        }
        for (sum, total) in sum.iter_mut().zip(totals) {
            *sum += u64::from(total);
        }
    }
}

fn finish(format: PixelFormat, sum: &[u64], pixels: u64, out: &mut [u8]) {
    let mean = |sum: u64, count: u64| ((sum + count / 2) / count.max(1)).min(255) as u8;
    let (colours, alpha) = if format.channels.has_alpha() {
        let (alpha, colours) = sum.split_last().unwrap_or((&0, &[]));
        (colours, Some(*alpha))
    } else {
        (sum, None)
    };
    let weight = alpha.unwrap_or(pixels);
    for (out, sum) in out.iter_mut().zip(colours) {
        *out = mean(*sum, weight);
    }
    if let Some(last) = out.last_mut() {
        *last = alpha.map_or(255, |alpha| mean(alpha, pixels));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azulejo_imaging::TileGrid;

    fn tile_of(format: PixelFormat, region: Region, value: impl Fn(u32, u32, usize) -> u8) -> Vec<u8> {
        let mut pixels = Vec::new();
        for y in region.y..region.bottom() as u32 {
            for x in region.x..region.right() as u32 {
                pixels.extend((0..format.bytes_per_pixel()).map(|byte| value(x, y, byte)));
            }
        }
        pixels
    }

    fn draw_all(
        size: Size,
        tile: u32,
        format: PixelFormat,
        value: impl Fn(u32, u32, usize) -> u8 + Copy,
    ) -> Canvas {
        let mut canvas = Canvas::new(size, format);
        for region in TileGrid::new(size, tile).regions() {
            canvas.draw(region, &tile_of(format, region, value));
        }
        canvas
    }

    #[test]
    fn a_small_result_is_shown_as_it_is() {
        let canvas = draw_all(Size::new(300, 200), 64, PixelFormat::RGB8, |x, y, c| {
            (x + y) as u8 ^ c as u8
        });
        assert_eq!(canvas.size(), Size::new(300, 200));
        assert_eq!(&canvas.pixels[..4], &[0, 1, 2, 255]);
        let at = (70 * 300 + 90) * 4;
        assert_eq!(&canvas.pixels[at..at + 4], &[160, 161, 162, 255]);
    }

    #[test]
    fn every_pixel_is_covered_whatever_the_tile_size() {
        for tile in [16, 100, 333, 512] {
            for format in PixelFormat::ALL {
                let canvas = draw_all(Size::new(2100, 130), tile, format, |_, _, _| 255);
                assert_eq!(canvas.size(), Size::new(700, 44));
                assert!(
                    canvas.pixels.iter().all(|sample| *sample == 255),
                    "{tile} {format}"
                );
            }
        }
    }

    #[test]
    fn the_order_of_the_tiles_does_not_matter() {
        let size = Size::new(2100, 300);
        let value = |x: u32, y: u32, c: usize| (x.wrapping_mul(31) ^ y.wrapping_mul(17) ^ c as u32) as u8;
        let forward = draw_all(size, 100, PixelFormat::RGBA8, value);
        let mut backward = Canvas::new(size, PixelFormat::RGBA8);
        let mut regions: Vec<_> = TileGrid::new(size, 100).regions().collect();
        regions.reverse();
        for region in regions {
            backward.draw(region, &tile_of(PixelFormat::RGBA8, region, value));
        }
        assert_eq!(forward.pixels, backward.pixels);
    }

    #[test]
    fn what_is_not_done_is_transparent() {
        let mut canvas = Canvas::new(Size::new(4096, 4096), PixelFormat::GRAY8);
        let region = Region::new(512, 0, 512, 512);
        canvas.draw(region, &vec![200; 512 * 512]);
        assert_eq!(canvas.size(), Size::new(1024, 1024));
        assert_eq!(&canvas.pixels[127 * 2..130 * 2], &[0, 0, 200, 255, 200, 255]);
        assert_eq!(&canvas.pixels[256 * 2..257 * 2], &[0, 0]);
    }

    #[test]
    fn transparent_pixels_do_not_tint_their_neighbours() {
        let size = Size::new(2048, 2);
        let canvas = draw_all(size, 512, PixelFormat::GRAYA8, |x, _, c| match (x % 2, c) {
            (0, 0) => 100,
            (0, _) => 255,
            _ => 0,
        });
        assert_eq!(&canvas.pixels[..2], &[100, 128]);
    }
}
