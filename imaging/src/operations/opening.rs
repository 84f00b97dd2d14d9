//! What is made of erosions and dilations: opening and closing, and the differences between the picture and these (gradient, top hat,
//! black hat). OpenCV's `morphologyEx` with a square.

use std::marker::PhantomData;

use super::box_blur::radius;
use super::morphology::{Extreme, extreme, plain_extreme};
use super::rank::Value;
use crate::numbers::{Numbers, rank};
use crate::operation::{Group, Operation, OperationInfo, ParameterInfo, Values};
use crate::patch::Patch;
use crate::sample::{Bits, Sample};
use crate::simd::{self, Kernel};
use crate::{Region, Size};

/// An operation of this family.
pub(crate) trait Form: Send + Sync + 'static {
    const INFO: &'static OperationInfo;
    const COMPOSITION: Composition;
}

/// What a [`Form`] gives.
pub(crate) enum Composition {
    /// A dilation of the erosion.
    Opened,
    /// An erosion of the dilation.
    Closed,
    /// The first less the second, which is nowhere larger.
    Difference(Term, Term),
}

/// What is subtracted from what.
pub(crate) enum Term {
    Picture,
    Eroded,
    Dilated,
    Opened,
    Closed,
}

/// Bytes of a strip of the result: two of them and the picture's rows fit a second-level cache.
const STRIP: usize = 128 << 10;

const PARAMETERS: &[ParameterInfo] = &[radius(50.0, 1.0)];

/// Opening: what is bright and does not hold the square goes.
pub(crate) struct OpenForm;

impl Form for OpenForm {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "open",
        title: "Open",
        group: Group::Edges,
        summary: "Takes away bright specks and thin bright lines; what is larger keeps its size.",
        method: "Morphological opening: an erosion by a square, then a dilation by it.",
        aliases: &["opening"],
        parameters: PARAMETERS,
    };
    const COMPOSITION: Composition = Composition::Opened;
}

/// Closing: what is dark and does not hold the square goes.
pub(crate) struct CloseForm;

impl Form for CloseForm {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "close",
        title: "Close",
        group: Group::Edges,
        summary: "Fills dark specks and thin dark gaps; what is larger keeps its size.",
        method: "Morphological closing: a dilation by a square, then an erosion by it.",
        aliases: &["closing"],
        parameters: PARAMETERS,
    };
    const COMPOSITION: Composition = Composition::Closed;
}

/// The range of the square.
pub(crate) struct GradientForm;

impl Form for GradientForm {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "gradient",
        title: "Morphological gradient",
        group: Group::Edges,
        summary: "Draws outlines in their own colours, as thick as the radius says.",
        method: "The dilation by a square less the erosion by it, each channel by itself; where there is alpha, of colour times alpha, which stays.",
        aliases: &["morphological_gradient"],
        parameters: PARAMETERS,
    };
    const COMPOSITION: Composition = Composition::Difference(Term::Dilated, Term::Eroded);
}

/// What the opening takes away.
pub(crate) struct TopHatForm;

impl Form for TopHatForm {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "tophat",
        title: "Top hat",
        group: Group::Edges,
        summary: "Keeps small bright things and makes all else black: spots on an uneven ground.",
        method: "The picture less its opening by a square, each channel by itself; where there is alpha, of colour times alpha, which stays.",
        aliases: &["top_hat", "white_tophat"],
        parameters: PARAMETERS,
    };
    const COMPOSITION: Composition = Composition::Difference(Term::Picture, Term::Opened);
}

/// What the closing fills.
pub(crate) struct BlackHatForm;

impl Form for BlackHatForm {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "blackhat",
        title: "Black hat",
        group: Group::Edges,
        summary: "Shows small dark things bright and makes all else black: cracks, hairs, writing.",
        method: "The closing by a square less the picture, each channel by itself; where there is alpha, of colour times alpha, which stays.",
        aliases: &["black_hat", "black_tophat"],
        parameters: PARAMETERS,
    };
    const COMPOSITION: Composition = Composition::Difference(Term::Closed, Term::Picture);
}

/// A [`Form`] of a square of side `2·radius + 1`.
pub(crate) struct Formed<F> {
    radius: u32,
    form: PhantomData<F>,
}

pub(crate) type Open = Formed<OpenForm>;
pub(crate) type Close = Formed<CloseForm>;
pub(crate) type Gradient = Formed<GradientForm>;
pub(crate) type TopHat = Formed<TopHatForm>;
pub(crate) type BlackHat = Formed<BlackHatForm>;

impl<F: Form> Operation for Formed<F> {
    const INFO: &'static OperationInfo = F::INFO;

    fn new(values: &Values<'_>) -> Self {
        Self {
            radius: values.integer(0),
            form: PhantomData,
        }
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        let reach = match F::COMPOSITION {
            Composition::Difference(Term::Dilated, Term::Eroded) => self.radius,
            _ => 2 * self.radius,
        };
        output.inflate(reach, reach, image)
    }

