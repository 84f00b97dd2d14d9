//! What a result is called before anything is sent, by the server's own rules, so that a name that is taken is known in time.

use azulejo_protocol::filename::{result_filename, sanitise};

/// The name for the result of `recipe`, in canonical text, on the image called `image`. It is a plain file name: no folders,
/// nothing hidden, no control characters.
pub fn result_name(image: &str, recipe: &str, extension: &str) -> String {
    result_filename(&sanitise(image), recipe, extension)
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
        let long = result_name(&format!("{}.png", "e".repeat(400)), "blur", "png");
        assert_eq!(long, format!("{}-blur.png", "e".repeat(120)));
    }

    #[test]
    fn a_name_is_never_too_long_for_a_file() {
        for image in ["風".repeat(85), "👩".repeat(63), format!("e{}", "風".repeat(84))] {
            for recipe in ["blur", "edge_detection|flip_horizontal|bilateral|blur"] {
                let name = numbered(&result_name(&image, recipe, "webp"), u32::MAX);
                assert!(
                    name.len() <= 255 && name.ends_with(".webp"),
                    "{} bytes: {name}",
                    name.len()
                );
                let folder = tempfile::tempdir().unwrap();
                std::fs::write(folder.path().join(name), "").unwrap();
            }
        }
    }

    #[test]
    fn a_number_stands_before_the_extension() {
        assert_eq!(numbered("a-blur.png", 1), "a-blur.png");
        assert_eq!(numbered("a.b-blur.png", 2), "a.b-blur-2.png");
        assert_eq!(numbered("a", 10), "a-10");
    }
}
