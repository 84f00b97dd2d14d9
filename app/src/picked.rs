//! The picture that was chosen in the Studio, before it is uploaded: what its header says, what came of decoding it in this
//! browser, and what the server would say against it.

use azulejo_imaging::header::Header;
use azulejo_imaging::{FileKind, Limits, Orientation, PixelFormat, Size};
use azulejo_protocol::health::IntakeLimits;
use azulejo_protocol::{Job, JobId};

use crate::words;

/// A chosen file.
#[derive(Debug, Clone, PartialEq)]
pub struct Picked {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// What it says of itself, where it does so in the parts of it that are read for that.
    pub header: Option<Header>,
    /// How many pages it has, where it says so. Beside the header, which is that of one page and may not be found.
    pub pages: Option<u32>,
    /// The page of it that is meant, from 1 on, where it is not the one that the file is known by.
    pub page: Option<u32>,
    /// What the preview makes of it.
    pub sight: Sight,
    /// Names of the files that were chosen with it: each becomes a job of its own.
    pub others: Vec<String>,
    /// The job that was made of the same file: the server keeps it, and another job on it needs no upload.
    pub stored: Option<JobId>,
}

/// What the preview makes of a file.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    not(feature = "hydrate"),
    allow(dead_code, reason = "made in the browser only")
)]
pub enum Sight {
    /// It is being decoded.
    Reading,
    /// It is decoded and can be shown.
    Decoded(Decoded),
    /// It cannot be shown; the reason.
    Unseen(String),
}

/// What the decoders found, which are those of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// Kind of file.
    pub kind: FileKind,
    /// The pixels as the pipeline carries them.
    pub format: PixelFormat,
    /// Size of the upright picture, pixels.
    pub size: Size,
}

impl Picked {
    /// The picture of `job`, which the server keeps. What the file itself says is not known yet.
    pub fn of_job(job: &Job) -> Self {
        let header = Header {
            kind: words::file_kind(&job.original_filename),
            // As the pipeline carries it, that is upright.
            stored_size: job.input_size,
            format: job.input_format,
            orientation: Orientation::Upright,
            pages: None,
        };
        Self {
            name: job.original_filename.clone(),
            bytes: job.input_bytes,
            header: Some(header),
            pages: None,
            page: job.page,
            sight: Sight::Reading,
            others: Vec::new(),
            stored: Some(job.job_id),
        }
    }

    /// What was found when it was decoded, once it is.
    pub fn decoded(&self) -> Option<Decoded> {
        match self.sight {
            Sight::Decoded(decoded) => Some(decoded),
            _ => None,
        }
    }

    /// Size of the upright picture, pixels.
    pub fn size(&self) -> Option<Size> {
        let decoded = self.decoded().map(|decoded| decoded.size);
        decoded.or_else(|| self.header.map(|header| header.size()))
    }

    /// The pixels as the pipeline carries them.
    pub fn format(&self) -> Option<PixelFormat> {
        let decoded = self.decoded().map(|decoded| decoded.format);
        decoded.or_else(|| self.header.map(|header| header.format))
    }

    /// The kind of file.
    pub fn kind(&self) -> Option<FileKind> {
        let decoded = self.decoded().map(|decoded| decoded.kind);
        decoded.or_else(|| self.header.map(|header| header.kind))
    }

    /// How many pages there are to choose from, when there is a choice: not among those of several files.
    pub fn choice(&self) -> Option<u32> {
        self.pages.filter(|pages| *pages > 1 && self.others.is_empty())
    }

