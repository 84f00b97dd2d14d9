//! The field `cache` of a form that starts a job: whether the result of an earlier one will do.

use azulejo_protocol::ApiError;

/// Longest value of the field, bytes.
pub const MAX_CACHE_WORD: usize = 16;

/// Whether the job is to be rendered even where an earlier one has its result: `off` says so, `on` and nothing do not.
///
/// # Errors
/// 400 for another word.
pub fn wants_fresh(text: &str) -> Result<bool, ApiError> {
    match text {
        "" | "on" => Ok(false),
        "off" => Ok(true),
        other => {
            let shown: String = other.chars().filter(|c| !c.is_control()).collect();
            let detail = format!("the field 'cache' is '{shown}': it may be 'on' or 'off'");
            Err(ApiError::new(400, "bad_form", detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_off_asks_for_a_new_result() {
        assert!(!wants_fresh("").unwrap() && !wants_fresh("on").unwrap());
        assert!(wants_fresh("off").unwrap());
        assert!(wants_fresh("no").unwrap_err().detail.contains("'no'"));
    }
}
