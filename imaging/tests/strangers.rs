//! The operations give the very bytes that OpenCV, Pillow and NumPy give: `data/strangers.json` has the hashes, and
//! `data/strangers.py` makes them.

mod common;

use std::collections::BTreeSet;

use azulejo_imaging::{PixelFormat, Raster, Recipe, Size, apply, operations};
use serde::Deserialize;
use sha2::{Digest, Sha256};

const SIZE: Size = Size::new(403, 307);
/// What these libraries do not have, or define otherwise; `strangers.py` says how. Their definitions are in `oracle`.
const NOT_THERE: [&str; 6] = [
    "bilateral",
    "convert",
    "grayscale",
    "saturation",
    "unsharp",
    "watermark",
];

#[derive(Deserialize)]
struct Line {
    recipe: String,
    format: PixelFormat,
    by: String,
    sha256: String,
}

fn lines() -> Vec<Line> {
    serde_json::from_str(include_str!("data/strangers.json")).unwrap()
}

/// Noise; alpha, where there is some, is full.
fn picture(format: PixelFormat) -> Raster {
    let mut picture = common::noise_image(SIZE, format);
    if format.channels.has_alpha() {
        let (pixel, sample) = (format.bytes_per_pixel(), format.depth.bytes());
        for bytes in picture.bytes_mut().chunks_exact_mut(pixel) {
            bytes[pixel - sample..].fill(255);
        }
    }
    picture
}

#[test]
fn operations_are_those_of_others() {
    let mut wrong = Vec::new();
    for line in lines() {
        let recipe: Recipe = line.recipe.parse().unwrap();
        let result = apply(&recipe, &picture(line.format)).unwrap();
        let digest = Sha256::digest(result.bytes());
        let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        if hash != line.sha256 {
            wrong.push(format!(
                "{} on {} is not that of {}",
                line.recipe, line.format, line.by
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_operation_that_others_have_is_judged_by_them() {
    let judged: BTreeSet<String> = lines()
        .iter()
        .filter_map(|line| line.recipe.split(':').next().map(str::to_owned))
        .collect();
    for operation in operations() {
        let is_there = judged.contains(operation.name);
        assert!(
            is_there != NOT_THERE.contains(&operation.name),
            "{}",
            operation.name
        );
    }
}