    /// Means another page of the file; `None` is the one that the file is known by.
    #[cfg_attr(
        not(feature = "hydrate"),
        allow(dead_code, reason = "used in the browser only")
    )]
    pub fn turn_to(&mut self, page: Option<u32>) {
        self.page = page;
        self.sight = Sight::Reading;
        // Another job on the file of a job is on the page of that one unless a page is named.
        if page.is_none() {
            self.stored = None;
        }
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
        if let (Some(size), Some(format), Some(kind)) = (self.size(), self.format(), self.kind()) {
            parts.push(format!("{} × {}", size.width, size.height));
            parts.push(format.label());
            parts.push(kind.label().to_owned());
        }
        parts.push(words::bytes(self.bytes));
        parts.join(" · ")
    }

    /// Why there is no preview, when there is none.
    pub fn without_preview(&self) -> Option<String> {
        match &self.sight {
            Sight::Unseen(why) => Some(format!("No preview. {}", words::sentence(why))),
            _ => None,
        }
    }

    /// Why the server would refuse it by its limits, and what to do. Where the header is not found there is no objection: the server
    /// reads all of the file.
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
        // What only some kinds of files are refused for: they are held in memory as a whole.
        let refused = self.header?.check(&Limits::default()).err()?;
        Some(words::sentence(&refused.to_string()))
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
            kind: FileKind::Png,
            stored_size: Size::new(width, height),
            format: PixelFormat::RGB8,
            orientation: Orientation::Upright,
            pages: Some(1),
        };
        Picked {
            name: "a.png".to_owned(),
            bytes,
            header: Some(header),
            pages: Some(1),
            page: None,
            sight: Sight::Reading,
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
    fn a_file_whose_header_this_page_does_not_read_is_left_to_the_server_until_it_is_decoded() {
        let unknown = Picked {
            header: None,
            ..picked(1, 1, 10)
        };
        assert_eq!(unknown.objection(&LIMITS), None);
        assert_eq!((unknown.size(), unknown.format()), (None, None));
        let too_long = Picked {
            bytes: 2_000_000,
            ..unknown.clone()
        };
        assert!(too_long.objection(&LIMITS).is_some());
        let decoded = Decoded {
            kind: FileKind::Tiff,
            format: PixelFormat::GRAY16,
            size: Size::new(1000, 2000),
        };
        let small = Picked {
            sight: Sight::Decoded(decoded),
            ..unknown
        };
        assert_eq!(small.format(), Some(PixelFormat::GRAY16));
        assert_eq!(small.describe(), "1000 × 2000 · gray 16 bit · TIFF · 10 B");
        let objection = small.objection(&LIMITS);
        assert!(objection.is_some_and(|text| text.contains("at least 1024")));
    }

    #[test]
    fn what_is_held_in_memory_as_a_whole_has_a_limit_of_its_own() {
        let of = |kind| {
            let mut picked = picked(16_000, 16_000, 1000);
            picked.header = picked.header.map(|header| Header { kind, ..header });
            picked.objection(&LIMITS)
        };
        assert_eq!(of(FileKind::Tiff), None);
        let objection = of(FileKind::WebP).unwrap();
        assert!(
            objection
                .starts_with("The image is too large: 16000x16000 pixels; a WebP cannot be read in strips"),
            "{objection}"
        );
    }

    #[test]
    fn a_picture_that_lies_on_its_side_is_measured_upright() {
        let mut picked = picked(3000, 2000, 1000);
        picked.header = picked.header.map(|header| Header {
            orientation: Orientation::Rotate90,
            ..header
        });
        assert_eq!(picked.size(), Some(Size::new(2000, 3000)));
    }

    #[test]
    fn what_was_decoded_counts_more_than_the_header() {
        let decoded = Decoded {
            kind: FileKind::Png,
            format: PixelFormat::RGBA8,
            size: Size::new(3000, 2000),
        };
        let clear = Picked {
            sight: Sight::Decoded(decoded),
            ..picked(3000, 2000, 214_000)
        };
        assert_eq!(clear.format(), Some(PixelFormat::RGBA8));
    }

    #[test]
    fn a_picture_that_is_not_shown_says_why() {
        let picked = picked(8000, 8000, 1000);
        assert_eq!(picked.without_preview(), None);
        let unseen = Picked {
            sight: Sight::Unseen("the image is damaged: it ends in the middle".to_owned()),
            ..picked
        };
        assert_eq!(
            unseen.without_preview().as_deref(),
            Some("No preview. The image is damaged: it ends in the middle.")
        );
    }

    #[test]
    fn a_page_is_chosen_where_there_are_several_of_one_file() {
        let one = picked(3000, 2000, 1000);
        assert_eq!(one.choice(), None);
        let mut several = Picked {
            pages: Some(3),
            stored: Some(JobId(uuid::Uuid::nil())),
            ..one
        };
        assert_eq!(several.choice(), Some(3));
        several.turn_to(Some(2));
        assert_eq!((several.page, several.is_kept()), (Some(2), true));
        // The job that is known may be on page 2.
        several.turn_to(None);
        assert_eq!((several.page, several.is_kept()), (None, false));
        several.others = vec!["b.tif".to_owned()];
        assert_eq!(several.choice(), None);
    }

    #[test]
    fn the_description_is_exact() {
        assert_eq!(
            picked(3000, 2000, 214_000).describe(),
            "3000 × 2000 · RGB 8 bit · PNG · 214 kB"
        );
    }
}
