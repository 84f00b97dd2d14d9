//! What kind of file a result is to be, as the Studio offers it and as it is sent: the `format` of `POST /process`.

use azulejo_imaging::FileKind;

/// JPEG quality unless another is chosen.
pub const QUALITY: u8 = 90;

/// The kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResultFile {
    /// That of the picture, or PNG where that cannot hold the result.
    #[default]
    AsPicture,
    /// PNG.
    Png,
    /// JPEG of this quality, 1 to 100.
    Jpeg(u8),
    /// TIFF.
    Tiff,
    /// WebP, without loss.
    WebP,
}

impl ResultFile {
    /// All of them, JPEG in its usual quality.
    pub const ALL: [Self; 5] = [
        Self::AsPicture,
        Self::Png,
        Self::Jpeg(QUALITY),
        Self::Tiff,
        Self::WebP,
    ];

    /// The kind, where one is chosen.
    pub const fn kind(self) -> Option<FileKind> {
        match self {
            Self::AsPicture => None,
            Self::Png => Some(FileKind::Png),
            Self::Jpeg(_) => Some(FileKind::Jpeg),
            Self::Tiff => Some(FileKind::Tiff),
            Self::WebP => Some(FileKind::WebP),
        }
    }

    /// The name without the quality: empty, `png`, `jpeg`, `tiff`, `webp`.
    pub const fn name(self) -> &'static str {
        match self.kind() {
            Some(kind) => kind.name(),
            None => "",
        }
    }

    /// The name for people.
    pub const fn label(self) -> &'static str {
        match self.kind() {
            Some(kind) => kind.label(),
            None => "as the picture",
        }
    }

    /// As it is sent: `jpeg:quality=80`; a JPEG of the usual quality is `jpeg`.
    pub fn text(self) -> String {
        match self {
            Self::Jpeg(quality) if quality != QUALITY => format!("jpeg:quality={quality}"),
            other => other.name().to_owned(),
        }
    }

    /// From such a text; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, quality) = match text.split_once(":quality=") {
            Some((name, quality)) => (name, Some(quality.parse::<u8>().ok()?)),
            None => (text, None),
        };
        match (name, quality) {
            ("jpeg", Some(quality @ 1..=100)) => Some(Self::Jpeg(quality)),
            (name, None) => Self::ALL.into_iter().find(|kind| kind.name() == name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_are_written() {
        let more = [ResultFile::Jpeg(1), ResultFile::Jpeg(100)];
        for kind in ResultFile::ALL.into_iter().chain(more) {
            assert_eq!(ResultFile::parse(&kind.text()), Some(kind));
        }
        for text in [
            "gif",
            "jpeg:quality=0",
            "jpeg:quality=101",
            "jpeg:quality=",
            "png:quality=9",
            "PNG",
        ] {
            assert_eq!(ResultFile::parse(text), None, "{text}");
        }
    }
}
