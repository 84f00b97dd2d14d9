//! The picture that was chosen in the Studio, before it is uploaded: what its header says, and what the server would
//! say against it.

use azulejo_imaging::{Depth, PixelFormat, Size};
use azulejo_protocol::health::IntakeLimits;
use azulejo_protocol::{Job, JobId};

use crate::header::Header;
use crate::words;

/// Beyond so many pixels a picture is not decoded in the browser.
pub const MOST_PREVIEWED: u64 = 80_000_000;

/// A chosen file.
#[derive(Debug, Clone, PartialEq)]
pub struct Picked {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// What its first bytes say, if this page can read them: it knows PNG, and JPEG whose size is near the beginning.
    pub header: Option<Header>,
    /// Address under which the browser shows it.
    pub url: String,
    /// Names of the files that were chosen with it: each becomes a job of its own.
    pub others: Vec<String>,
    /// The job that was made of the same file: the server keeps it, and another job on it needs no upload.
    pub stored: Option<JobId>,
}

impl Picked {
    /// The picture of `job`, which the server keeps. What the file itself says is not known yet.
    pub fn of_job(job: &Job) -> Self {
        let PixelFormat { channels, depth } = job.input_format;
        let header = Header {
            format: words::file_kind(&job.original_filename),
            // As the pipeline carries it, that is upright.
            width: job.input_size.width,
            height: job.input_size.height,
            is_turned: false,
            channels: channels.count() as u8,
            depth: if depth == Depth::Sixteen { 16 } else { 8 },
            has_transparency: channels.has_alpha(),
        };
        Self {
            name: job.original_filename.clone(),
            bytes: job.input_bytes,
            header: Some(header),
            url: format!("/job/{}/original", job.job_id),
            others: Vec::new(),
            stored: Some(job.job_id),
        }
    }

    /// Size of the upright picture, pixels.
    pub fn size(&self) -> Option<Size> {
        self.header.map(Header::size)
    }

