//! Where on Earth an image lies: the tags of GeoTIFF, and what becomes of them when pixels are moved.
//!
//! GeoTIFF ties places in the raster to places in a model, the map: by one tie point and the size of a pixel, by a matrix, or by
//! many tie points. The keys say what the model is and do not change. Places in the raster are counted from the upper left corner
//! of the first pixel or, where the keys say so (`RasterPixelIsPoint`), from its middle.

use crate::affine::Affine;

/// The tags of GeoTIFF and of GDAL, as they are stored; empty where there is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GeoTags {
    /// `ModelPixelScale`: size of a pixel, three numbers.
    pub pixel_scale: Vec<f64>,
    /// `ModelTiepoint`: six numbers each, a place in the raster and its place in the model.
    pub tie_points: Vec<f64>,
    /// `ModelTransformation`: a matrix of four by four, from the raster to the model.
    pub transformation: Vec<f64>,
    /// `GeoKeyDirectory`.
    pub keys: Vec<u16>,
    /// `GeoDoubleParams`.
    pub doubles: Vec<f64>,
    /// `GeoAsciiParams`.
    pub ascii: Vec<u8>,
    /// `GDAL_METADATA`, XML.
    pub gdal_metadata: Vec<u8>,
}

/// The key that says where places in the raster are counted from, and its value for the middle of a pixel.
const RASTER_TYPE: u16 = 1025;
const PIXEL_IS_POINT: u16 = 2;

impl GeoTags {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it says where the image lies.
    pub fn has_place(&self) -> bool {
        !(self.tie_points.is_empty() && self.transformation.is_empty())
    }

    /// Whether places in the raster are counted from the middles of pixels.
    fn is_point(&self) -> bool {
        let mut keys = self.keys.chunks_exact(4).skip(1);
        keys.any(|key| key[0] == RASTER_TYPE && key[1] == 0 && key[3] == PIXEL_IS_POINT)
    }

    /// The tags of a result whose places `map` takes to those of the image; `None` where it has none, as after an operation that
    /// has no such map: then nothing is left that says where the result lies.
    pub(super) fn moved(&self, map: Option<Affine>) -> Self {
        let mut tags = self.clone();
        tags.gdal_metadata = without_statistics(&self.gdal_metadata);
        let Some(map) = map else {
            return Self {
                gdal_metadata: tags.gdal_metadata,
                ..Self::default()
            };
        };
        if map == Affine::IDENTITY {
            return tags;
        }
        let map = if self.is_point() {
            map.between_middles()
        } else {
            map
        };
        if let Ok(matrix) = <[f64; 16]>::try_from(&self.transformation[..]) {
            tags.transformation = moved_matrix(matrix, map).to_vec();
            return tags;
        }
        match (&self.pixel_scale[..], self.tie_points.get(..6)) {
            ([across, down, high], Some(&[i, j, k, x, y, z])) => {
                // The model's y grows upwards, the raster's downwards.
                let (left, top) = (x - i * across, y + j * down);
                if map.is_upright() {
                    let (c, f) = map.at(0.0, 0.0);
                    tags.pixel_scale = vec![across * map.x[0], down * map.y[1], *high];
                    tags.tie_points = vec![0.0, 0.0, k, left + c * across, top - f * down, z];
                } else {
                    // A size of pixels cannot say that the image is turned or mirrored.
                    let mut matrix = [0.0; 16];
                    (matrix[0], matrix[3]) = (*across, left);
                    (matrix[5], matrix[7]) = (-down, top);
                    (matrix[10], matrix[11]) = (*high, z - k * high);
                    matrix[15] = 1.0;
                    tags.transformation = moved_matrix(matrix, map).to_vec();
                    tags.pixel_scale.clear();
                    tags.tie_points.clear();
                }
            }
            _ => {
                let Some(back) = map.inverse() else {
                    return self.moved(None);
                };
                for point in tags.tie_points.chunks_exact_mut(6) {
                    (point[0], point[1]) = back.at(point[0], point[1]);
                }
            }
        }
        tags
    }
}

/// The matrix from the places of a result: first `map`, then the matrix.
fn moved_matrix(matrix: [f64; 16], map: Affine) -> [f64; 16] {
    let mut moved = matrix;
    for row in 0..3 {
        let [i, j, _, alone] = [0, 1, 2, 3].map(|column| matrix[4 * row + column]);
        moved[4 * row] = i * map.x[0] + j * map.y[0];
        moved[4 * row + 1] = i * map.x[1] + j * map.y[1];
        moved[4 * row + 3] = i * map.x[2] + j * map.y[2] + alone;
    }
    moved
}

