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

/// Channels and depth of a pixel.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum PixelFormat {
    /// One gray sample of 8 bit.
    Gray8,
    /// Gray and alpha, 8 bit each.
    GrayA8,
    /// Red, green, blue, 8 bit each.
    Rgb8,
    /// Red, green, blue, alpha, 8 bit each.
    RgbA8,
    /// One gray sample of 16 bit.
    Gray16le,
    /// Gray and alpha, 16 bit each.
    GrayA16le,
    /// Red, green, blue, 16 bit each.
    Rgb16le,
    /// Red, green, blue, alpha, 16 bit each.
    RgbA16le,
}

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
        let formats = azulejo_imaging::PixelFormat::ALL.map(|format| format.to_string());
        assert_eq!(schema::<super::PixelFormat>()["enum"], json!(formats));
        let size = serde_json::to_value(azulejo_imaging::Size::new(1, 2)).unwrap();
        assert_eq!(fields(&schema::<super::Size>()["properties"]), fields(&size));
        let region = serde_json::to_value(azulejo_imaging::Region::new(1, 2, 3, 4)).unwrap();
        assert_eq!(fields(&schema::<super::Region>()["properties"]), fields(&region));
    }
}
