//! `Upload-Metadata`: pairs of a key and a value in base64.

use axum::http::HeaderMap;
use azulejo_imaging::Encoding;
use azulejo_protocol::ApiError;
use azulejo_protocol::record::MAX_RECIPE_BYTES;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::headers::{UPLOAD_METADATA, bad_header};
use crate::http::check_format::check_format;
use crate::http::check_page::{MAX_PAGE_BYTES, check_page};
use crate::http::check_recipe::check_recipe;

/// Longest name of a file that is read, bytes; a shorter part of it is kept.
const MAX_NAME_BYTES: usize = 4096;

/// Longest header.
const MAX_BYTES: usize = 2 * (MAX_RECIPE_BYTES + MAX_NAME_BYTES);

/// The keys that mean something here. Others are passed over.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `filename`.
    pub filename: Option<String>,
    /// `transformation`, a recipe that parses.
    pub transformation: Option<String>,
    /// `format`, one that is written, or empty.
    pub format: Option<String>,
    /// `page`, from 1 on, or empty.
    pub page: Option<String>,
}

impl Metadata {
    /// Reads the header, if it is there.
    ///
    /// # Errors
    /// 400 when it cannot be read, 422 for a recipe, a format or a page that is none.
    pub fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut metadata = Self::default();
        let Some(value) = headers.get(UPLOAD_METADATA) else {
            return Ok(metadata);
        };
        if value.len() > MAX_BYTES {
            return Err(bad_header(
                &UPLOAD_METADATA,
                &format!("has more than {MAX_BYTES} bytes"),
            ));
        }
        let text = value
            .to_str()
            .map_err(|_| bad_header(&UPLOAD_METADATA, "is not ASCII"))?;
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
            let (place, most) = match key {
                "filename" => (&mut metadata.filename, MAX_NAME_BYTES),
                "transformation" => (&mut metadata.transformation, MAX_RECIPE_BYTES),
                "format" => (&mut metadata.format, Encoding::MAX_TEXT),
                "page" => (&mut metadata.page, MAX_PAGE_BYTES),
                _ => continue,
            };
            let value = STANDARD
                .decode(value.trim())
                .ok()
                .and_then(|value| String::from_utf8(value).ok());
            let value = value.filter(|value| value.len() <= most).ok_or_else(|| {
                let what = format!("must have '{key}' as at most {most} bytes of UTF-8 in base64");
                bad_header(&UPLOAD_METADATA, &what)
            })?;
            if place.replace(value).is_some() {
                return Err(bad_header(&UPLOAD_METADATA, &format!("has '{key}' twice")));
            }
        }
        if let Some(recipe) = &metadata.transformation {
            check_recipe(recipe)?;
        }
        check_format(metadata.format.as_deref().unwrap_or_default())?;
        let page = check_page(metadata.page.as_deref().unwrap_or_default())?;
        if page.is_some() && metadata.transformation.is_none() {
            let what = "has 'page' without 'transformation': the page is that of the job, which begins with the last byte";
            return Err(bad_header(&UPLOAD_METADATA, what));
        }
        Ok(metadata)
    }
}

/// The header for what is given; `None` for a pair without a value.
pub fn write(pairs: &[(&str, Option<&str>)]) -> String {
    let pairs = pairs
        .iter()
        .filter_map(|(key, value)| Some(format!("{key} {}", STANDARD.encode((*value)?))));
    pairs.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn read(text: &str) -> Result<Metadata, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(UPLOAD_METADATA, HeaderValue::from_str(text).unwrap());
        Metadata::read(&headers)
    }

    #[test]
    fn what_is_written_is_read_and_other_keys_are_passed_over() {
        let text = write(&[
            ("filename", Some("Zoë.png")),
            ("transformation", Some("invert")),
            ("format", None),
        ]);
        let wanted = Metadata {
            filename: Some("Zoë.png".into()),
            transformation: Some("invert".into()),
            format: None,
            page: None,
        };
        assert_eq!(
            read(&format!("is_confidential, {text},filetype aW1hZ2UvcG5n")).unwrap(),
            wanted
        );
        assert_eq!(read("").unwrap(), Metadata::default());
        assert_eq!(read("format").unwrap().format.as_deref(), Some(""));
        assert_eq!(Metadata::read(&HeaderMap::new()).unwrap(), Metadata::default());
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let long = write(&[("filename", Some(&"x".repeat(MAX_NAME_BYTES + 1)))]);
        let endless = format!("x {}", "a".repeat(MAX_BYTES));
        let recipe = write(&[("transformation", Some("no_such"))]);
        let format = write(&[("format", Some("psd"))]);
        let page = write(&[("transformation", Some("invert")), ("page", Some("0"))]);
        let alone = write(&[("page", Some("2"))]);
        for (text, status) in [
            ("filename !", 400),
            ("filename /w==", 400),
            ("format cG5n,format cG5n", 400),
            (long.as_str(), 400),
            (&endless, 400),
            ("transformation", 422),
            (&recipe, 422),
            (&format, 422),
            (&page, 422),
            (&alone, 400),
        ] {
            assert_eq!(read(text).unwrap_err().status, status, "{text}");
        }
    }
}
