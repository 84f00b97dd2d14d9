//! How the types of `azulejo-imaging` look in JSON, for the description of the API. That crate knows nothing of descriptions.

use utoipa::ToSchema;

/// Width and height in pixels.
#[derive(ToSchema)]
pub struct Size {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// A rectangle of pixels.
#[derive(ToSchema)]
pub struct Region {
    /// Left column.
    pub x: u32,
    /// Top row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// Channels and depth of a pixel: `gray8`, `graya8`, `rgb8`, `rgba8` and the same with `16le` for intensities; `gray` or `rgb` with
/// `-i16le`, `-u32le` or `-f32le` for other numbers; `bandsN`, of 2 to 256, with `-u8`, `-u16le`, `-i16le`, `-u32le` or `-f32le`.
#[derive(ToSchema)]
#[schema(
    value_type = String,
    pattern = "^((gray|graya|rgb|rgba)(8|16le)|(gray|rgb)-(i16le|u32le|f32le)|bands[1-9][0-9]{0,2}-(u8|u16le|i16le|u32le|f32le))$",
    example = "rgb8"
)]
pub struct PixelFormat(#[allow(dead_code, reason = "only its description is used")] String);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use utoipa::PartialSchema;

    fn schema<T: PartialSchema>() -> Value {
        serde_json::to_value(T::schema()).unwrap()
    }

    fn fields(value: &Value) -> Vec<String> {
        let mut fields: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        fields.sort();
        fields
    }

    #[test]
    fn they_agree_with_the_types_that_they_stand_for() {
        assert_eq!(schema::<super::PixelFormat>()["type"], json!("string"));
        let size = serde_json::to_value(azulejo_imaging::Size::new(1, 2)).unwrap();
        assert_eq!(fields(&schema::<super::Size>()["properties"]), fields(&size));
        let region = serde_json::to_value(azulejo_imaging::Region::new(1, 2, 3, 4)).unwrap();
        assert_eq!(fields(&schema::<super::Region>()["properties"]), fields(&region));
    }
}