    /// In strips, so that what is between the picture and the result stays in the cache. Whether alpha is full is asked of the whole
    /// picture, which with alpha is one strip.
    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let bytes = output.width as usize * input.channels.count() * size_of::<S>();
        let height = ((STRIP / bytes.max(1)) as u32).max(8 * self.radius);
        if input.channels.has_alpha() || height >= output.height {
            return self.strip(&input, output);
        }
        let mut samples = Vec::with_capacity(output.size().pixels() as usize * input.channels.count());
        for y in (0..output.height).step_by(height as usize) {
            let strip = Region {
                y: output.y + y,
                height: height.min(output.height - y),
                ..output
            };
            samples.extend_from_slice(&self.strip(&input, strip).samples);
        }
        Patch::owned(input.image, output, input.channels, samples)
    }

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        let (from, less) = match F::COMPOSITION {
            Composition::Opened => {
                self.numbers(&Term::Opened, input, output, out);
                return true;
            }
            Composition::Closed => {
                self.numbers(&Term::Closed, input, output, out);
                return true;
            }
            Composition::Difference(from, less) => (from, less),
        };
        let mut subtracted = Vec::new();
        self.numbers(&less, input, output, &mut |row| {
            subtracted.extend_from_slice(row);
        });
        let mut results = Vec::new();
        let mut rest = subtracted.as_slice();
        self.numbers(&from, input, output, &mut |row| {
            let (less, after) = rest.split_at(row.len());
            rest = after;
            results.clear();
            results.extend(row.iter().zip(less).map(|(from, less)| from - less));
            out(&results);
        });
        true
    }
}

impl<F: Form> Formed<F> {
    fn strip<S: Sample>(&self, input: &Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let between = output.inflate(self.radius, self.radius, input.image);
        let twice = |first, second| {
            let between = extreme(input, between, self.radius, first);
            extreme(&between, output, self.radius, second)
        };
        match F::COMPOSITION {
            Composition::Opened => twice(Extreme::Smallest, Extreme::Largest),
            Composition::Closed => twice(Extreme::Largest, Extreme::Smallest),
            Composition::Difference(from, less) => self.difference(input, output, &from, &less),
        }
    }

    fn difference<S: Sample>(
        &self,
        input: &Patch<'_, S>,
        output: Region,
        from: &Term,
        less: &Term,
    ) -> Patch<'static, S> {
        let count = input.channels.count();
        let mut samples = if input.is_opaque() {
            let mut samples = self.term(input, output, from);
            simd::run(Subtract {
                from: &mut samples,
                less: &self.term(input, output, less),
            });
            samples
        } else {
            let products = times_alpha(input);
            let less = self.term(&products, output, less);
            let from = self.term(&products, output, from);
            let full = i64::from(S::MAX);
            from.into_iter()
                .zip(less)
                .map(|(from, less)| S::weighted(i64::from(from) - i64::from(less), full))
                .collect()
        };
        if input.channels.has_alpha() {
            let rows = samples.chunks_exact_mut(output.width as usize * count);
            for (y, row) in (output.y..).zip(rows) {
                let kept = input.row(y, output.x, output.width).chunks_exact(count);
                for (to, kept) in row.chunks_exact_mut(count).zip(kept) {
                    to[count - 1] = kept[count - 1];
                }
            }
        }
        Patch::owned(input.image, output, input.channels, samples)
    }

    /// The samples of a term, each channel by itself.
    fn term<V: Value>(&self, input: &Patch<'_, V>, output: Region, term: &Term) -> Vec<V> {
        let between = output.inflate(self.radius, self.radius, input.image);
        let one = |patch: &Patch<'_, V>, region, kind| plain_extreme(patch, region, self.radius, kind);
        let twice = |first, second| one(&one(input, between, first), output, second);
        let patch = match term {
            Term::Picture => {
                let rows = output.y..output.y + output.height;
                let rows = rows.map(|y| input.row(y, output.x, output.width));
                return rows.collect::<Vec<_>>().concat();
            }
            Term::Eroded => one(input, output, Extreme::Smallest),
            Term::Dilated => one(input, output, Extreme::Largest),
            Term::Opened => twice(Extreme::Smallest, Extreme::Largest),
            Term::Closed => twice(Extreme::Largest, Extreme::Smallest),
        };
        patch.samples.into_owned()
    }

    /// The rows of a term.
    fn numbers(&self, term: &Term, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) {
        match term {
            Term::Picture => {
                let mut row = Vec::new();
                for y in output.y..output.y + output.height {
                    input.row_within(y, output.x, output.width, &mut row);
                    out(&row);
                }
            }
            Term::Eroded => rank::extremes(input, output, self.radius, false, out),
            Term::Dilated => rank::extremes(input, output, self.radius, true, out),
            Term::Opened => rank::twice(input, output, self.radius, false, out),
            Term::Closed => rank::twice(input, output, self.radius, true, out),
        }
    }
}

/// Colour times alpha, exactly; alpha itself is not used.
fn times_alpha<S: Sample>(input: &Patch<'_, S>) -> Patch<'static, u32> {
    let mut products = Vec::with_capacity(input.samples.len());
    for pixel in input.samples.chunks_exact(input.channels.count()) {
        if let [colours @ .., alpha] = pixel {
            let alpha: u32 = (*alpha).into();
            products.extend(colours.iter().map(|&colour| colour.into() * alpha));
            products.push(0);
        }
    }
    Patch::owned(input.image, input.region, input.channels, products)
}

/// `from -= less`, of what is nowhere larger.
struct Subtract<'a, S> {
    from: &'a mut [S],
    less: &'a [S],
}

impl<S: Bits> Kernel for Subtract<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (from, &less) in self.from.iter_mut().zip(self.less) {
            *from = S::wrap((*from).into().wrapping_sub(less.into()));
        }
    }
}
