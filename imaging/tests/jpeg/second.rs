//! Ordinary JPEG of every size, written by `jpeg-encoder`, has nearly the pixels that another decoder reads.

use crate::decode::decode;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// A picture of slopes with an edge.
fn picture(width: u16, height: u16, seed: u32, channels: usize) -> Vec<u8> {
    let mut pixels = Vec::new();
    for y in 0..u32::from(height) {
        for x in 0..u32::from(width) {
            for channel in 0..channels as u32 {
                let slope = x * (2 + seed % 3) + y * (1 + channel) + channel * 50;
                let edge = u32::from(x > seed % 60) * 40;
                pixels.push(((slope + edge) / 2 % 200 + 20) as u8);
            }
        }
    }
    pixels
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_decoders_agree(
        width in 1u16..140,
        height in 1u16..140,
        seed in any::<u32>(),
        quality in 30u8..=100,
        is_gray in any::<bool>(),
        is_progressive in any::<bool>(),
        restart in prop::option::of(1u16..20),
        across in any::<bool>(),
    ) {
        let channels = if is_gray { 1 } else { 3 };
        let pixels = picture(width, height, seed, channels);
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, quality);
        encoder.set_progressive(is_progressive);
        encoder.set_sampling_factor(if across { SamplingFactor::F_2_1 } else { SamplingFactor::F_1_1 });
        if let Some(restart) = restart {
            encoder.set_restart_interval(restart);
        }
        let color = if is_gray { ColorType::Luma } else { ColorType::Rgb };
        encoder.encode(&pixels, width, height, color).unwrap();
        let ours = decode(&bytes).unwrap();
        let colors = if is_gray { ColorSpace::Luma } else { ColorSpace::RGB };
        let options = DecoderOptions::default().jpeg_set_out_colorspace(colors);
        let theirs = JpegDecoder::new_with_options(ZCursor::new(&bytes), options).decode().unwrap();
        prop_assert_eq!(ours.len(), theirs.len());
        let differences = ours.iter().zip(&theirs).map(|(a, b)| u64::from(a.abs_diff(*b)));
        if across && !is_gray {
            // It takes what lies beyond the edge for a neighbour.
            let mean = differences.sum::<u64>() as f64 / ours.len() as f64;
            prop_assert!(mean < 3.0, "{}", mean);
        } else {
            let largest = differences.max();
            prop_assert!(largest <= Some(5), "{:?}", largest);
        }
    }
}
