//! What is made of erosions and dilations: opening and closing, and the differences between the picture and these (gradient, top hat,
//! black hat). OpenCV's `morphologyEx` with a square.

use std::marker::PhantomData;

use super::box_blur::radius;
use super::morphology::extreme;
use crate::extremes::{Extreme, Once, Twice};
use crate::numbers::{Numbers, rank};
use crate::operation::{Group, Operation, OperationInfo, ParameterInfo, Values};
use crate::patch::{Patch, Rows};
use crate::sample::{Bits, Ordered, Sample};
use crate::simd::{self, Kernel};
use crate::{Region, Size};

/// An operation of this family.
pub(crate) trait Form: Send + Sync + 'static {
    const INFO: &'static OperationInfo;
    const COMPOSITION: Composition;
}

/// What a [`Form`] gives.
pub(crate) enum Composition {
    /// The extremes of the extremes.
    Twice([Extreme; 2]),
    /// The first less the second, which is nowhere larger.
    Difference(Term, Term),
}

/// What is subtracted from what.
pub(crate) enum Term {
    Picture,
    Once(Extreme),
    Twice([Extreme; 2]),
}

/// A dilation of the erosion.
const OPENING: [Extreme; 2] = [Extreme::Smallest, Extreme::Largest];
/// An erosion of the dilation.
const CLOSING: [Extreme; 2] = [Extreme::Largest, Extreme::Smallest];

/// Writes the row that it is asked for.
type WriteRow<'a, V> = Box<dyn FnMut(u32, &mut [V]) + 'a>;

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
    const COMPOSITION: Composition = Composition::Twice(OPENING);
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
    const COMPOSITION: Composition = Composition::Twice(CLOSING);
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
    const COMPOSITION: Composition =
        Composition::Difference(Term::Once(Extreme::Largest), Term::Once(Extreme::Smallest));
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
    const COMPOSITION: Composition = Composition::Difference(Term::Picture, Term::Twice(OPENING));
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
    const COMPOSITION: Composition = Composition::Difference(Term::Twice(CLOSING), Term::Picture);
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
            Composition::Difference(Term::Once(_), Term::Once(_)) => self.radius,
            _ => 2 * self.radius,
        };
        output.inflate(reach, reach, image)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let is_opaque = input.is_opaque();
        let (from, less) = match F::COMPOSITION {
            Composition::Twice(kinds) if is_opaque => return self.twice(&input, output, kinds),
            Composition::Twice([first, second]) => {
                let between = output.inflate(self.radius, self.radius, input.image);
                let between = extreme(&input, between, self.radius, first);
                return extreme(&between, output, self.radius, second);
            }
            Composition::Difference(from, less) => (from, less),
        };
        let mut samples = if is_opaque {
            self.difference(&input, output, &from, &less)
        } else {
            let differences = self.difference(&times_alpha(&input), output, &from, &less);
            let full = i64::from(S::MAX);
            let colours = differences.into_iter();
            colours.map(|product| S::weighted(product.into(), full)).collect()
        };
        keep_alpha(&input, output, &mut samples);
        Patch::owned(input.image, output, input.channels, samples)
    }

    const CHOOSES: bool = true;

    fn choose<V: Ordered>(&self, input: &Patch<'_, V>, output: Region) -> Option<Patch<'static, V>> {
        match F::COMPOSITION {
            Composition::Twice(kinds) => Some(self.twice(input, output, kinds)),
            Composition::Difference(from, less) => {
                let samples = self.difference_of_numbers(input, output, &from, &less);
                Some(Patch::owned(input.image, output, input.channels, samples))
            }
        }
    }

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        let (from, less) = match F::COMPOSITION {
            Composition::Twice(kinds) => {
                rank::twice(input, output, self.radius, kinds, out);
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
    /// The extremes of the extremes, each channel by itself, alpha too.
    fn twice<V: Ordered>(
        &self,
        input: &Patch<'_, V>,
        output: Region,
        kinds: [Extreme; 2],
    ) -> Patch<'static, V> {
        let mut twice = Twice::new(input, output, self.radius, kinds);
        let samples = Rows::written(output, input.channels, |y, out| twice.row(y, out));
        Patch::owned(input.image, output, input.channels, samples)
    }

    /// The first term less the second, each channel by itself.
    fn difference<V: Ordered>(
        &self,
        input: &Patch<'_, V>,
        output: Region,
        from: &Term,
        less: &Term,
    ) -> Vec<V> {
        let (mut from, mut less) = (self.term(input, output, from), self.term(input, output, less));
        let mut subtracted = vec![V::default(); output.width as usize * input.channels.count()];
        Rows::written(output, input.channels, |y, row| {
            from(y, row);
            less(y, &mut subtracted);
            simd::run(Subtract {
                from: row,
                less: &subtracted,
            });
        })
    }

    /// The same of whatever numbers, all of which there are.
    fn difference_of_numbers<V: Ordered>(
        &self,
        input: &Patch<'_, V>,
        output: Region,
        from: &Term,
        less: &Term,
    ) -> Vec<V> {
        let meaning = input.meaning;
        let (mut from, mut less) = (self.term(input, output, from), self.term(input, output, less));
        let mut row = vec![V::default(); output.width as usize * input.channels.count()];
        let mut numbers: [Vec<f64>; 2] = Default::default();
        Rows::written(output, input.channels, |y, out| {
            from(y, out);
            less(y, &mut row);
            for (from, less) in out.chunks_mut(PART).zip(row.chunks(PART)) {
                for (numbers, samples) in numbers.iter_mut().zip([&*from, less]) {
                    numbers.clear();
                    meaning.append(samples, numbers);
                }
                let [differences, subtracted] = &mut numbers;
                simd::run(SubtractNumbers {
                    from: differences,
                    less: subtracted,
                });
                meaning.write(differences, from);
            }
        })
    }

    /// What writes the rows of a term, each channel by itself, when it is asked for one after the other.
    fn term<'a, V: Ordered>(&self, input: &'a Patch<'a, V>, output: Region, term: &Term) -> WriteRow<'a, V> {
        match *term {
            Term::Picture => {
                Box::new(move |y, out| out.copy_from_slice(input.row(y, output.x, output.width)))
            }
            Term::Once(extreme) => {
                let mut once = Once::new(input, output, self.radius, extreme);
                Box::new(move |y, out| once.row(y, out))
            }
            Term::Twice(kinds) => {
                let mut twice = Twice::new(input, output, self.radius, kinds);
                Box::new(move |y, out| twice.row(y, out))
            }
        }
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
            Term::Once(extreme) => rank::extremes(input, output, self.radius, *extreme, out),
            Term::Twice(kinds) => rank::twice(input, output, self.radius, *kinds, out),
        }
    }
}

/// Alpha stays that of the picture.
fn keep_alpha<S: Sample>(input: &Patch<'_, S>, output: Region, samples: &mut [S]) {
    if !input.channels.has_alpha() {
        return;
    }
    let count = input.channels.count();
    let rows = samples.chunks_exact_mut(output.width as usize * count);
    for (y, row) in (output.y..).zip(rows) {
        let kept = input.row(y, output.x, output.width).chunks_exact(count);
        for (to, kept) in row.chunks_exact_mut(count).zip(kept) {
            to[count - 1] = kept[count - 1];
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

/// Samples that are numbers at a time.
const PART: usize = 512;

/// `from -= less`.
struct SubtractNumbers<'a> {
    from: &'a mut [f64],
    less: &'a [f64],
}

impl Kernel for SubtractNumbers<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (from, less) in self.from.iter_mut().zip(self.less) {
            *from -= less;
        }
    }
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
