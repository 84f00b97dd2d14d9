//! Recipes with a name: a few that come with the page, and those that a person keeps in the browser.

use serde::{Deserialize, Serialize};

/// A recipe with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preset {
    /// What a person calls it.
    pub name: String,
    /// The recipe.
    pub recipe: String,
}

/// The ones that come with the page.
pub const COMMON: &[(&str, &str)] = &[
    ("Soft and calm", "bilateral|blur:sigma=2"),
    ("Crisp for print", "unsharp"),
    ("Black and white photograph", "grayscale|contrast:factor=1.2"),
    ("Old photograph", "sepia|contrast:factor=0.9|gamma:gamma=1.1"),
    ("Scanned page, black on white", "median|grayscale|threshold"),
    ("Outlines on white", "blur:sigma=1.5|edge_detection|invert"),
    ("Shadows lifted", "gamma:gamma=1.4|saturation:factor=1.1"),
    ("For the web, 2048 wide", "resize:width=2048|unsharp"),
];

/// Presets kept at most.
const MOST: usize = 50;
/// Longest name, characters.
pub const LONGEST_NAME: usize = 60;

/// The presets of a person, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Own(Vec<Preset>);

impl Own {
    /// Reads what [`Own::stored`] wrote; whatever is no such thing is left out, since others may have written there.
    #[cfg_attr(
        not(feature = "hydrate"),
        allow(dead_code, reason = "used in the browser only")
    )]
    pub fn read(text: &str) -> Self {
        let found: Vec<Preset> = serde_json::from_str(text).unwrap_or_default();
        let mut own = Self::default();
        for preset in found.into_iter().rev() {
            own.keep(&preset.name, &preset.recipe);
        }
        own
    }

    /// As the browser keeps it.
    #[cfg_attr(
        not(feature = "hydrate"),
        allow(dead_code, reason = "used in the browser only")
    )]
    pub fn stored(&self) -> String {
        // Strings in a list are always JSON.
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// Those that there are.
    pub fn all(&self) -> &[Preset] {
        &self.0
    }

    /// Keeps `recipe` as `name`, in place of what had that name. Says whether it did: not without a name or a recipe, nor for
    /// one that is too long.
    pub fn keep(&mut self, name: &str, recipe: &str) -> bool {
        let name: String = name.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_fine = (1..=LONGEST_NAME).contains(&name.chars().count())
            && (1..=azulejo_imaging::MAX_TEXT).contains(&recipe.len());
        if is_fine {
            self.forget(&name);
            self.0.insert(
                0,
                Preset {
                    name,
                    recipe: recipe.to_owned(),
                },
            );
            self.0.truncate(MOST);
        }
        is_fine
    }

    /// Forgets the one of that name.
    pub fn forget(&mut self, name: &str) {
        self.0.retain(|preset| preset.name != name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azulejo_imaging::Recipe;

    #[test]
    fn the_common_ones_are_recipes_in_canonical_text() {
        for (name, recipe) in COMMON {
            let parsed = Recipe::parse(recipe).map(|parsed| parsed.to_string());
            assert_eq!(parsed.as_deref(), Ok(*recipe), "{name}");
        }
    }

    #[test]
    fn own_ones_are_kept_by_name_and_bounded() {
        let mut own = Own::default();
        assert!(own.keep("  my   scan ", "median"));
        assert!(own.keep("other", "invert"));
        assert!(own.keep("my scan", "median:radius=2"));
        let names: Vec<&str> = own.all().iter().map(|preset| preset.name.as_str()).collect();
        assert_eq!(names, ["my scan", "other"]);
        assert_eq!(own.all()[0].recipe, "median:radius=2");
        assert_eq!(Own::read(&own.stored()), own);
        own.forget("my scan");
        assert_eq!(own.all().len(), 1);
        assert!(!own.keep(" ", "invert"));
        assert!(!own.keep(&"x".repeat(61), "invert"));
        assert!(!own.keep("long", &"x".repeat(10_000)));
        for n in 0..100 {
            assert!(own.keep(&n.to_string(), "invert"));
        }
        assert_eq!(own.all().len(), MOST);
        assert_eq!(own.all()[0].name, "99");
    }

    #[test]
    fn what_others_wrote_into_the_browsers_store_is_left_out() {
        for text in ["", "{}", "[1]", r#"[{"name":"a"}]"#] {
            assert_eq!(Own::read(text), Own::default(), "{text}");
        }
        let own = Own::read(r#"[{"name":"","recipe":"invert"},{"name":"b","recipe":"invert"}]"#);
        assert_eq!(own.all().len(), 1);
    }
}
