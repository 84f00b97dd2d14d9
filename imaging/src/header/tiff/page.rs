//! What a page of a TIFF says about its pixels.

use super::ifd::{Directory, TiffFile};
use super::packing::{Around, Codec, Fax};
use super::refused::unsupported;
use crate::header::bytes::ReadAt;
use crate::{FileError, Limits, Size};

/// Tags that are read here and by the decoder.
pub(crate) mod tag {
    pub const SUBFILE: u16 = 254;
    pub const WIDTH: u16 = 256;
    pub const HEIGHT: u16 = 257;
    pub const BITS: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const FILL_ORDER: u16 = 266;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const ORIENTATION: u16 = 274;
    pub const SAMPLES: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_LENGTHS: u16 = 279;
    pub const X_RESOLUTION: u16 = 282;
    pub const Y_RESOLUTION: u16 = 283;
    pub const PLANAR: u16 = 284;
    pub const GROUP3: u16 = 292;
    pub const GROUP4: u16 = 293;
    pub const RESOLUTION_UNIT: u16 = 296;
    pub const PREDICTOR: u16 = 317;
    pub const COLOR_MAP: u16 = 320;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_HEIGHT: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_LENGTHS: u16 = 325;
    pub const SUB_DIRECTORIES: u16 = 330;
    pub const INK_SET: u16 = 332;
    pub const EXTRA: u16 = 338;
    pub const SAMPLE_FORMAT: u16 = 339;
    pub const JPEG_TABLES: u16 = 347;
    pub const YCBCR_COEFFICIENTS: u16 = 529;
    pub const YCBCR_SUBSAMPLING: u16 = 530;
    pub const REFERENCE_BLACK_WHITE: u16 = 532;
    pub const ICC: u16 = 34675;
    /// Of LERC: its version, and what its data is packed with once more.
    pub const LERC: u16 = 50674;
    /// Of GDAL, ASCII: the number that stands for no data, in decimals.
    pub const GDAL_NODATA: u16 = 42113;
}

/// What samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    Unsigned,
    Signed,
    Float,
}

/// What the samples of a chunk are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Samples of a pixel.
    pub samples: usize,
    /// Bits of each.
    pub bits: u32,
    pub numbers: Numbers,
}

/// How the pixels of a page lie.
pub(crate) struct Page {
    pub size: Size,
    /// Bits of a sample, the same for all.
    pub bits: u32,
    pub numbers: Numbers,
    /// Samples of a pixel.
    pub samples: usize,
    /// Whether each sample has strips or tiles of its own.
    pub planar: bool,
    pub photometric: u64,
    /// What the samples beyond the colours are: 1 and 2 are alpha. `None` where nothing is said.
    pub extra: Option<Vec<u64>>,
    pub codec: Codec,
    pub predictor: u64,
    /// Whether the lower bits of a byte come first.
    pub reversed: bool,
    pub tiled: bool,
    pub chunk: Size,
    /// Pixels that share a pair of colour differences, across and down, where they are stored together.
    pub subsampling: Option<(u32, u32)>,
    pub is_jpeg_ycbcr: bool,
}

/// Samples of a pixel.
const MAX_SAMPLES: u64 = 4096;
/// Samples of an image, for each pixel that is allowed: what a file of little bytes may make its reader do.
const MAX_SAMPLES_A_PIXEL: u64 = 16;
/// Bytes of a row with all its planes, where strips are read in parts.
const MAX_ROW: u64 = 1 << 28;

