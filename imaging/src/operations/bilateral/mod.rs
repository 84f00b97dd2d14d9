//! Bilateral filter: a Gaussian blur that does not mix what differs in colour.

mod lanes;

use self::lanes::Tap;
use crate::meaning::with_data;
use crate::operation::{
    Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values, needs_colours,
};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{PixelFormat, Region, Size};

/// Weighted mean of a disc, the weight falling with distance in space and in colour. The distance in colour is the mean of
/// the channels' differences, where OpenCV has the sum, so that gray gives the same whether it is stored in one channel
/// or in three. Alpha stays, and weighs the colours.
pub(crate) struct Bilateral {
    sigma_space: f64,
    sigma_colour: f64,
    radius: u32,
}

impl Operation for Bilateral {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "bilateral",
        title: "Bilateral",
        group: Group::Smooth,
        summary: "Smooths areas and leaves edges as they are, for skin, skies and noise.",
        method: "A mean weighted by distance and by difference in colour.",
        aliases: &[],
        parameters: &[
            ParameterInfo {
                name: "sigma_space",
                symbol: "σ",
                summary: "Standard deviation of the distance.",
                unit: "px",
                kind: ParameterKind::Number,
                min: 0.5,
                max: 10.0,
                default: 2.0,
                step: 0.1,
            },
            ParameterInfo {
                name: "sigma_colour",
                symbol: "σ colour",
                summary: "Standard deviation of the difference in colour, as a share of full intensity.",
                unit: "",
                kind: ParameterKind::Number,
                min: 0.01,
                max: 1.0,
                default: 0.1,
                step: 0.01,
            },
        ],
    };

    fn new(values: &Values<'_>) -> Self {
        let sigma_space = values.number(0);
        Self {
            sigma_space,
            sigma_colour: values.number(1),
            radius: (2.0 * sigma_space).ceil() as u32,
        }
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        output.inflate(self.radius, self.radius, image)
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_colours(input)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let channels = input.channels.count();
        let colours = if input.channels.has_alpha() {
            channels - 1
        } else {
            channels
        };
        let side = 2 * self.radius as usize + 1;
        let disc = self.disc();
        let mut near = self.colour_weights::<S>(colours);
        if input.meaning.no_data_intensity().is_none()
            && let Some(result) = lanes::filter(&input, output, self.radius, &disc, &mut near)
        {
            return result;
        }
        let stride = output.width as usize * channels;
        let (left, top) = (
            i64::from(output.x) - i64::from(self.radius),
            i64::from(output.y) - i64::from(self.radius),
        );
        let no_data = input.meaning.no_data_intensity();
        let is_missing =
            |pixel: &[S]| no_data.is_some_and(|no_data| pixel.iter().any(|&sample| sample.into() == no_data));
        let mut scratch = Vec::new();
        let mut ring: Vec<Vec<S>> = vec![Vec::new(); side];
        let mut samples = vec![S::default(); stride * output.height as usize];
        for index in 0..output.height as usize + side - 1 {
            let row = input.reflected_row(
                top + index as i64,
                left,
                output.width + 2 * self.radius,
                &mut scratch,
            );
            ring[index % side].clear();
            ring[index % side].extend_from_slice(row);
            let Some(y) = (index + 1).checked_sub(side) else {
                continue;
            };
            for x in 0..output.width as usize {
                let at = x * channels;
                let centre_at = at + self.radius as usize * channels;
                let centre = &ring[(y + self.radius as usize) % side][centre_at..][..channels];
                let mut sums = [0.0f64; 3];
                let mut total = 0.0f64;
                let centre_is_missing = is_missing(centre);
                for &(row, column, space) in &disc {
                    let pixel = &ring[(y + row) % side][at + column * channels..][..channels];
                    if centre_is_missing || is_missing(pixel) {
                        continue;
                    }
                    let distance: u32 = pixel
                        .iter()
                        .zip(centre)
                        .take(colours)
                        .map(|(&a, &b)| a.into().abs_diff(b.into()))
                        .sum();
                    let mut weight = space * near[distance as usize];
                    if colours < channels {
                        let alpha: u32 = pixel[colours].into();
                        weight *= f64::from(alpha) / f64::from(S::MAX);
                    }
                    total += weight;
                    for (sum, &sample) in sums.iter_mut().zip(&pixel[..colours]) {
                        *sum += weight * f64::from(sample.into());
                    }
                }
                let out = &mut samples[y * stride + at..][..channels];
                out.copy_from_slice(centre);
                if total > 0.0 {
                    for (to, sum) in out[..colours].iter_mut().zip(sums) {
                        *to = S::round_f64(sum / total);
                        if no_data.is_some() {
                            *to = with_data(input.meaning, *to);
                        }
                    }
                }
            }
        }
        Patch::owned(input.image, output, input.channels, samples)
    }
}

impl Bilateral {
    /// The pixels of the disc.
    fn disc(&self) -> Vec<Tap> {
        let radius = i64::from(self.radius);
        let mut disc = Vec::new();
        for dy in -radius..=radius {
            for dx in -radius..=radius {
                let squared = dx * dx + dy * dy;
                if squared <= radius * radius {
                    let weight = libm::exp(-(squared as f64) / (2.0 * self.sigma_space * self.sigma_space));
                    disc.push(((dy + radius) as usize, (dx + radius) as usize, weight));
                }
            }
        }
        disc
    }

    /// The weight for every sum of differences.
    fn colour_weights<S: Sample>(&self, colours: usize) -> Vec<f64> {
        let sigma = self.sigma_colour * f64::from(S::MAX) * colours as f64;
        let scale = -0.5 / (sigma * sigma);
        (0..=S::MAX * colours as u32)
            .map(|difference| libm::exp(f64::from(difference) * f64::from(difference) * scale))
            .collect()
    }
}
