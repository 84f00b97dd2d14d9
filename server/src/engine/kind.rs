//! Which kind of file a result gets, and what it is called.

use azulejo_imaging::file::{FileKind, Limits};
use azulejo_imaging::{PixelFormat, Size};
use azulejo_protocol::health::IntakeLimits;

/// The kind that a result gets: the input's where that can hold it, else PNG.
pub fn result_kind(input: FileKind, size: Size, format: PixelFormat) -> FileKind {
    match input {
        FileKind::Png | FileKind::Jpeg if input.check(size, format).is_ok() => input,
        _ => FileKind::Png,
    }
}

/// The kind that the database names.
///
/// # Errors
/// A sentence, when this version has none.
pub fn of_name(text: &str) -> Result<FileKind, String> {
    FileKind::from_name(text).ok_or_else(|| format!("this version does not know files of kind '{text}'"))
}

/// The imaging crate's limits for ours.
pub fn limits(limits: &IntakeLimits) -> Limits {
    Limits {
        max_bytes: limits.max_bytes,
        max_side: limits.max_side,
        max_pixels: limits.max_pixels,
        ..Limits::default()
    }
}

/// `coast-blur.png` for `coast.jpeg` and the recipe `blur:sigma=2`: the stem, the names of the operations, the extension of the
/// result.
pub fn result_filename(filename: &str, recipe: &str, kind: FileKind) -> String {
    let stem = match filename.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.chars().count() <= 5 => stem,
        _ => filename,
    };
    let safe = |c: char| {
        if c.is_control() || "/\\:*?\"<>|".contains(c) {
            '_'
        } else {
            c
        }
    };
    let stem: String = stem.chars().map(safe).take(120).collect();
    let stem = if stem.trim().is_empty() {
        "image"
    } else {
        stem.trim()
    };
    let operations: Vec<&str> = recipe
        .split('|')
        .filter_map(|step| step.split(':').next())
        .filter(|step| !step.is_empty())
        .collect();
    let mut name = stem.to_owned();
    for operation in operations.iter().take(3) {
        name.push('-');
        name.push_str(&operation.replace('_', "-"));
    }
    if operations.len() > 3 {
        name.push_str("-and-more");
    }
    format!("{name}.{}", kind.extension())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_names_tell_what_was_done() {
        for (file, recipe, name) in [
            ("coast.jpeg", "blur:sigma=2", "coast-blur.png"),
            (
                "a.b.png",
                "edge_detection|sharpen",
                "a.b-edge-detection-sharpen.png",
            ),
            ("noextension", "grayscale", "noextension-grayscale.png"),
            (".png", "grayscale", ".png-grayscale.png"),
            (
                "x/../\"y\".png",
                "blur|blur|blur|blur",
                "x_.._\"y\"-blur-blur-blur-and-more.png",
            ),
            ("", "grayscale", "image-grayscale.png"),
        ] {
            let name = name.replace('"', "_");
            assert_eq!(result_filename(file, recipe, FileKind::Png), name);
        }
    }
}
