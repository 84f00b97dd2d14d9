//! Pictures as the oracles see them: whole numbers, one at a time, no tiles, no vectors, nothing shared with the kernels.

use azulejo_imaging::{Channels, Depth, PixelFormat, Raster, Size};

/// Samples row by row, pixel by pixel, from 0 to `max`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub width: i64,
    pub height: i64,
    pub channels: usize,
    /// Whether the last channel is alpha.
    pub has_alpha: bool,
    /// Full intensity: 255 or 65,535.
    pub max: i64,
    pub samples: Vec<i64>,
}

impl Picture {
    pub fn of(raster: &Raster) -> Self {
        let format = raster.format();
        let samples = match format.depth {
            Depth::Eight => raster.bytes().iter().map(|&byte| i64::from(byte)).collect(),
            Depth::Sixteen => raster
                .bytes()
                .chunks_exact(2)
                .map(|pair| i64::from(u16::from_le_bytes([pair[0], pair[1]])))
                .collect(),
            other => panic!("{other:?} is no intensity"),
        };
        Self {
            width: raster.size().width.into(),
            height: raster.size().height.into(),
            channels: format.channels.count(),
            has_alpha: format.channels.has_alpha(),
            max: if format.depth == Depth::Eight { 255 } else { 65_535 },
            samples,
        }
    }

    pub fn raster(&self) -> Raster {
        let channels = match (self.channels, self.has_alpha) {
            (1, false) => Channels::Gray,
            (2, true) => Channels::GrayAlpha,
            (3, false) => Channels::Rgb,
            (4, true) => Channels::Rgba,
            other => unreachable!("{other:?}"),
        };
        let depth = if self.max == 255 {
            Depth::Eight
        } else {
            Depth::Sixteen
        };
        let bytes = self.samples.iter().flat_map(|&sample| {
            assert!((0..=self.max).contains(&sample), "{sample}");
            let pair = (sample as u16).to_le_bytes();
            pair.into_iter().take(if self.max == 255 { 1 } else { 2 })
        });
        let size = Size::new(self.width as u32, self.height as u32);
        Raster::from_bytes(size, PixelFormat { channels, depth }, bytes.collect()).unwrap()
    }

    /// Channels that are no alpha.
    pub fn colours(&self) -> usize {
        self.channels - usize::from(self.has_alpha)
    }

    /// The pixel at a place, which may lie outside: reflect-101, `dcb|abcd|cba`.
    pub fn at(&self, x: i64, y: i64) -> &[i64] {
        let fold = |i: i64, n: i64| {
            if n == 1 {
                return 0;
            }
            let i = i.rem_euclid(2 * n - 2);
            i.min(2 * n - 2 - i)
        };
        let (x, y) = (fold(x, self.width), fold(y, self.height));
        &self.samples[(y * self.width + x) as usize * self.channels..][..self.channels]
    }

    /// Another picture: `pixel(x, y)` gives its samples.
    pub fn make(
        &self,
        (width, height): (i64, i64),
        channels: usize,
        pixel: impl Fn(i64, i64) -> Vec<i64>,
    ) -> Self {
        let mut samples = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let pixel = pixel(x, y);
                assert_eq!(pixel.len(), channels);
                samples.extend(pixel);
            }
        }
        Self {
            width,
            height,
            channels,
            samples,
            ..*self
        }
    }

    /// One of the same size and channels.
    pub fn map(&self, pixel: impl Fn(i64, i64) -> Vec<i64>) -> Self {
        self.make((self.width, self.height), self.channels, pixel)
    }

    /// Every colour sample by itself; alpha stays.
    pub fn map_colours(&self, colour: impl Fn(i64) -> i64) -> Self {
        self.map(|x, y| {
            let mut pixel = self.at(x, y).to_vec();
            let colours = self.colours();
            pixel[..colours]
                .iter_mut()
                .for_each(|sample| *sample = colour(*sample));
            pixel
        })
    }

    pub fn clamp(&self, value: i64) -> i64 {
        value.clamp(0, self.max)
    }
}

/// `numerator / denominator`, rounded half up; the denominator is above 0.
pub fn rounded(numerator: i128, denominator: i128) -> i64 {
    (2 * numerator + denominator).div_euclid(2 * denominator) as i64
}

/// Rounded half up.
pub fn half_up(value: f64) -> i64 {
    (value + 0.5).floor() as i64
}
