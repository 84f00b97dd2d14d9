//! The picture that the operations are shown on: drawn by arithmetic, with what tells them apart: smooth colours, hard edges, fine
//! patterns, and specks.

use azulejo_imaging::{PixelFormat, Raster, Size};

/// Size of the picture, pixels.
pub const SIZE: Size = Size::new(144, 108);
/// Points of a pixel, along each side, whose colours are averaged.
const POINTS: u32 = 3;

type Color = [f64; 3];

const WHITE: Color = [246.0, 244.0, 236.0];
const COBALT: Color = [30.0, 71.0, 150.0];

/// The picture.
pub fn scene() -> Raster {
    let mut bytes = Vec::new();
    for y in 0..SIZE.height {
        for x in 0..SIZE.width {
            let mut sum = [0.0; 3];
            for point in 0..POINTS * POINTS {
                let at =
                    |pixel: u32, part: u32| f64::from(pixel) + (f64::from(part) + 0.5) / f64::from(POINTS);
                let color = color(at(x, point % POINTS), at(y, point / POINTS));
                for (sum, sample) in sum.iter_mut().zip(color) {
                    *sum += sample;
                }
            }
            let speck = speck(x, y);
            bytes.extend(sum.map(|sum| speck.unwrap_or((sum / f64::from(POINTS * POINTS)) as u8)));
        }
    }
    Raster::from_bytes(SIZE, PixelFormat::RGB8, bytes).unwrap()
}

/// Single pixels, dark and bright, as of dust and of hot pixels of a sensor.
fn speck(x: u32, y: u32) -> Option<u8> {
    let hash =
        (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)).wrapping_mul(3_266_489_917) >> 16;
    match hash % 331 {
        0 if y < 60 => Some(255),
        1 if y < 60 => Some(10),
        _ => None,
    }
}

fn color(x: f64, y: f64) -> Color {
    tiles(x, y)
        .or_else(|| house(x, y))
        .or_else(|| hills(x, y))
        .unwrap_or_else(|| sky(x, y))
}

/// Cobalt on white: a wall of azulejos.
fn tiles(x: f64, y: f64) -> Option<Color> {
    if y < 84.0 {
        return None;
    }
    let (u, v) = (x % 24.0 - 12.0, (y - 84.0) % 24.0 - 12.0);
    let radius = u.hypot(v);
    let angle = v.atan2(u);
    let petal = 7.0 + 3.0 * (4.0 * angle).cos();
    let is_joint = u.abs() > 11.4 || v.abs() > 11.4;
    let is_corner = (u.abs() - 12.0).hypot(v.abs() - 12.0) < 5.0;
    Some(if is_joint {
        [176.0, 170.0, 160.0]
    } else if radius < 2.2 {
        [235.0, 190.0, 60.0]
    } else if radius < petal || is_corner {
        COBALT
    } else {
        WHITE
    })
}

fn house(x: f64, y: f64) -> Option<Color> {
    let is_in =
        |left: f64, top: f64, right: f64, bottom: f64| x >= left && x < right && y >= top && y < bottom;
    if is_in(98.0, 62.0, 106.0, 74.0) || is_in(118.0, 62.0, 126.0, 74.0) {
        return Some([40.0, 46.0, 58.0]);
    }
    if is_in(108.0, 66.0, 116.0, 84.0) {
        return Some([150.0, 40.0, 36.0]);
    }
    if is_in(90.0, 54.0, 134.0, 84.0) {
        return Some(WHITE);
    }
    let roof = y > 36.0 && y < 54.0 && (x - 112.0).abs() < (y - 36.0) * 1.55;
    roof.then(|| {
        let course = if ((y / 3.0) as u32).is_multiple_of(2) {
            1.0
        } else {
            0.82
        };
        [206.0 * course, 98.0 * course, 62.0 * course]
    })
}

fn hills(x: f64, y: f64) -> Option<Color> {
    let near = 62.0 + 8.0 * (x / 19.0).sin();
    let far = 46.0 + 9.0 * (x / 27.0 + 1.0).sin() + 2.0 * (x / 5.0).sin();
    if y > near {
        let grass = 0.9 + 0.1 * ((x * 0.9).sin() * (y * 1.3).sin());
        return Some([86.0 * grass, 138.0 * grass, 66.0 * grass]);
    }
    (y > far).then_some([104.0, 126.0, 140.0])
}

fn sky(x: f64, y: f64) -> Color {
    if (x - 34.0).hypot(y - 26.0) < 11.0 {
        return [255.0, 226.0, 120.0];
    }
    let down = (y / 60.0).min(1.0);
    [92.0 + 130.0 * down, 150.0 + 70.0 * down, 222.0 - 10.0 * down]
}