impl Page {
    /// Finds out, and refuses what is not read.
    pub(crate) fn of(
        file: &mut TiffFile<impl ReadAt>,
        directory: &Directory,
        limits: &Limits,
    ) -> Result<Self, FileError> {
        let mut one = |tag: u16, otherwise: u64| -> Result<u64, FileError> {
            Ok(directory.number(file, tag)?.unwrap_or(otherwise))
        };
        let side = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        let size = Size::new(side(one(tag::WIDTH, 0)?), side(one(tag::HEIGHT, 0)?));
        limits.check_size(size)?;
        let samples = one(tag::SAMPLES, 1)?;
        let compression = one(tag::COMPRESSION, 1)?;
        let planar = one(tag::PLANAR, 1)? == 2 && samples > 1;
        let is_fax = matches!(compression, 2..=4);
        let guess = match samples {
            0..3 => u64::from(!is_fax),
            _ => 2,
        };
        let photometric = one(tag::PHOTOMETRIC, guess)?;
        let predictor = one(tag::PREDICTOR, 1)?;
        let reversed = one(tag::FILL_ORDER, 1)? == 2;
        let (group3, group4) = (one(tag::GROUP3, 0)?, one(tag::GROUP4, 0)?);
        let ink_set = one(tag::INK_SET, 1)?;
        let tiled = directory.has(tag::TILE_WIDTH) && directory.has(tag::TILE_HEIGHT);
        let chunk = if tiled {
            Size::new(side(one(tag::TILE_WIDTH, 0)?), side(one(tag::TILE_HEIGHT, 0)?))
        } else {
            // A strip may claim to be taller than the image; a tile at the edge is stored in full.
            let rows = side(one(tag::ROWS_PER_STRIP, u64::from(u32::MAX))?);
            Size::new(size.width, rows.min(size.height))
        };
        if chunk.is_empty() {
            return Err(FileError::damaged("its strips or tiles are empty"));
        }
        if !(1..=MAX_SAMPLES).contains(&samples) {
            return Err(FileError::damaged(format!("it has {samples} samples a pixel")));
        }
        let most = limits.max_pixels.saturating_mul(MAX_SAMPLES_A_PIXEL);
        if size.pixels().saturating_mul(samples) > most {
            return Err(FileError::too_large(format!(
                "{size} pixels of {samples} samples; {most} samples are allowed"
            )));
        }
        let codec = match Codec::of(compression)? {
            Codec::Fax(_)
                if (compression == 3 && group3 & 2 != 0) || (compression == 4 && group4 & 2 != 0) =>
            {
                return Err(unsupported(
                    "its scan has parts that are not coded (CCITT uncompressed mode)",
                ));
            }
            Codec::Fax(Fax::Group3 { .. }) => Codec::Fax(Fax::Group3 {
                differences: group3 & 1 != 0,
            }),
            Codec::Jpeg { .. } => Codec::Jpeg {
                tables: None,
                converts: photometric == 6 && !planar,
            },
            Codec::Jpeg2000 { converts } => Codec::Jpeg2000 {
                converts: (converts || photometric == 6) && !planar && samples == 3,
            },
            Codec::Lerc(_) => {
                let parameters = directory.numbers(file, tag::LERC, 2)?;
                let around = Around::of(parameters.get(1).copied());
                Codec::Lerc(around.ok_or_else(|| unsupported("its LERC is packed with something unknown"))?)
            }
            codec => codec,
        };
        if photometric == 5 && ink_set != 1 {
            return Err(unsupported("its inks are not cyan, magenta, yellow and black"));
        }
        let is_log = matches!(codec, Codec::LogLuv);
        if is_log != matches!(photometric, 32844 | 32845) || (is_log && planar) {
            return Err(unsupported(
                "its logarithms of light are packed otherwise than SGI packs them",
            ));
        }
        // Unpacked they are other numbers than the file says.
        let samples = match photometric {
            32844 => 1,
            32845 => 3,
            _ => samples,
        };
        let (bits, numbers) = if is_log {
            (32, Numbers::Float)
        } else {
            sample_kind(file, directory, samples)?
        };
        let is_jpeg = matches!(codec, Codec::Jpeg { .. });
        if (is_jpeg || matches!(codec, Codec::WebP)) && bits != 8 {
            return Err(unsupported(&format!(
                "it is packed as a picture of {bits} bits in a sample"
            )));
        }
        if matches!(codec, Codec::Jpeg2000 { .. })
            && (!matches!(bits, 8 | 16) || numbers != Numbers::Unsigned)
        {
            return Err(unsupported(
                "it is packed with JPEG 2000 of other than 8 or 16 bits",
            ));
        }
        if is_fax && (bits != 1 || (samples != 1 && !planar)) {
            return Err(FileError::damaged("a scan of it has more than a bit a pixel"));
        }
        let is_jpeg_ycbcr = codec.is_picture() && photometric == 6 && !planar;
        let subsampling = subsampling(file, directory, photometric, planar, is_jpeg_ycbcr)?;
        let extra = directory
            .has(tag::EXTRA)
            .then(|| directory.numbers(file, tag::EXTRA, samples))
            .transpose()?;
        let predictor = if codec.has_predictor() { predictor } else { 1 };
        match predictor {
            1 => {}
            2 if matches!(bits, 8 | 16 | 32 | 64) && subsampling.is_none() => {}
            3 if matches!(bits, 16 | 24 | 32 | 64) && numbers == Numbers::Float => {}
            _ => {
                return Err(unsupported(&format!(
                    "its predictor {predictor} does not go with {bits} bits in a sample"
                )));
            }
        }
        let page = Self {
            size,
            bits,
            numbers,
            samples: samples as usize,
            planar,
            photometric,
            extra,
            codec,
            predictor,
            reversed,
            tiled,
            chunk,
            subsampling,
            is_jpeg_ycbcr,
        };
        // A row of tiles or a strip is held in memory; strips that are not packed are cut.
        if !page.is_cut() {
            let held = Size::new(size.width.max(chunk.width), chunk.height);
            limits.check_unstreamed(held, "a TIFF whose strips or tiles are this large")?;
            let bytes = held
                .pixels()
                .saturating_mul(samples * u64::from(bits.div_ceil(8)));
            let most = limits.max_unstreamed_pixels.saturating_mul(8);
            if bytes > most {
                return Err(FileError::too_large(format!(
                    "a strip or a row of tiles of it has {bytes} bytes; {most} are allowed"
                )));
            }
        } else if page.stored_bytes(1).saturating_mul(page.planes() as u64) > MAX_ROW {
            return Err(FileError::too_large(format!(
                "a row of it has more than {MAX_ROW} bytes"
            )));
        }
        Ok(page)
    }