/// The XML without items of statistics, which are those of other pixels.
fn without_statistics(xml: &[u8]) -> Vec<u8> {
    const ITEM: &[u8] = b"<Item name=\"STATISTICS_";
    const END: &[u8] = b"</Item>";
    let find = |text: &[u8], part: &[u8]| text.windows(part.len()).position(|window| window == part);
    let (mut rest, mut kept) = (xml, Vec::new());
    while let Some(start) = find(rest, ITEM) {
        kept.extend_from_slice(&rest[..start]);
        let item = &rest[start..];
        rest = find(item, END).map_or(&[], |end| &item[end + END.len()..]);
    }
    kept.extend_from_slice(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Recipe, Size};

    /// Where the tags say that a place in the raster lies.
    fn place(tags: &GeoTags, u: f64, v: f64) -> (f64, f64) {
        if let [a, b, _, c, d, e, _, f, ..] = tags.transformation[..] {
            return (a * u + b * v + c, d * u + e * v + f);
        }
        let (scale, tie) = (&tags.pixel_scale, &tags.tie_points);
        (tie[3] + (u - tie[0]) * scale[0], tie[4] - (v - tie[1]) * scale[1])
    }

    fn utm() -> GeoTags {
        GeoTags {
            pixel_scale: vec![10.0, 20.0, 0.0],
            tie_points: vec![1.0, 2.0, 0.0, 400_000.0, 5_600_000.0, 0.0],
            keys: vec![1, 1, 0, 1, RASTER_TYPE, 0, 1, 1],
            ..GeoTags::default()
        }
    }

    #[test]
    fn every_corner_stays_where_it_is_on_the_map() {
        let size = Size::new(40, 30);
        let point = GeoTags {
            keys: vec![1, 1, 0, 1, RASTER_TYPE, 0, 1, PIXEL_IS_POINT],
            ..utm()
        };
        let skewed = GeoTags {
            transformation: vec![
                3.0, 1.0, 0.0, 7.0, 2.0, -4.0, 0.0, 9.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0,
            ],
            ..GeoTags::default()
        };
        for (tags, offset) in [(utm(), 0.0), (point, 0.5), (skewed, 0.0)] {
            for text in [
                "grayscale|blur",
                "crop:x=3,y=5,width=20,height=11",
                "resize:width=13,height=50",
                "rotate_90",
                "rotate_180",
                "rotate_270",
                "flip_horizontal",
                "flip_vertical",
                "rotate_by:angle=33.3",
                "rotate_by:angle=-120,size=same",
                "warp:a=0.5,b=0.1,c=3,d=-0.2,e=1.5,f=-2,width=60",
                "rotate_90|crop:x=2,y=3|flip_vertical|resize:width=11|rotate_270",
            ] {
                let recipe: Recipe = text.parse().unwrap();
                let map = recipe.pixel_map(size).unwrap();
                let moved = tags.moved(Some(map));
                let result = recipe.output_size(size).unwrap();
                let (width, height) = (f64::from(result.width), f64::from(result.height));
                for (u, v) in [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)] {
                    let (x, y) = map.at(u, v);
                    let before = place(&tags, x - offset, y - offset);
                    let after = place(&moved, u - offset, v - offset);
                    let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
                    assert!(
                        near(before.0, after.0) && near(before.1, after.1),
                        "{text} ({u}, {v}): {before:?} became {after:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn tie_points_without_a_size_of_pixels_move_with_the_pixels() {
        let tags = GeoTags {
            tie_points: vec![0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 40.0, 30.0, 0.0, 3.0, 4.0, 0.0],
            ..GeoTags::default()
        };
        let map = "rotate_90"
            .parse::<Recipe>()
            .unwrap()
            .pixel_map(Size::new(40, 30));
        let moved = tags.moved(map.ok());
        assert_eq!(
            moved.tie_points,
            [30.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 40.0, 0.0, 3.0, 4.0, 0.0]
        );
    }

    #[test]
    fn without_a_map_nothing_says_where_the_result_lies() {
        let tags = GeoTags { ..utm() };
        let moved = tags.moved(None);
        assert!(!moved.has_place() && moved.keys.is_empty());
    }

    #[test]
    fn statistics_of_other_pixels_are_left_out() {
        let xml = b"<GDALMetadata><Item name=\"STATISTICS_MEAN\" sample=\"0\">9</Item><Item name=\"A\">b</Item></GDALMetadata>";
        assert_eq!(
            without_statistics(xml),
            b"<GDALMetadata><Item name=\"A\">b</Item></GDALMetadata>"
        );
        assert_eq!(without_statistics(b"<Item name=\"STATISTICS_MEAN"), b"");
    }
}
