//! Embossing: light from the top left.

use crate::convolve::window::{convolve_3x3, three_rows};
use crate::numbers::Numbers;
use crate::numbers::window::nine;
use crate::operation::{Group, Operation, OperationInfo, Values};
use crate::patch::{Patch, Rows};
use crate::sample::Sample;
use crate::{Region, Size};

/// `[-2 -1 0; -1 1 1; 0 1 2]`, saturating.
pub(crate) struct Emboss;

const KERNEL: [[i64; 3]; 3] = [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]];

impl Operation for Emboss {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "emboss",
        title: "Emboss",
        group: Group::Edges,
        summary: "Looks pressed into paper, lit from the top left.",
        method: "A directional difference of neighbours.",
        aliases: &[],
        parameters: &[],
    };

    fn new(_: &Values<'_>) -> Self {
        Self
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        output.inflate(1, 1, image)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let premultiply = !input.is_opaque();
        let mut written = Rows::new(output, input.channels);
        three_rows(&input, output, |_, rows| {
            convolve_3x3(rows, &KERNEL, input.channels.count(), premultiply, written.next());
        });
        Patch::owned(input.image, output, input.channels, written.finish())
    }

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        let weights: [f64; 9] = std::array::from_fn(|tap| KERNEL[tap / 3][tap % 3] as f64);
        nine(input, output, out, |samples| {
            samples
                .iter()
                .zip(&weights)
                .map(|(sample, weight)| sample * weight)
                .sum()
        });
        true
    }
}
