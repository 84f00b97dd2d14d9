//! Letters: their bytes stay, the texts that are hostile do no harm, and FreeType (by Pillow) draws the same letters.

#[path = "common/python.rs"]
mod python;

use std::fs;
use std::path::Path;
use std::process::Command;

use azulejo_imaging::{PixelFormat, Raster, Recipe, Size, apply};
use sha2::{Digest, Sha256};

/// The coverage of a text, of 255: white over black.
fn coverage(text: &str, at: &str, size: u32, picture: Size) -> Raster {
    let recipe = format!("watermark:text={text},at={at},size={size},opacity=100,margin=40");
    let black = Raster::new(picture, PixelFormat::GRAY8).unwrap();
    apply(&recipe.parse().unwrap(), &black).unwrap()
}

/// On every machine and with every version of the crates that draw. Where the font or these change on purpose, results change, too, and
/// so do the hashes.
#[test]
fn the_bytes_of_letters_stay() {
    for (text, size, hash) in [
        ("Azulejo", 32, "702c33ed076c8e30"),
        (
            "The quick brown fox jumps over the lazy dog",
            19,
            "6c1e23d9e1e5b0a8",
        ),
        ("«Zażółć gęślą jaźń» — ©2026 №7 → €5", 57, "e8bbe151f710e030"),
        (
            "Съешь ещё этих мягких французских булок · Ξεσκεπάζω",
            8,
            "05fb697d2262d2f9",
        ),
        ("@&§ßJQ", 200, "e642d8d89346965a"),
    ] {
        let digest = Sha256::digest(coverage(text, "top_left", size, Size::new(900, 300)).bytes());
        let found: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, hash, "{text} of {size}");
    }
}

#[test]
fn texts_of_any_size_are_drawn_on_pictures_of_any_size() {
    let wide = "—W‱".repeat(66);
    for size in [8, 511, 512] {
        for picture in [Size::new(1, 1), Size::new(3, 700), Size::new(2000, 2)] {
            for at in ["bottom_right", "bottom_left", "top_left", "top_right", "centre"] {
                for margin in [0, 10_000] {
                    let recipe = format!("watermark:text={wide},at={at},size={size},margin={margin}");
                    let black = Raster::new(picture, PixelFormat::RGBA16).unwrap();
                    let drawn = apply(&recipe.parse().unwrap(), &black).unwrap();
                    assert_eq!(drawn.size(), picture);
                    let is_seen = at == "centre" || margin == 0;
                    assert!(is_seen || drawn == black, "{recipe} on {picture}");
                }
            }
        }
    }
}

#[test]
fn what_the_font_cannot_draw_is_refused_by_name() {
    for (text, name) in [
        ("漢字", "U+6F22"),
        ("e\u{301}", "U+0301"),
        ("a\u{200b}b", "U+200B"),
        ("\u{202e}txet", "U+202E"),
        ("שלום", "U+05E9"),
        ("a%0Ab", "U+000A"),
        ("%00", "U+0000"),
    ] {
        let error = format!("watermark:text={text}").parse::<Recipe>().unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// FreeType moves outlines a little towards whole pixels (its automatic hinting), so letters are large here.
#[test]
fn letters_are_those_of_freetype() {
    let Some(python) = python::python("letters beside FreeType's") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let picture = Size::new(700, 600);
    let letters = ["A", "g", "@", "Ж", "Ω", "ß", "€", "→", "Å"];
    for (index, letter) in letters.iter().enumerate() {
        let drawn = coverage(letter, "top_left", 400, picture);
        fs::write(folder.path().join(format!("{index}.raw")), drawn.bytes()).unwrap();
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(python)
        .arg(here.join("tests/judge/lettering.py"))
        .arg(here.join("fonts/dejavu-sans.ttf"))
        .arg(folder.path())
        .args(letters)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let shares: Vec<f64> = told.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(shares.len(), letters.len());
    for (letter, share) in letters.iter().zip(shares) {
        assert!(share < 0.06, "{letter}: {share} of its ink is elsewhere");
    }
}
