//! Which page of an image a job is on, as clients name it.

use azulejo_protocol::ApiError;

/// Longest number of a page that is read, bytes.
pub const MAX_PAGE_BYTES: usize = 10;

/// The page that `text` names, from 1 on; nothing at all leaves the choice to the file.
///
/// # Errors
/// 422 `no_such_page` for what is no such number.
pub fn check_page(text: &str) -> Result<Option<u32>, ApiError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse() {
        Ok(page) if page > 0 => Ok(Some(page)),
        _ => {
            let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
            let detail = format!("the page is '{shown}': pages are numbered from 1 on");
            Err(ApiError::unprocessable("no_such_page", detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_numbers_from_one_on() {
        assert_eq!(check_page(" ").unwrap(), None);
        assert_eq!(check_page("12").unwrap(), Some(12));
        assert_eq!(check_page("4294967295").unwrap(), Some(u32::MAX));
        for wrong in ["0", "-1", "4294967296", "two", "1.5", "\u{1b}1"] {
            assert_eq!(check_page(wrong).unwrap_err().code, "no_such_page", "{wrong}");
        }
    }
}
