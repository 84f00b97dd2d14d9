//! Any bytes are the pixels of a TIFF or an error, whatever its samples are: numbers of every width and kind, bands, inks, palettes,
//! CIELab, YCbCr and logarithms of light, in strips or tiles, packed or not, in both orders of bytes. The first bytes choose.
#![no_main]

#[path = "../file.rs"]
mod file;

use libfuzzer_sys::fuzz_target;

const BITS: [u16; 10] = [1, 3, 8, 12, 16, 24, 32, 64, 7, 15];
const COLORS: [u16; 10] = [0, 1, 2, 3, 5, 6, 8, 9, 32844, 32845];
const PACKINGS: [u16; 8] = [1, 1, 5, 8, 32773, 34676, 7, 50000];

/// A directory at byte 8 that these bytes choose, and the data behind it.
fn tiff(choice: [u8; 8], data: &[u8]) -> Vec<u8> {
    let [bits, format, colors, samples, packing, predictor, shape, extra] = choice;
    let pick = |list: &[u16], choice: u8| list[usize::from(choice) % list.len()];
    let big_endian = shape & 1 != 0;
    let number = |value: u32, bytes: usize| match big_endian {
        true => value.to_be_bytes()[4 - bytes..].to_vec(),
        false => value.to_le_bytes()[..bytes].to_vec(),
    };
    let tiled = shape & 2 != 0;
    let side = if tiled { 16 } else { 9 };
    let mut entries = vec![
        (256u16, 9u32),
        (257, 7),
        (258, pick(&BITS, bits).into()),
        (259, pick(&PACKINGS, packing).into()),
        (262, pick(&COLORS, colors).into()),
        (266, 1 + u32::from(shape >> 2 & 1)),
        (277, u32::from(samples % 6)),
        (284, 1 + u32::from(shape >> 3 & 1)),
        (317, 1 + u32::from(predictor % 3)),
        (339, u32::from(format % 7)),
        (if tiled { 322 } else { 278 }, side),
        (
            if tiled { 323 } else { 279 },
            if tiled { side } else { data.len() as u32 },
        ),
    ];
    if extra & 1 != 0 {
        entries.push((338, u32::from(extra >> 1) % 3));
    }
    if extra & 8 != 0 {
        entries.push((274, u32::from(extra >> 4)));
    }
    let count = entries.len() + 1;
    let start = 8 + 2 + 12 * count as u32 + 4;
    entries.push((if tiled { 324 } else { 273 }, start));
    entries.sort_unstable();
    let mut file = if big_endian {
        b"MM".to_vec()
    } else {
        b"II".to_vec()
    };
    file.extend(number(42, 2));
    file.extend(number(8, 4));
    file.extend(number(count as u32, 2));
    for (tag, value) in entries {
        file.extend(number(tag.into(), 2));
        file.extend(number(4, 2));
        file.extend(number(1, 4));
        file.extend(number(value, 4));
    }
    file.extend([0; 4]);
    file.extend(data);
    file
}

fuzz_target!(|input: ([u8; 8], &[u8])| {
    let (choice, data) = input;
    file::read_file(&tiff(choice, data));
});
