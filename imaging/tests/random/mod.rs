//! Random recipes and images for property tests.

use azulejo_imaging::{ParameterKind, PixelFormat, Raster, Recipe, Size, Value, operations};
use proptest::prelude::*;

use crate::common;

/// Texts that are read as they were written: with separators, white space around, letters beyond the line, some for each picture.
const TEXTS: [&str; 5] = [
    "Azulejo",
    " 50%, | none ",
    "Åğj© Ж→Ω=€:",
    "W",
    "two hundred letters are more than a picture is wide, and some of them are cut",
];

/// Any operation with any parameters that are quick enough to test.
fn step() -> impl Strategy<Value = String> {
    // `convert` changes nothing once the file is read, and may not stand everywhere: see `convert.rs`.
    let known: Vec<_> = operations()
        .iter()
        .filter(|info| info.name != "convert")
        .collect();
    let known = proptest::sample::select(known);
    (known, proptest::collection::vec(0.0..=1.0f64, 11)).prop_map(|(info, positions)| {
        let parameters = info
            .parameters
            .iter()
            .zip(positions)
            .map(|(parameter, position)| {
                if let ParameterKind::Text { .. } = parameter.kind {
                    let text = TEXTS[(position * (TEXTS.len() - 1) as f64).round() as usize];
                    return format!("{}={}", parameter.name, parameter.text_value(text).unwrap());
                }
                if parameter.min < 0.0 {
                    // Any angle; else around the default.
                    let span = parameter.max - parameter.min;
                    let reach = match parameter.unit {
                        "°" => span / 2.0,
                        _ => f64::max(100.0 * parameter.step, (span / 20.0).min(1.0)),
                    };
                    let number = parameter.default + reach * (2.0 * position - 1.0);
                    let number = (number.clamp(parameter.min, parameter.max) * 1e6).round() / 1e6;
                    return format!("{}={number}", parameter.name);
                }
                // Squared, so that small values are more frequent; a large radius on a small image shows nothing new.
                let number = parameter.min
                    + (parameter.max.min(parameter.min + 64.0) - parameter.min) * position * position;
                let value = match parameter.kind {
                    ParameterKind::Number => Value::Number((number * 100.0).round() / 100.0),
                    ParameterKind::Integer => Value::Integer(number as i64),
                    ParameterKind::Choice(words) => {
                        Value::Choice(words[(number.round() as usize).min(words.len() - 1)])
                    }
                    ParameterKind::Text { .. } => parameter.default_value(),
                };
                format!("{}={value}", parameter.name)
            });
        let parameters: Vec<String> = parameters.collect();
        if parameters.is_empty() {
            info.name.to_owned()
        } else {
            format!("{}:{}", info.name, parameters.join(","))
        }
    })
}

/// One to four operations.
pub fn recipe() -> impl Strategy<Value = Recipe> {
    proptest::collection::vec(step(), 1..=4)
        // What two of them measure at 16 bit is more than a text holds.
        .prop_filter("one equalize at most", |steps| {
            steps.iter().filter(|step| *step == "equalize").count() < 2
        })
        .prop_map(|steps| steps.join("|").parse().unwrap())
}

/// Any pixel format.
pub fn format() -> impl Strategy<Value = PixelFormat> {
    proptest::sample::select(PixelFormat::ALL.to_vec())
}

/// Mostly small, sometimes a single pixel wide, odd sizes among them.
pub fn size() -> impl Strategy<Value = Size> {
    let side = || prop_oneof![2 => 1..4u32, 6 => 1..100u32, 1 => 100..700u32];
    (side(), side()).prop_map(|(width, height)| Size::new(width, height))
}

/// Noise, with alpha sometimes full, sometimes absent in places.
pub fn image(size: Size, format: PixelFormat, alpha: u8) -> Raster {
    let mut image = common::noise_image(size, format);
    if format.channels.has_alpha() {
        let pixel = format.bytes_per_pixel();
        let sample = format.depth.bytes();
        for (index, bytes) in image.bytes_mut().chunks_exact_mut(pixel).enumerate() {
            match alpha {
                0 => bytes[pixel - sample..].fill(255),
                1 if index % 7 < 4 => bytes[pixel - sample..].fill(0),
                _ => {}
            }
        }
    }
    image
}
