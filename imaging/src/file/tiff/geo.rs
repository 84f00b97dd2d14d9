//! The tags of GeoTIFF and of GDAL in a directory.

use super::TiffFile;
use crate::file::GeoTags;
use crate::header::tiff::Directory;

/// Their numbers.
pub(super) const PIXEL_SCALE: u16 = 33550;
pub(super) const TIE_POINTS: u16 = 33922;
pub(super) const TRANSFORMATION: u16 = 34264;
pub(super) const KEYS: u16 = 34735;
pub(super) const DOUBLES: u16 = 34736;
pub(super) const ASCII: u16 = 34737;
pub(super) const GDAL_METADATA: u16 = 42112;
pub(super) const XMP: u16 = 700;

/// Numbers in a tag: six for each tie point.
const MAX_NUMBERS: u64 = 6 << 14;

/// Reads them; what is damaged is none. Texts have `most` bytes at most.
pub(super) fn read(file: &mut TiffFile, directory: &Directory, most: usize) -> GeoTags {
    let mut doubles = |tag: u16| directory.doubles(file, tag, MAX_NUMBERS);
    let (pixel_scale, tie_points, transformation, parameters) = (
        doubles(PIXEL_SCALE),
        doubles(TIE_POINTS),
        doubles(TRANSFORMATION),
        doubles(DOUBLES),
    );
    let keys = directory.numbers(file, KEYS, MAX_NUMBERS).unwrap_or_default();
    let mut text = |tag: u16| directory.whole_text(file, tag, most as u64);
    GeoTags {
        pixel_scale,
        tie_points,
        transformation,
        keys: keys.into_iter().map_while(|key| key.try_into().ok()).collect(),
        doubles: parameters,
        ascii: text(ASCII),
        gdal_metadata: text(GDAL_METADATA),
    }
}