    /// Whether a browser decodes it to the very pixels that the server reads, and a canvas gives them back: 8-bit PNG without
    /// alpha. JPEG decoders differ by a level here and there, and a canvas has neither 16 bits nor colours under alpha.
    #[cfg_attr(
        not(feature = "hydrate"),
        allow(dead_code, reason = "used in the browser only")
    )]
    pub fn is_exact(&self) -> bool {
        self.header.is_some_and(|header| {
            header.format == "PNG"
                && header.depth == 8
                && matches!(header.channels, 1 | 3)
                && !header.has_transparency
        })
    }

    /// Whether the server has the file already.
    pub fn is_kept(&self) -> bool {
        self.stored.is_some() && self.others.is_empty()
    }

    /// The other files in words, when there are some.
    pub fn others(&self) -> Option<String> {
        match &self.others[..] {
            [] => None,
            [one] => Some(format!(
                "and {one}: each becomes a job of its own, with the same recipe"
            )),
            [first, rest @ ..] => Some(format!(
                "and {first} and {} more: each becomes a job of its own, with the same recipe",
                rest.len()
            )),
        }
    }

    /// `3000 × 2000 · RGB 8 bit · JPEG · 2.1 MB`.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        if let Some(header) = self.header {
            let size = header.size();
            parts.push(format!("{} × {}", size.width, size.height));
            parts.push(header.pixels());
            parts.push(header.format.to_owned());
        }
        parts.push(words::bytes(self.bytes));
        parts.join(" · ")
    }

    /// Whether the browser can be asked to decode it.
    pub fn is_previewed(&self) -> bool {
        self.size().is_some_and(|size| size.pixels() <= MOST_PREVIEWED)
    }

    /// Why there is no preview, when there is none.
    pub fn without_preview(&self) -> Option<String> {
        match self.size() {
            None => Some(
                "No preview: this page does not find the picture's size in the file's beginning. The server reads the \
                 whole file and takes PNG, JPEG, TIFF and WebP."
                    .to_owned(),
            ),
            Some(_) if !self.is_previewed() => Some(format!(
                "No preview: this picture has more than {} megapixels. The server takes it all the same.",
                MOST_PREVIEWED / 1_000_000
            )),
            Some(_) => None,
        }
    }

    /// Why the server would refuse it, and what to do. Where the header is not read there is no objection: the server
    /// knows more formats than this page.
    pub fn objection(&self, limits: &IntakeLimits) -> Option<String> {
        if self.bytes > limits.max_bytes {
            return Some(format!(
                "This file has {}. The server takes up to {}.",
                words::bytes(self.bytes),
                words::bytes(limits.max_bytes)
            ));
        }
        let Size { width, height } = self.size()?;
        let (short, long) = (width.min(height), width.max(height));
        if short < limits.min_side {
            return Some(format!(
                "This picture is {width} × {height}. Each side must have at least {} pixels.",
                limits.min_side
            ));
        }
        if long > limits.max_side {
            return Some(format!(
                "This picture is {width} × {height}. A side may have at most {} pixels.",
                limits.max_side
            ));
        }
        if u64::from(width) * u64::from(height) > limits.max_pixels {
            let megapixels = |pixels: u64| pixels / 1_000_000;
            return Some(format!(
                "This picture has {} megapixels. The server takes up to {}.",
                megapixels(u64::from(width) * u64::from(height)),
                megapixels(limits.max_pixels)
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: IntakeLimits = IntakeLimits {
        min_side: 1024,
        max_side: 50_000,
        max_pixels: 1_000_000_000,
        max_bytes: 1_000_000,
        tile_size: 512,
        max_record_bytes: 10 << 20,
    };

    fn picked(width: u32, height: u32, bytes: u64) -> Picked {
        let header = Header {
            format: "PNG",
            width,
            height,
            channels: 3,
            depth: 8,
            has_transparency: false,
            is_turned: false,
        };
        Picked {
            name: "a.png".to_owned(),
            bytes,
            header: Some(header),
            url: String::new(),
            others: Vec::new(),
            stored: None,
        }
    }

    #[test]
    fn what_the_server_would_refuse_is_said_before_the_upload() {
        assert_eq!(picked(1024, 1024, 1000).objection(&LIMITS), None);
        assert!(
            picked(1023, 4000, 1000)
                .objection(&LIMITS)
                .is_some_and(|text| text.contains("at least 1024"))
        );
        assert!(
            picked(60_000, 1024, 1000)
                .objection(&LIMITS)
                .is_some_and(|text| text.contains("at most 50000"))
        );
        assert!(
            picked(50_000, 50_000, 1000)
                .objection(&LIMITS)
                .is_some_and(|text| text.contains("2500 megapixels"))
        );
        assert!(
            picked(2000, 2000, 2_000_000)
                .objection(&LIMITS)
                .is_some_and(|text| text.contains("2.0 MB"))
        );
    }

    #[test]
    fn a_file_whose_header_this_page_does_not_read_is_left_to_the_server() {
        let unknown = Picked {
            header: None,
            ..picked(1, 1, 10)
        };
        assert_eq!(unknown.objection(&LIMITS), None);
        assert!(!unknown.is_previewed());
        assert!(
            unknown
                .without_preview()
                .is_some_and(|text| text.contains("TIFF"))
        );
        let too_long = Picked {
            bytes: 2_000_000,
            ..unknown
        };
        assert!(too_long.objection(&LIMITS).is_some());
    }

    #[test]
    fn only_what_a_browser_decodes_exactly_counts_as_exact() {
        let exact = picked(2000, 1000, 10);
        assert!(exact.is_exact());
        let with = |change: fn(&mut Header)| {
            let mut other = exact.clone();
            other.header.iter_mut().for_each(change);
            other.is_exact()
        };
        assert!(!with(|header| header.format = "JPEG"));
        assert!(!with(|header| header.depth = 16));
        assert!(!with(|header| header.channels = 4));
        assert!(!with(|header| header.has_transparency = true));
    }

    #[test]
    fn a_picture_that_is_not_previewed_says_why() {
        assert_eq!(picked(8000, 8000, 1000).without_preview(), None);
        assert!(
            picked(10_000, 8001, 1000)
                .without_preview()
                .is_some_and(|text| text.contains("80 megapixels"))
        );
    }

    #[test]
    fn the_description_is_exact() {
        assert_eq!(
            picked(3000, 2000, 214_000).describe(),
            "3000 × 2000 · RGB 8 bit · PNG · 214 kB"
        );
    }
}
