//! Names of files as clients give them, made harmless, and what results are called. Names are shown, stored, sent back and given to
//! downloads; the server never uses one as a path.

use crate::bounds::cut;

/// Longest name kept, characters.
pub const MAX_CHARACTERS: usize = 200;

/// Longest part of an image's name that its result's name begins with, characters.
const MAX_STEM: usize = 120;
/// Longest name of a result, bytes: file systems take 255, and a number may follow.
const MAX_RESULT_BYTES: usize = 240;
/// Longest extension that is taken for one, characters.
const MAX_EXTENSION: usize = 5;
/// Operations of the recipe that are named.
const NAMED: usize = 3;

/// The last part of `name` without control characters and what is invisible or turns text around, at most
/// [`MAX_CHARACTERS`] long with the extension kept. `image` when nothing is left.
pub fn sanitise(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last
        .chars()
        .filter(|c| !c.is_control() && !is_deceptive(*c))
        .collect();
    let clean = clean.trim().trim_start_matches('.').trim_start();
    if clean.is_empty() {
        "image".to_owned()
    } else {
        shorten(clean)
    }
}

/// Characters that are not seen or that change the direction of what is around them.
fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

fn shorten(name: &str) -> String {
    if name.chars().count() <= MAX_CHARACTERS {
        return name.to_owned();
    }
    let extension = match name.rsplit_once('.') {
        Some((_, extension)) if (1..=10).contains(&extension.chars().count()) => format!(".{extension}"),
        _ => String::new(),
    };
    let stem: String = name
        .chars()
        .take(MAX_CHARACTERS - extension.chars().count())
        .collect();
    stem + &extension
}

/// What the result of `recipe`, in canonical text, on the image called `image` is called: `coast-blur.png` for `coast.jpeg` and
/// `blur:sigma=2`. At most 240 bytes.
pub fn result_filename(image: &str, recipe: &str, extension: &str) -> String {
    let stem = match image.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.chars().count() <= MAX_EXTENSION => stem,
        _ => image,
    };
    let safe = |c: char| {
        if c.is_control() || "/\\:*?\"<>|".contains(c) {
            '_'
        } else {
            c
        }
    };
    let stem: String = stem.chars().map(safe).take(MAX_STEM).collect();
    let stem = match stem.trim() {
        "" => "image",
        stem => stem,
    };
    let operations: Vec<&str> = recipe
        .split('|')
        .filter_map(|step| step.split(':').next())
        .filter(|step| !step.is_empty())
        .collect();
    let mut end = String::new();
    for operation in operations.iter().take(NAMED) {
        end.push('-');
        end.push_str(&operation.replace('_', "-"));
    }
    if operations.len() > NAMED {
        end.push_str("-and-more");
    }
    end.push('.');
    end.push_str(extension);
    let stem = cut(stem, MAX_RESULT_BYTES.saturating_sub(end.len()));
    format!("{stem}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_their_folders() {
        for (given, kept) in [
            ("photo.png", "photo.png"),
            ("../../etc/passwd", "passwd"),
            ("C:\\fakepath\\cat.jpg", "cat.jpg"),
            ("/", "image"),
            ("", "image"),
            ("..", "image"),
            (".png", "png"),
            ("a\0b\r\nc.png", "abc.png"),
            ("\u{202e}gnp.exe", "gnp.exe"),
            ("  Åke & Zoë 風.jpeg ", "Åke & Zoë 風.jpeg"),
        ] {
            assert_eq!(sanitise(given), kept, "{given:?}");
        }
    }

    #[test]
    fn long_names_are_cut_and_keep_their_extension() {
        let name = sanitise(&format!("{}.jpeg", "ä".repeat(500)));
        assert_eq!(name.chars().count(), MAX_CHARACTERS);
        assert!(name.ends_with("ä.jpeg"));
        assert_eq!(sanitise(&"x".repeat(999)).len(), MAX_CHARACTERS);
        assert_eq!(sanitise(&format!("a.{}", "x".repeat(999))).len(), MAX_CHARACTERS);
    }

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
            assert_eq!(result_filename(file, recipe, "png"), name);
        }
    }

    #[test]
    fn the_name_of_a_result_is_never_too_long_for_a_file() {
        for image in [
            "風".repeat(120),
            "👩".repeat(120),
            format!("{}.jpeg", "ä".repeat(195)),
        ] {
            for recipe in ["blur", "edge_detection|flip_horizontal|bilateral|blur"] {
                let name = result_filename(&sanitise(&image), recipe, "webp");
                assert!(
                    name.len() <= MAX_RESULT_BYTES && name.ends_with(".webp"),
                    "{} bytes: {name}",
                    name.len()
                );
            }
        }
    }
}
