//! The mosaic of a measurement: numbers without a known range, or bands that are no colours. What a block's numbers mean is
//! known only when all are there: so means are kept, and stretched when the picture is asked for, by [`Stretch`].

use azulejo_imaging::{PixelFormat, Region, Size, Stretch, shown_numbers};

/// Means of the bands that are shown, NaN where there is nothing yet or no data. Blocks and tiles are as in
/// [`super::mosaic`].
#[derive(Debug, Clone)]
pub struct Measured {
    size: Size,
    block: u32,
    format: PixelFormat,
    no_data: Option<f64>,
    means: Vec<f32>,
}

impl Measured {
    /// Nothing yet, of a picture of `size` blocks of `block` pixels of `format` a side.
    pub fn new(size: Size, block: u32, format: PixelFormat, no_data: Option<f64>) -> Self {
        Self {
            size,
            block,
            format,
            no_data,
            means: vec![f32::NAN; size.width as usize * size.height as usize * Stretch::shown(format)],
        }
    }

    /// Draws the tile `region` of the result, whose row-major pixels are `tile`.
    pub fn draw(&mut self, region: Region, tile: &[u8]) {
        let (block, shown) = (self.block, Stretch::shown(self.format));
        let pixel = self.format.bytes_per_pixel();
        let stride = region.width as usize * pixel;
        if tile.len() != stride * region.height as usize {
            return;
        }
        let (left, top) = (region.x.div_ceil(block), region.y.div_ceil(block));
        let (right, bottom) = (region.right() as u32, region.bottom() as u32);
        let mut sums = vec![(0.0, 0u32); shown];
        for row in top..bottom.div_ceil(block) {
            for column in left..right.div_ceil(block) {
                sums.fill((0.0, 0));
                for y in row * block..(row * block + block).min(bottom) {
                    let line = &tile[(y - region.y) as usize * stride..][..stride];
                    let from = (column * block - region.x) as usize * pixel;
                    let to = ((column * block + block).min(right) - region.x) as usize * pixel;
                    for pixel in line[from..to].chunks_exact(pixel) {
                        let numbers = shown_numbers(self.format, self.no_data, pixel);
                        for ((sum, count), number) in sums.iter_mut().zip(numbers) {
                            if number.is_finite() {
                                *sum += number;
                                *count += 1;
                            }
                        }
                    }
                }
                let at = (row as usize * self.size.width as usize + column as usize) * shown;
                for (mean, (sum, count)) in self.means[at..].iter_mut().zip(&sums) {
                    *mean = if *count == 0 {
                        f32::NAN
                    } else {
                        (sum / f64::from(*count)) as f32
                    };
                }
            }
        }
    }

    /// The picture as far as it is there: gray and alpha, or RGBA, 8 bit.
    pub fn pixels(&self) -> Vec<u8> {
        let shown = Stretch::shown(self.format);
        let stretch = Stretch::of_numbers((0..shown).map(|band| {
            let means = self.means[band..].iter().step_by(shown);
            means.map(|mean| f64::from(*mean)).collect()
        }));
        let mut pixels = Vec::with_capacity(self.means.len() / shown * (shown + 1));
        for means in self.means.chunks_exact(shown) {
            let levels = means.iter().enumerate();
            let levels: Option<Vec<u8>> = levels
                .map(|(band, mean)| stretch.level(band, f64::from(*mean)))
                .collect();
            match levels {
                Some(levels) => {
                    pixels.extend(levels);
                    pixels.push(u8::MAX);
                }
                None => pixels.resize(pixels.len() + shown + 1, 0),
            }
        }
        pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azulejo_imaging::TileGrid;

    /// A ramp of elevations with a hole.
    fn drawn(order: impl Fn(&mut Vec<Region>)) -> Measured {
        let (size, format) = (Size::new(100, 60), "gray-f32le".parse().unwrap());
        let mut measured = Measured::new(Size::new(50, 30), 2, format, Some(-9999.0));
        let mut regions: Vec<Region> = TileGrid::new(size, 16).regions().collect();
        order(&mut regions);
        for region in regions {
            let mut tile = Vec::new();
            for y in region.y..region.bottom() as u32 {
                for x in region.x..region.right() as u32 {
                    let is_hole = x < 10 && y < 10;
                    let number: f32 = if is_hole { -9999.0 } else { (x * 10 + y) as f32 };
                    tile.extend(number.to_le_bytes());
                }
            }
            measured.draw(region, &tile);
        }
        measured
    }

    #[test]
    fn a_measurement_is_stretched_and_its_holes_are_transparent() {
        let pixels = drawn(|_| {}).pixels();
        assert_eq!(pixels.len(), 50 * 30 * 2);
        assert_eq!(pixels[..2], [0, 0]);
        assert_eq!(pixels[pixels.len() - 2..], [255, 255]);
        let middle = (15 * 50 + 25) * 2;
        assert!((100..160).contains(&pixels[middle]), "{}", pixels[middle]);
    }

    #[test]
    fn the_order_of_the_tiles_does_not_matter() {
        assert_eq!(
            drawn(|_| {}).pixels(),
            drawn(|regions| regions.reverse()).pixels()
        );
    }
}
