//! What samples mean: gray, colours, inks, numbers of a palette; and how they become pixels of a raster.

use super::{TiffFile, unsupported};
use crate::file::FileError;
use crate::file::color::Inks;
use crate::header::tiff::page::tag;
use crate::header::tiff::{Carried, Directory, Meaning, Measured, Page};
use crate::{Depth, PixelFormat};

/// From samples to pixels.
pub(super) struct Pixels {
    pub format: PixelFormat,
    pub meaning: Meaning,
    model: Model,
    /// Which sample is alpha, and whether colour is stored times it.
    alpha: Option<(usize, bool)>,
    /// Where the page is a measurement, which is read past all of this.
    pub measured: Option<Measured>,
    /// What is left out or changed, in sentences.
    pub notes: Vec<String>,
}

enum Model {
    Gray { inverted: bool, most: u16 },
    Rgb,
    Palette(Vec<[u16; 3]>),
    Cmyk(Option<Inks>),
    YCbCr(YCbCr),
    Lab { signed: bool },
}

struct YCbCr {
    luma: [f64; 3],
    reference: [f64; 6],
}

impl Pixels {
    /// Finds out, and refuses what is not read. `icc` is the profile of the page.
    pub(super) fn of(
        file: &mut TiffFile,
        directory: &Directory,
        page: &Page,
        icc: Option<&[u8]>,
    ) -> Result<Self, FileError> {
        let Carried {
            format,
            meaning,
            alpha,
            measured,
            mut notes,
        } = Carried::of(page)?;
        let (bits, depth) = (page.bits, format.depth);
        if measured.is_some() {
            return Ok(Self {
                format,
                meaning,
                model: Model::Rgb,
                alpha,
                measured,
                notes,
            });
        }
        let model = match page.photometric {
            0 | 1 | 4 => Model::Gray {
                inverted: page.photometric == 0,
                most: match meaning {
                    Meaning::Number if bits < 16 => ((1u32 << bits) - 1) as u16,
                    _ if depth == Depth::Eight => 255,
                    _ => u16::MAX,
                },
            },
            3 => palette(file, directory, page)?,
            5 => {
                let (inks, sentence) = Inks::of(icc, depth);
                notes.push(sentence.to_owned());
                Model::Cmyk(inks)
            }
            6 if !page.is_jpeg_ycbcr => Model::YCbCr(YCbCr::of(file, directory, page)?),
            8 | 9 => {
                if !matches!(bits, 8 | 16) || alpha.is_some() {
                    return Err(unsupported(
                        "its colours are CIELab of another kind than 8 or 16 bit",
                    ));
                }
                notes.push("CIELab became sRGB".to_owned());
                Model::Lab {
                    signed: page.photometric == 8,
                }
            }
            _ => Model::Rgb,
        };
        if let Model::Palette(colors) = &model
            && colors
                .iter()
                .flatten()
                .any(|value| value % 257 != 0 && value % 256 != 0)
        {
            notes.push("the palette's colours of 16 bit became 8 bit".to_owned());
        }
        if matches!(model, Model::Palette(_)) && alpha.is_some() && bits != 8 {
            return Err(unsupported("its palette has alpha beside it"));
        }
        Ok(Self {
            format,
            meaning,
            model,
            alpha,
            measured: None,
            notes,
        })
    }

    /// Whether the stored samples are the pixels.
    pub(super) fn is_plain(&self, page: &Page) -> bool {
        if self.measured.is_some() {
            return false;
        }
        let whole = match &self.model {
            Model::Gray { inverted, .. } => !inverted,
            Model::Rgb => true,
            _ => false,
        };
        let in_order = self
            .alpha
            .is_none_or(|(place, associated)| !associated && place + 1 == page.samples);
        whole
            && in_order
            && self.meaning == Meaning::Number
            && !page.planar
            && page.samples == self.format.channels.count()
            && page.bits as usize == 8 * self.format.depth.bytes()
    }

