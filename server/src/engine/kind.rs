//! Kinds of image files: names, types, and which one a result gets.

use azulejo_imaging::file::{FileKind, Limits};
use azulejo_protocol::health::IntakeLimits;

/// The kind that a result gets: the input's.
pub fn result_kind(input: FileKind) -> FileKind {
    input
}

/// The name that the database keeps.
pub fn name(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Png => "png",
        FileKind::Jpeg => "jpeg",
    }
}

/// The kind with that name.
///
/// # Errors
/// A sentence, when this version has none.
pub fn of_name(text: &str) -> Result<FileKind, String> {
    [FileKind::Png, FileKind::Jpeg]
        .into_iter()
        .find(|kind| name(*kind) == text)
        .ok_or_else(|| format!("this version does not know files of kind '{text}'"))
}

/// The usual extension.
pub fn extension(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Png => "png",
        FileKind::Jpeg => "jpg",
    }
}

/// What HTTP calls it.
pub fn mime(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Png => "image/png",
        FileKind::Jpeg => "image/jpeg",
    }
}

/// The imaging crate's limits for ours.
pub fn limits(limits: &IntakeLimits) -> Limits {
    Limits { max_side: limits.max_side, max_pixels: limits.max_pixels, ..Limits::default() }
}

/// `coast-blur.png` for `coast.jpeg` and the recipe `blur:sigma=2`: the stem, the names of the operations, the extension of the
/// result.
pub fn result_filename(filename: &str, recipe: &str, kind: FileKind) -> String {
    let stem = match filename.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.chars().count() <= 5 => stem,
        _ => filename,
    };
    let safe = |c: char| if c.is_control() || "/\\:*?\"<>|".contains(c) { '_' } else { c };
    let stem: String = stem.chars().map(safe).take(120).collect();
    let stem = if stem.trim().is_empty() { "image" } else { stem.trim() };
    let operations: Vec<&str> =
        recipe.split('|').filter_map(|step| step.split(':').next()).filter(|step| !step.is_empty()).collect();
    let mut name = stem.to_owned();
    for operation in operations.iter().take(3) {
        name.push('-');
        name.push_str(&operation.replace('_', "-"));
    }
    if operations.len() > 3 {
        name.push_str("-and-more");
    }
    format!("{name}.{}", extension(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_names_tell_what_was_done() {
        for (file, recipe, name) in [
            ("coast.jpeg", "blur:sigma=2", "coast-blur.png"),
            ("a.b.png", "edge_detection|sharpen", "a.b-edge-detection-sharpen.png"),
            ("noextension", "grayscale", "noextension-grayscale.png"),
            (".png", "grayscale", ".png-grayscale.png"),
            ("x/../\"y\".png", "blur|blur|blur|blur", "x_.._\"y\"-blur-blur-blur-and-more.png"),
            ("", "grayscale", "image-grayscale.png"),
        ] {
            let name = name.replace('"', "_");
            assert_eq!(result_filename(file, recipe, FileKind::Png), name);
        }
    }
}
