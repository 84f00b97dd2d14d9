//! File names as clients give them, made harmless: they are shown, stored and sent back, never used as a path.

/// Longest name kept, characters.
pub const MAX_CHARACTERS: usize = 200;

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
}
