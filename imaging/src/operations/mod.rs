//! The operations, a file for each, and the table that makes them known to parser, docs, UI and CLI.
//!
//! To add one: write its file with a type that implements `Operation`, and add a line to the table below.

mod adaptive_threshold;
mod auto_levels;
mod bilateral;
mod bilevel;
mod bilinear;
mod blur;
mod box_blur;
mod colour;
mod convert;
mod crop;
mod derivatives;
mod edge_detection;
mod emboss;
mod equalize;
mod exchanges;
mod flip;
mod grayscale;
mod linear;
mod luma_stencil;
mod median;
mod morphology;
mod no_data;
mod noise;
mod opening;
mod otsu;
mod points;
mod pointwise;
mod power;
mod projective;
mod rank;
mod resize;
mod reverse;
mod rotate;
mod rotate_by;
mod sample_range;
mod sharpen;
mod small_means;
mod square_sums;
mod tables;
mod unsharp;
mod warp;
mod watermark;

use std::sync::Arc;

use crate::measuring::Measured;
use crate::operation::{Kernels, Operation, OperationInfo, Shape, Values};

type MakeShape = fn(&Values<'_>) -> Arc<dyn Shape>;
type MakeKernels = fn(&Values<'_>, Option<&Measured>) -> Box<dyn Kernels>;

fn shape<T: Operation>(values: &Values<'_>) -> Arc<dyn Shape> {
    Arc::new(T::new(values))
}

fn kernels_of<T: Operation>(values: &Values<'_>, measured: Option<&Measured>) -> Box<dyn Kernels> {
    let operation = T::new(values);
    Box::new(match measured {
        Some(measured) => operation.with_measured(measured),
        None => operation,
    })
}

macro_rules! table {
    ($($operation:ty,)*) => {
        const INFOS: &[&OperationInfo] = &[$(<$operation as Operation>::INFO),*];
        static SHAPES: &[MakeShape] = &[$(shape::<$operation>),*];
        static RENDERS: &[bool] = &[$(<$operation as Operation>::RENDERS),*];
        // A table of its own: where nothing renders, nothing refers to it, and the kernels are not linked.
        static KERNELS: &[MakeKernels] = &[$(kernels_of::<$operation>),*];
    };
}

table! {
    grayscale::Grayscale,
    blur::Blur,
    edge_detection::EdgeDetection,
    sharpen::Sharpen,
    rotate::Rotate90,
    rotate::Rotate180,
    rotate::Rotate270,
    flip::FlipHorizontal,
    flip::FlipVertical,
    crop::Crop,
    resize::Resize,
    rotate_by::RotateBy,
    warp::Warp,
    points::Brightness,
    points::Contrast,
    points::Gamma,
    colour::Saturation,
    auto_levels::AutoLevels,
    equalize::Equalize,
    points::Invert,
    points::Threshold,
    otsu::Otsu,
    adaptive_threshold::AdaptiveThreshold,
    noise::Noise,
    colour::Sepia,
    convert::Convert,
    watermark::Watermark,
    unsharp::Unsharp,
    box_blur::BoxBlur,
    median::Median,
    bilateral::Bilateral,
    morphology::Erode,
    morphology::Dilate,
    opening::Open,
    opening::Close,
    opening::Gradient,
    opening::TopHat,
    opening::BlackHat,
    derivatives::Scharr,
    derivatives::Prewitt,
    derivatives::Laplacian,
    emboss::Emboss,
    no_data::NoData,
}

/// Operations at the end of the table that no menu lists: they say something of the image and change nothing.
const UNLISTED: usize = 1;

/// Every operation, in the order in which a UI lists them.
pub fn operations() -> &'static [&'static OperationInfo] {
    &INFOS[..INFOS.len() - UNLISTED]
}

/// A row of the table.
#[derive(Clone, Copy)]
pub(crate) struct Entry(usize);

impl Entry {
    /// The last one, which says which number stands for no data.
    pub const NO_DATA: Self = Self(INFOS.len() - UNLISTED);

    /// The operation that is called `name` or has it as an alias.
    pub fn find(name: &str) -> Option<Self> {
        let is_it = |info: &&OperationInfo| info.name == name || info.aliases.contains(&name);
        INFOS.iter().position(is_it).map(Self)
    }

    pub fn info(self) -> &'static OperationInfo {
        INFOS[self.0]
    }

    pub fn shape(self, values: &Values<'_>) -> Arc<dyn Shape> {
        SHAPES[self.0](values)
    }

    /// Whether it can be rendered by what is built here: [`Operation::RENDERS`].
    pub fn renders(self) -> bool {
        RENDERS[self.0]
    }

    /// The arithmetic, with what was measured where the operation needs it: for whoever renders.
    pub fn kernels(self, values: &Values<'_>, measured: Option<&Measured>) -> Box<dyn Kernels> {
        KERNELS[self.0](values, measured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::ParameterKind;

    #[test]
    fn what_is_not_listed_is_found_by_its_name() {
        assert_eq!(Entry::NO_DATA.info().name, "no_data");
        assert_eq!(
            Entry::find("no_data").map(|entry| entry.0),
            Some(Entry::NO_DATA.0)
        );
        assert!(operations().iter().all(|info| info.name != "no_data"));
    }

    #[test]
    fn names_and_aliases_are_unique_words() {
        let mut names: Vec<&str> = INFOS
            .iter()
            .flat_map(|info| info.aliases.iter().copied().chain([info.name]))
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(names.iter().all(|name| {
            name.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        }));
    }

    #[test]
    fn defaults_are_in_range() {
        for parameter in INFOS.iter().flat_map(|info| info.parameters) {
            assert!(
                (parameter.min..=parameter.max).contains(&parameter.default),
                "{}",
                parameter.name
            );
            if let ParameterKind::Choice(words) = parameter.kind {
                assert_eq!((parameter.min, parameter.max), (0.0, words.len() as f64 - 1.0));
            }
        }
    }
}
