//! What a result is called: `coast-blur.png` for `coast.jpeg` and the recipe `blur:sigma=2`. The server names results by the
//! same rules (`server/src/intake/filename.rs`, `server/src/engine/files/kind.rs`); here they give the name before anything is
//! sent, so that a name that is taken is known in time.

/// Longest name of an image, characters.
const MAX_NAME: usize = 200;
/// Longest part of it that the result's name begins with, characters.
const MAX_STEM: usize = 120;
/// Longest extension that is taken for one, characters.
const MAX_EXTENSION: usize = 5;
/// Operations of the recipe that are named.
const NAMED: usize = 3;

/// The name for the result of `recipe`, in canonical text, on the image called `image`. It is a plain file name: no folders,
/// nothing hidden, no control characters.
pub fn result_name(image: &str, recipe: &str, extension: &str) -> String {
    let image = plain(image);
    let stem = match image.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.chars().count() <= MAX_EXTENSION => stem,
        _ => &image,
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
    let mut name = stem.to_owned();
    for operation in operations.iter().take(NAMED) {
        name.push('-');
        name.push_str(&operation.replace('_', "-"));
    }
    if operations.len() > NAMED {
        name.push_str("-and-more");
    }
    format!("{name}.{extension}")
}

/// `name` itself for 1, else with the number before its extension: `coast-blur-2.png`.
pub fn numbered(name: &str, number: u32) -> String {
    if number <= 1 {
        return name.to_owned();
    }
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}-{number}.{extension}"),
        None => format!("{name}-{number}"),
    }
}

/// The last part of a name, without what is not seen or turns text around.
fn plain(name: &str) -> String {
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

fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

fn shorten(name: &str) -> String {
    if name.chars().count() <= MAX_NAME {
        return name.to_owned();
    }
    let extension = match name.rsplit_once('.') {
        Some((_, extension)) if (1..=10).contains(&extension.chars().count()) => format!(".{extension}"),
        _ => String::new(),
    };
    let stem: String = name.chars().take(MAX_NAME - extension.chars().count()).collect();
    stem + &extension
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_was_done_and_stays_in_its_folder() {
        for (image, recipe, name) in [
            ("coast.jpeg", "blur:sigma=2", "coast-blur.png"),
            (
                "a.b.png",
                "edge_detection|sharpen",
                "a.b-edge-detection-sharpen.png",
            ),
            ("x", "blur|blur|blur|blur", "x-blur-blur-blur-and-more.png"),
            ("../../etc/passwd", "blur", "passwd-blur.png"),
            ("C:\\photos\\a.png", "blur", "a-blur.png"),
            (".bashrc", "blur", "bashrc-blur.png"),
            ("a\u{0}b\n.png", "blur", "ab-blur.png"),
            ("\u{202e}gnp.exe", "blur", "gnp-blur.png"),
            ("what?.png", "blur", "what_-blur.png"),
            ("..", "blur", "image-blur.png"),
            ("", "blur", "image-blur.png"),
        ] {
            assert_eq!(result_name(image, recipe, "png"), name, "{image:?}");
        }
        let long = result_name(&format!("{}.png", "é".repeat(400)), "blur", "png");
        assert_eq!(long, format!("{}-blur.png", "é".repeat(MAX_STEM)));
    }

    #[test]
    fn a_number_stands_before_the_extension() {
        assert_eq!(numbered("a-blur.png", 1), "a-blur.png");
        assert_eq!(numbered("a.b-blur.png", 2), "a.b-blur-2.png");
        assert_eq!(numbered("a", 10), "a-10");
    }
}
