//! How large recipes and what they give may be.

/// Most operations in one recipe.
pub const MAX_STEPS: usize = 32;
/// Most bytes of a recipe's text.
pub const MAX_TEXT: usize = 4096;
/// Longest side that a recipe may give an image.
pub const MAX_SIDE: u32 = 1_000_000;
