//! Any text is a recipe or an error, and a recipe's canonical text gives the same recipe.
#![no_main]

use azulejo_imaging::{Recipe, Size};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(recipe) = text.parse::<Recipe>() {
        let again: Recipe = recipe.to_string().parse().expect("the canonical text parses");
        assert_eq!(again, recipe);
        let _ = recipe.output_size(Size::new(640, 480));
    }
});
