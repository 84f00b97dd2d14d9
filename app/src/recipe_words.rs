//! Recipes in words for titles and rows: `blur:sigma=6|sharpen` is "blur σ 6 then sharpen".

use azulejo_imaging::Recipe;

/// The steps of a recipe: the name of each in words, and symbol and value of the parameters worth showing. A recipe
/// that this version does not know (an old job's) is shown as its text.
pub fn parts(recipe: &str) -> Vec<(String, Vec<(&'static str, String)>)> {
    Recipe::parse(recipe).map_or_else(
        |_| vec![(recipe.to_owned(), Vec::new())],
        |recipe| recipe.title_parts(),
    )
}

/// The recipe in one line of words.
pub fn sentence(recipe: &str) -> String {
    Recipe::parse(recipe).map_or_else(|_| recipe.to_owned(), |recipe| recipe.title())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_recipe_keeps_its_own_words() {
        assert_eq!(sentence("swirl:turns=2"), "swirl:turns=2");
        assert_eq!(parts("swirl"), [("swirl".to_owned(), vec![])]);
        assert_eq!(sentence("edge_detection"), "edge detection");
    }

    #[test]
    fn parameters_stand_apart() {
        assert!(sentence("bilateral").contains(", σ colour 0.1"));
    }
}
