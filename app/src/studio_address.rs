//! The Studio's address: recipe, kind of file and the job whose picture is shown, so that it can be kept, sent and gone back to.

use azulejo_imaging::Encoding;
use azulejo_protocol::JobId;

/// `/?recipe=blur:sigma=2&format=tiff&job=ID`.
pub fn studio_address(recipe: &str, file: Option<Encoding>, job: Option<JobId>) -> String {
    let mut address = format!("/?recipe={}", escape(recipe));
    if let Some(file) = file {
        address.push_str(&format!("&format={}", escape(&file.to_string())));
    }
    if let Some(job) = job {
        address.push_str(&format!("&job={job}"));
    }
    address
}

/// The value called `name` in a query. `use_query_map` decodes twice, and a recipe with a text has codes of its own.
pub fn query_value(query: &str, name: &str) -> Option<String> {
    let query = query.strip_prefix('?').unwrap_or(query);
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// `text` as a value in a query: what has a meaning there is escaped, and what is not ASCII.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' | b',' | b'=' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use azulejo_imaging::FileKind;

    #[test]
    fn what_an_address_is_made_of_is_read_from_it() {
        for recipe in [
            "watermark:text=50%25%2C a%7Cb",
            "watermark:text=%2520+Zoë&x=1#y",
            "blur:sigma=2|sharpen",
        ] {
            let address = studio_address(recipe, Some(Encoding::jpeg(80)), None);
            let query = address.trim_start_matches('/');
            assert_eq!(query_value(query, "recipe").as_deref(), Some(recipe));
            assert_eq!(
                query_value(&query[1..], "format").as_deref(),
                Some("jpeg:quality=80")
            );
            assert_eq!(query_value(query, "job"), None);
        }
    }

    #[test]
    fn what_has_a_meaning_in_a_query_is_escaped() {
        assert_eq!(
            studio_address("blur:sigma=2|sharpen", None, None),
            "/?recipe=blur:sigma=2%7Csharpen"
        );
        assert_eq!(
            studio_address("a&b+c#d%é", Some(Encoding::jpeg(80)), None),
            "/?recipe=a%26b%2Bc%23d%25%C3%A9&format=jpeg:quality=80"
        );
        let job: JobId = "01a20544-b985-730f-82a6-b84d915d4169".parse().unwrap();
        assert_eq!(
            studio_address("invert", Some(FileKind::Tiff.into()), Some(job)),
            "/?recipe=invert&format=tiff&job=01a20544-b985-730f-82a6-b84d915d4169"
        );
    }
}