    /// Whether strips can be read in parts.
    pub(crate) fn is_cut(&self) -> bool {
        !self.tiled && matches!(self.codec, Codec::None) && self.subsampling.is_none()
    }

    /// Chunks that lie over each other: one for each sample, or one for all.
    pub(crate) fn planes(&self) -> usize {
        if self.planar { self.samples } else { 1 }
    }

    /// What the samples of a chunk are.
    pub(crate) fn stored(&self) -> Stored {
        Stored {
            samples: self.chunk_samples(),
            bits: self.bits,
            numbers: self.numbers,
        }
    }

    /// Samples of a pixel of a chunk.
    pub(crate) fn chunk_samples(&self) -> usize {
        if self.planar { 1 } else { self.samples }
    }

    /// Bytes of that many rows of a chunk as they are stored.
    pub(crate) fn stored_bytes(&self, rows: u32) -> u64 {
        let width = u64::from(self.chunk.width);
        if let Some((across, down)) = self.subsampling {
            let units = width.div_ceil(across.into()) * u64::from(rows.div_ceil(down));
            return units * u64::from(across * down + 2);
        }
        let bits = width * self.chunk_samples() as u64 * u64::from(self.bits);
        bits.div_ceil(8) * u64::from(rows)
    }
}

/// Bits and kind of the samples, which have to be alike.
fn sample_kind(
    file: &mut TiffFile<impl ReadAt>,
    directory: &Directory,
    samples: u64,
) -> Result<(u32, Numbers), FileError> {
    let alike = |values: &[u64]| values.windows(2).all(|pair| pair[0] == pair[1]);
    let bits = directory.numbers(file, tag::BITS, samples)?;
    let formats = directory.numbers(file, tag::SAMPLE_FORMAT, samples)?;
    if !alike(&bits) || !alike(&formats) {
        return Err(unsupported("its samples are not all alike"));
    }
    let bits = bits.first().copied().unwrap_or(1);
    // What is undefined is to be taken as whole numbers.
    let numbers = match formats.first().copied().unwrap_or(1) {
        1 | 4 => Numbers::Unsigned,
        2 => Numbers::Signed,
        3 => Numbers::Float,
        5 | 6 => return Err(unsupported("its samples are complex numbers")),
        other => return Err(unsupported(&format!("its samples are of format {other}"))),
    };
    let read = match numbers {
        Numbers::Unsigned => matches!(bits, 1..=16 | 24 | 32 | 64),
        Numbers::Signed => matches!(bits, 8 | 16 | 32 | 64),
        Numbers::Float => matches!(bits, 16 | 24 | 32 | 64),
    };
    if read {
        return Ok((bits as u32, numbers));
    }
    let kind = match numbers {
        Numbers::Unsigned => "",
        Numbers::Signed => "signed ",
        Numbers::Float => "floating-point ",
    };
    Err(unsupported(&format!("it has {kind}samples of {bits} bits")))
}

/// What YCbCr that is not packed as JPEG shares.
fn subsampling(
    file: &mut TiffFile<impl ReadAt>,
    directory: &Directory,
    photometric: u64,
    planar: bool,
    is_jpeg: bool,
) -> Result<Option<(u32, u32)>, FileError> {
    if photometric != 6 || is_jpeg {
        return Ok(None);
    }
    let (across, down) = match directory.numbers(file, tag::YCBCR_SUBSAMPLING, 2)?[..] {
        [across, down] => (across, down),
        _ => (2, 2),
    };
    match (across, down) {
        (1, 1) => Ok(None),
        (1 | 2 | 4, 1 | 2 | 4) if !planar => Ok(Some((across as u32, down as u32))),
        (1 | 2 | 4, 1 | 2 | 4) => Err(unsupported(
            "its colour differences are stored apart, in other sizes",
        )),
        _ => Err(FileError::damaged(format!(
            "its colours are shared by {across}x{down} pixels"
        ))),
    }
}
