//! Forms of the type `application/x-www-form-urlencoded`.

use azulejo_protocol::ApiError;
use percent_encoding::percent_decode;

/// The fields of a form, in their order: names and values.
pub fn fields(form: &[u8]) -> impl Iterator<Item = Result<(String, String), ApiError>> {
    form.split(|byte| *byte == b'&').map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = (&pair[..at], pair.get(at + 1..).unwrap_or_default());
        Ok((decode(name)?, decode(value)?))
    })
}

fn decode(text: &[u8]) -> Result<String, ApiError> {
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| bad_form("it is not UTF-8 text"))
}

/// What is said of a form that is none.
pub fn bad_form(detail: impl std::fmt::Display) -> ApiError {
    ApiError::new(400, "bad_form", format!("the form cannot be read: {detail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_in_their_order() {
        let read: Vec<_> = fields(b"next=%2Fjobs&key=azk_1+x&x&=y&&next=%C3%A4")
            .map(Result::unwrap)
            .collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            read,
            [
                pair("next", "/jobs"),
                pair("key", "azk_1 x"),
                pair("x", ""),
                pair("", "y"),
                pair("", ""),
                pair("next", "ä")
            ]
        );
        assert_eq!(fields(b"a=%ff").next().unwrap().unwrap_err().code, "bad_form");
    }
}
