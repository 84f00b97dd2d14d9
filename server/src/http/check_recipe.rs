//! A recipe is looked at before its image is read.

use std::str::FromStr;

use azulejo_imaging::Recipe;
use azulejo_protocol::ApiError;

/// Refuses a recipe that does not parse, before its image is read.
pub fn check_recipe(text: &str) -> Result<(), ApiError> {
    Recipe::from_str(text)
        .map(drop)
        .map_err(|error| ApiError::unprocessable("unknown_recipe", error.to_string()))
}
