//! A part of an uploaded image, decoded again: what a worker got of it, after the job's scratch is gone.

use azulejo_imaging::Region;
use azulejo_imaging::file::{Decoder, FileError, Limits};

use super::job::JobSpec;

/// Why the part cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum NoRegion {
    /// The file cannot be decoded as far as the part.
    #[error("{0}")]
    File(#[from] FileError),
    /// It is another file, or ends before the part does.
    #[error("{0}")]
    Other(&'static str),
}

/// The pixels of `region` of the uploaded image of `spec`, row-major, in the format of the decoded image. The file is decoded from
/// its beginning in strips, as far as the region goes: that takes time, and memory for a strip and the region.
///
/// # Errors
/// [`NoRegion`].
pub fn decode(spec: &JobSpec, region: Region, limits: &Limits) -> Result<Vec<u8>, NoRegion> {
    let mut decoder = Decoder::open_page(&spec.folder.original(), limits, spec.row.page)?;
    decoder.convert(&spec.recipe)?;
    let info = decoder.info();
    if info.stored_size != spec.row.stored_size || info.format != spec.row.input_format {
        return Err(NoRegion::Other(
            "the uploaded file is not the one that was accepted",
        ));
    }
    if !region.is_within(info.stored_size) {
        return Err(NoRegion::Other("the part is not within the image"));
    }
    let pixel = spec.row.input_format.bytes_per_pixel();
    let (stride, end) = (spec.source_stride(), region.y + region.height);
    let columns = region.x as usize * pixel..(region.x + region.width) as usize * pixel;
    let mut part = Vec::with_capacity(columns.len() * region.height as usize);
    let mut strip = Vec::new();
    let mut next = 0;
    while next < end {
        let Some(span) = decoder.next_rows(&mut strip)? else {
            return Err(NoRegion::Other("the image ends before this part of it"));
        };
        for (y, row) in (span.y..).zip(strip.chunks_exact(stride)) {
            if (region.y..end).contains(&y) {
                part.extend_from_slice(&row[columns.clone()]);
            }
        }
        next = span.y + span.rows;
    }
    Ok(part)
}

#[cfg(test)]
mod tests {
    use azulejo_imaging::file::probe;
    use azulejo_protocol::Timestamp;

    use super::*;
    use crate::engine::settings::Upload;
    use crate::engine::testing;

    #[test]
    fn a_part_has_the_pixels_of_the_whole_and_a_file_that_is_cut_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits::default();
        let file = folder.path().join("a.png");
        let pixels: Vec<u8> = (0..40 * 30 * 3).map(|n: u32| (n * 7 % 251) as u8).collect();
        let mut encoder = png::Encoder::new(std::fs::File::create(&file).unwrap(), 40, 30);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        let info = probe(&file, &limits).unwrap();
        let upload = Upload {
            info,
            ..testing::upload(
                azulejo_imaging::Size::new(40, 30),
                azulejo_imaging::PixelFormat::RGB8,
            )
        };
        let spec = JobSpec::plan(
            &upload,
            "blur",
            &testing::limits(16),
            folder.path(),
            Timestamp::UNIX_EPOCH,
        )
        .unwrap();
        std::fs::create_dir_all(spec.folder.path()).unwrap();
        std::fs::copy(&file, spec.folder.original()).unwrap();
        for region in [
            Region::new(0, 0, 40, 30),
            Region::new(5, 7, 11, 23),
            Region::new(39, 29, 1, 1),
        ] {
            let wanted: Vec<u8> = (region.y..region.y + region.height)
                .flat_map(|y| {
                    let at = (y * 40 + region.x) as usize * 3;
                    pixels[at..at + region.width as usize * 3].to_vec()
                })
                .collect();
            assert!(decode(&spec, region, &limits).unwrap() == wanted, "{region}");
        }
        assert!(decode(&spec, Region::new(30, 0, 11, 1), &limits).is_err());
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(spec.folder.original(), &whole[..whole.len() / 2]).unwrap();
        assert!(decode(&spec, Region::new(0, 0, 40, 30), &limits).is_err());
    }
}
