//! Where a pixel of a result comes from, as an affine map of the plane.

use crate::Size;

/// Maps a place in a result to the place in the image that it shows: x = a·u + b·v + c, y = d·u + e·v + f. Places are in pixels
/// from the upper left corner; the middle of the first pixel is (0.5, 0.5).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// x by u, v and alone.
    pub x: [f64; 3],
    /// y by u, v and alone.
    pub y: [f64; 3],
}

impl Affine {
    /// The map that changes nothing.
    pub const IDENTITY: Self = Self {
        x: [1.0, 0.0, 0.0],
        y: [0.0, 1.0, 0.0],
    };

    /// A move by that many pixels.
    pub(crate) fn shift(x: f64, y: f64) -> Self {
        Self {
            x: [1.0, 0.0, x],
            y: [0.0, 1.0, y],
        }
    }

    /// From the pixels of a result of size `to` to those of the image of size `from` that it was scaled from.
    pub(crate) fn scale(from: Size, to: Size) -> Self {
        let ratio = |from: u32, to: u32| f64::from(from) / f64::from(to.max(1));
        Self {
            x: [ratio(from.width, to.width), 0.0, 0.0],
            y: [0.0, ratio(from.height, to.height), 0.0],
        }
    }

    /// The place in the image.
    pub fn at(self, u: f64, v: f64) -> (f64, f64) {
        let on = |row: [f64; 3]| row[0] * u + row[1] * v + row[2];
        (on(self.x), on(self.y))
    }

    /// First this map, then `next`.
    pub fn then(self, next: Self) -> Self {
        let row = |row: [f64; 3]| {
            let along = |index: usize| row[0] * self.x[index] + row[1] * self.y[index];
            [along(0), along(1), along(2) + row[2]]
        };
        Self {
            x: row(next.x),
            y: row(next.y),
        }
    }

    /// The way back; `None` where a plane became a line.
    pub fn inverse(self) -> Option<Self> {
        let ([a, b, c], [d, e, f]) = (self.x, self.y);
        let area = a * e - b * d;
        if area == 0.0 || !area.is_finite() {
            return None;
        }
        Some(Self {
            x: [e / area, -b / area, (b * f - e * c) / area],
            y: [-d / area, a / area, (d * c - a * f) / area],
        })
    }

    /// The same map for places that are counted from the middle of the first pixel.
    #[cfg(feature = "decode")]
    pub(crate) fn between_middles(self) -> Self {
        let to_corner = Self::shift(0.5, 0.5);
        to_corner.then(self).then(Self::shift(-0.5, -0.5))
    }

    /// Whether it only moves and scales, without turning or mirroring.
    #[cfg(feature = "decode")]
    pub(crate) fn is_upright(self) -> bool {
        self.x[1] == 0.0 && self.y[0] == 0.0 && self.x[0] > 0.0 && self.y[1] > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Region, operations};

    #[test]
    fn there_and_back_is_where_it_began() {
        let map = Affine::scale(Size::new(30, 20), Size::new(7, 9)).then(Affine::shift(3.0, -2.0));
        let (x, y) = map.at(4.0, 5.0);
        let (u, v) = map.inverse().unwrap().at(x, y);
        assert!((u - 4.0).abs() < 1e-12 && (v - 5.0).abs() < 1e-12, "{u} {v}");
        let both = map.then(map.inverse().unwrap());
        assert!((both.x[0] - 1.0).abs() < 1e-12 && both.x[2].abs() < 1e-12);
        assert_eq!(Affine::scale(Size::new(0, 1), Size::new(5, 5)).inverse(), None);
    }

    #[test]
    fn every_operation_reads_around_the_place_that_its_map_says() {
        let size = Size::new(40, 31);
        for operation in operations() {
            let text = match operation.name {
                "crop" => "crop:x=3,y=5,width=20,height=11".to_owned(),
                "resize" => "resize:width=13,height=50".to_owned(),
                "warp" => "warp:a=1.2,b=0.3,c=-4,d=-0.2,e=0.8,f=2".to_owned(),
                name => name.to_owned(),
            };
            let recipe: crate::Recipe = text.parse().unwrap();
            let Ok(map) = recipe.pixel_map(size) else {
                continue;
            };
            let result = recipe.output_size(size).unwrap();
            for (u, v) in (0..result.width).flat_map(|u| (0..result.height).map(move |v| (u, v))) {
                let (x, y) = map.at(f64::from(u) + 0.5, f64::from(v) + 0.5);
                // What lies outside of the image is read nowhere.
                if !(0.0..f64::from(size.width)).contains(&x) || !(0.0..f64::from(size.height)).contains(&y) {
                    continue;
                }
                let region = recipe.input_region(size, Region::new(u, v, 1, 1)).unwrap();
                let inside =
                    |place: f64, start: u32, end: u64| f64::from(start) <= place && place <= end as f64;
                assert!(
                    inside(x, region.x, region.right()) && inside(y, region.y, region.bottom()),
                    "{text}: ({u}, {v}) shows ({x}, {y}), which is not in {region}"
                );
            }
        }
    }
}