    /// Whether a number that stands for no data in what is stored is a number of the pixels, too.
    pub(super) fn keeps_numbers(&self, page: &Page) -> bool {
        let is_gray_or_rgb = match &self.model {
            Model::Gray { inverted, .. } => !inverted,
            Model::Rgb => true,
            _ => false,
        };
        self.measured.is_some_and(Measured::keeps_numbers)
            || (is_gray_or_rgb
                && self.alpha.is_none()
                && self.meaning == Meaning::Number
                && page.photometric <= 2)
    }

    /// Whether the pixels are in other colours than those that are stored.
    pub(super) fn is_converted(&self) -> bool {
        matches!(self.model, Model::Cmyk(_) | Model::Lab { .. })
    }

    /// Turns samples, `samples` a pixel, into the pixels of `to`.
    pub(super) fn convert(&self, values: &[u16], samples: usize, to: &mut [u8]) -> Result<(), FileError> {
        let channels = self.format.channels.count();
        let eight = self.format.depth == Depth::Eight;
        let most: u32 = if eight { 255 } else { 65535 };
        let pixel_bytes = self.format.bytes_per_pixel();
        let light = match &self.model {
            Model::Cmyk(Some(inks)) => light_of_inks(inks, values, samples)?,
            _ => Vec::new(),
        };
        let mut light = light.as_chunks::<3>().0.iter();
        for (pixel, to) in values.chunks_exact(samples).zip(to.chunks_exact_mut(pixel_bytes)) {
            let mut out = [0u16; 4];
            match &self.model {
                Model::Gray { inverted, most } => {
                    out[0] = if *inverted {
                        most.saturating_sub(pixel[0])
                    } else {
                        pixel[0]
                    };
                }
                Model::Rgb => out[..3].copy_from_slice(&pixel[..3]),
                Model::Palette(colors) => {
                    let color = colors.get(usize::from(pixel[0])).copied().unwrap_or_default();
                    out[..3].copy_from_slice(&color.map(|value| value >> 8));
                }
                Model::Cmyk(Some(_)) => {
                    if let Some(light) = light.next() {
                        out[..3].copy_from_slice(light);
                    }
                }
                Model::Cmyk(None) => {
                    for (out, ink) in out[..3].iter_mut().zip(pixel) {
                        let product =
                            u64::from(most - u32::from(*ink)) * u64::from(most - u32::from(pixel[3]));
                        *out = ((product + u64::from(most / 2)) / u64::from(most)) as u16;
                    }
                }
                Model::YCbCr(model) => model.convert(pixel, most, &mut out),
                Model::Lab { signed } => lab(pixel, *signed, eight, &mut out),
            }
            if let Some((place, associated)) = self.alpha {
                let alpha = pixel[place];
                out[channels - 1] = alpha;
                if associated {
                    for sample in &mut out[..channels - 1] {
                        let straight = (u32::from(*sample) * most)
                            .saturating_add(u32::from(alpha) / 2)
                            .checked_div(alpha.into());
                        *sample = straight.unwrap_or(0).min(most) as u16;
                    }
                }
            }
            if eight {
                for (to, sample) in to.iter_mut().zip(out) {
                    *to = sample as u8;
                }
            } else {
                for (to, sample) in to.chunks_exact_mut(2).zip(out) {
                    to.copy_from_slice(&sample.to_le_bytes());
                }
            }
        }
        Ok(())
    }
}

/// The first four samples of each pixel, which are inks, as three colours.
fn light_of_inks(inks: &Inks, values: &[u16], samples: usize) -> Result<Vec<u16>, FileError> {
    let pixels = values.chunks_exact(samples);
    let mut light = vec![0; 3 * pixels.len()];
    let stored: Vec<u16> = pixels.flat_map(|pixel| &pixel[..4]).copied().collect();
    inks.convert(&stored, &mut light)?;
    Ok(light)
}

fn palette(file: &mut TiffFile, directory: &Directory, page: &Page) -> Result<Model, FileError> {
    if page.bits > 16 {
        return Err(unsupported("its palette is too large"));
    }
    let count = 1usize << page.bits;
    let map = directory.numbers(file, tag::COLOR_MAP, 3 * count as u64)?;
    if map.len() < 3 * count {
        return Err(FileError::damaged("its palette is missing or too short"));
    }
    // Some writers put numbers of 8 bit there.
    let scale = if map.iter().all(|value| *value < 256) {
        257
    } else {
        1
    };
    let value = |plane: usize, index: usize| (map[plane * count + index] * scale) as u16;
    let colors = (0..count).map(|index| [value(0, index), value(1, index), value(2, index)]);
    Ok(Model::Palette(colors.collect()))
}

