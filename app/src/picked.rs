//! The picture that was chosen in the Studio, before it is uploaded: what its header says, and what the server would
//! say against it.

use azulejo_imaging::Size;
use azulejo_protocol::health::IntakeLimits;

use crate::header::Header;
use crate::words;

/// A chosen file.
#[derive(Debug, Clone, PartialEq)]
pub struct Picked {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// What its first bytes say, if they are those of a PNG or JPEG.
    pub header: Option<Header>,
    /// Address under which the browser shows it.
    pub url: String,
}

impl Picked {
    /// Size in pixels as stored.
    pub fn size(&self) -> Option<Size> {
        self.header.map(|header| Size::new(header.width, header.height))
    }

    /// `3000 × 2000 · RGB 8 bit · JPEG · 2.1 MB`.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        if let Some(header) = self.header {
            parts.push(format!("{} × {}", header.width, header.height));
            parts.push(header.pixels());
            parts.push(header.format.to_owned());
        }
        parts.push(words::bytes(self.bytes));
        parts.join(" · ")
    }

    /// Why the server would refuse it, and what to do.
    pub fn objection(&self, limits: &IntakeLimits) -> Option<String> {
        if self.bytes > limits.max_bytes {
            return Some(format!(
                "This file has {}. The server takes up to {}.",
                words::bytes(self.bytes),
                words::bytes(limits.max_bytes)
            ));
        }
        let Some(Size { width, height }) = self.size() else {
            return Some(
                "This is neither a PNG nor a JPEG file. Save the picture as one of these.".to_owned(),
            );
        };
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
    };

    fn picked(width: u32, height: u32, bytes: u64) -> Picked {
        let header = Header {
            format: "PNG",
            width,
            height,
            channels: 3,
            depth: 8,
        };
        Picked {
            name: "a.png".to_owned(),
            bytes,
            header: Some(header),
            url: String::new(),
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
        let unknown = Picked {
            header: None,
            ..picked(1, 1, 10)
        };
        assert!(
            unknown
                .objection(&LIMITS)
                .is_some_and(|text| text.contains("neither"))
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
