//! The operations give the very bytes that OpenCV gives: `data/opencv.json` has the hashes.

mod common;

use azulejo_imaging::{PixelFormat, Raster, Recipe, Size, TileGrid, apply, render};
use serde_json::Value;
use sha2::{Digest, Sha256};

const SIZE: Size = Size::new(1300, 1100);

fn reference(name: &str) -> (String, PixelFormat) {
    let all: Value = serde_json::from_str(include_str!("data/opencv.json")).unwrap();
    let text = |key: &str| all[name][key].as_str().unwrap().to_owned();
    (text("sha256"), text("format").parse().unwrap())
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn input() -> Raster {
    let input = common::noise_image(SIZE, PixelFormat::RGB8);
    assert_eq!(
        hash(input.bytes()),
        reference("input").0,
        "the generator is not the reference's"
    );
    input
}

fn check(name: &str, recipe: &str) {
    let recipe: Recipe = recipe.parse().unwrap();
    let input = input();
    let (expected, format) = reference(name);
    let whole = apply(&recipe, &input).unwrap();
    assert_eq!(whole.format(), format);
    assert_eq!(hash(whole.bytes()), expected, "{name}");
    for tile in TileGrid::new(whole.size(), 256).regions() {
        let region = recipe.input_region(SIZE, tile).unwrap();
        let pixels = render(&recipe, SIZE, region, &input.crop(region).unwrap(), tile).unwrap();
        assert_eq!(pixels, whole.crop(tile).unwrap(), "{name}, tile {tile}");
    }
}

#[test]
fn grayscale_is_that_of_opencv() {
    check("grayscale", "grayscale");
}

#[test]
fn blur_is_that_of_opencv() {
    check("blur sigma 2", "blur:sigma=2");
}

#[test]
fn edge_detection_is_that_of_opencv() {
    check("edge_detection", "edge_detection");
}

#[test]
fn sharpen_is_that_of_opencv() {
    check("sharpen", "sharpen");
}

#[test]
fn rotate_90_is_that_of_opencv() {
    check("rotate_90", "rotate_90");
}