impl YCbCr {
    fn of(file: &mut TiffFile, directory: &Directory, page: &Page) -> Result<Self, FileError> {
        if page.bits != 8 {
            return Err(unsupported(&format!(
                "its colours are YCbCr of {} bits",
                page.bits
            )));
        }
        let sound = |values: Vec<f64>| values.iter().all(|value| value.is_finite()).then_some(values);
        let luma = sound(directory.fractions(file, tag::YCBCR_COEFFICIENTS, 3));
        let reference = sound(directory.fractions(file, tag::REFERENCE_BLACK_WHITE, 6));
        let luma = luma
            .and_then(|luma| luma.try_into().ok())
            .filter(|luma: &[f64; 3]| luma[1] != 0.0);
        let reference = reference
            .and_then(|values| values.try_into().ok())
            .filter(|values: &[f64; 6]| values.chunks(2).all(|pair| pair[0] != pair[1]));
        Ok(Self {
            luma: luma.unwrap_or([0.299, 0.587, 0.114]),
            reference: reference.unwrap_or([0.0, 255.0, 128.0, 255.0, 128.0, 255.0]),
        })
    }

    fn convert(&self, pixel: &[u16], most: u32, out: &mut [u16; 4]) {
        let code = |index: usize, range: f64| {
            let (black, white) = (self.reference[2 * index], self.reference[2 * index + 1]);
            (f64::from(pixel[index]) - black) * range / (white - black)
        };
        let (y, cb, cr) = (code(0, 255.0), code(1, 127.0), code(2, 127.0));
        let red = y + cr * (2.0 - 2.0 * self.luma[0]);
        let blue = y + cb * (2.0 - 2.0 * self.luma[2]);
        let green = (y - self.luma[0] * red - self.luma[2] * blue) / self.luma[1];
        for (out, value) in out.iter_mut().zip([red, green, blue]) {
            *out = (value + 0.5).clamp(0.0, f64::from(most)) as u16;
        }
    }
}

/// CIELab of D50 to sRGB. The white is moved by Bradford's matrix, which is in the one from XYZ to linear sRGB.
fn lab(pixel: &[u16], signed: bool, eight: bool, out: &mut [u16; 4]) {
    let (most, one) = if eight { (255.0, 1.0) } else { (65535.0, 256.0) };
    let axis = |value: u16| match (signed, eight) {
        (true, true) => f64::from(value as u8 as i8),
        (true, false) => f64::from(value as i16) / one,
        (false, _) => f64::from(value) / one - 128.0,
    };
    let whole = if signed || eight { most } else { 65280.0 };
    let l = f64::from(pixel[0]) * 100.0 / whole;
    let y = (l + 16.0) / 116.0;
    let linear = |t: f64| {
        if t > 6.0 / 29.0 {
            t * t * t
        } else {
            (t - 4.0 / 29.0) * 108.0 / 841.0
        }
    };
    let x = 0.964_22 * linear(y + axis(pixel[1]) / 500.0);
    let z = 0.825_21 * linear(y - axis(pixel[2]) / 200.0);
    let y = linear(y);
    let light = [
        3.133_856_1 * x - 1.616_866_7 * y - 0.490_614_6 * z,
        -0.978_768_4 * x + 1.916_141_5 * y + 0.033_454_0 * z,
        0.071_945_3 * x - 0.228_991_4 * y + 1.405_242_7 * z,
    ];
    for (out, light) in out.iter_mut().zip(light) {
        let value = if light <= 0.003_130_8 {
            12.92 * light
        } else {
            1.055 * libm::pow(light, 1.0 / 2.4) - 0.055
        };
        *out = (value * most + 0.5).clamp(0.0, most) as u16;
    }
}
