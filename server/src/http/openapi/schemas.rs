//! What is sent and has no type in `azulejo-protocol`: for the description alone.

use utoipa::ToSchema;

/// The body of every error.
#[derive(ToSchema)]
pub struct Error {
    /// What happened, to what, and what to do: a sentence for people.
    pub detail: String,
    /// A word for programs, which does not change.
    pub code: String,
}

/// An image file: PNG, JPEG, TIFF, WebP or one of the other kinds that docs/formats.md lists.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct ImageFile(pub Vec<u8>);

/// Bytes of an upload, from where it stopped.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct Piece(pub Vec<u8>);

/// What `POST /process` takes.
#[derive(ToSchema)]
pub struct ProcessForm {
    /// The image: PNG, JPEG, TIFF, WebP, BMP, PNM, GIF, TGA, QOI, farbfeld, ICO, DDS, HDR, OpenEXR, JPEG 2000 or JPEG XL.
    #[schema(value_type = String, format = Binary)]
    pub file: Vec<u8>,
    /// A recipe: one operation or several joined by `|`, parameters after `:`. `GET /recipes` lists the operations.
    #[schema(example = "blur:sigma=2|sharpen", max_length = 4096, format = "recipe")]
    pub transformation: String,
    /// The kind of file that the result is to be: `png`, `jpeg`, `jpeg:quality=80`, `tiff`, `webp`, `webp:quality=80`, `bmp`, `pnm`,
    /// `gif`, `tga`, `qoi` or `farbfeld`. Without it, that of the image, or PNG where that cannot hold the result.
    #[schema(example = "png", format = "encoding")]
    pub format: Option<String>,
    /// The page that the job is on, from 1 on: of a TIFF, a picture of an ICO, a frame of a GIF. Without it, of a TIFF and an ICO the
    /// largest, of a GIF the first.
    #[schema(minimum = 1, example = 1)]
    pub page: Option<u32>,
    /// `off` has the job rendered even where an earlier one has its result.
    pub cache: Option<CacheWord>,
}

/// Whether the result of an earlier job will do.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum CacheWord {
    /// It will.
    On,
    /// The job is rendered.
    Off,
}

/// What `POST /job/{id}/again` takes.
#[derive(ToSchema)]
pub struct AgainForm {
    /// A recipe, as that of `POST /process`.
    #[schema(example = "rotate_90", max_length = 4096, format = "recipe")]
    pub transformation: String,
    /// The kind of file that the result is to be, as that of `POST /process`.
    #[schema(example = "png", format = "encoding")]
    pub format: Option<String>,
    /// As that of `POST /process`; without it, that of the earlier job.
    #[schema(minimum = 1, example = 1)]
    pub page: Option<u32>,
    /// As that of `POST /process`.
    pub cache: Option<CacheWord>,
}

/// What the sign-in page sends.
#[derive(ToSchema)]
pub struct SignInForm {
    /// The key.
    #[schema(format = Password)]
    pub key: String,
    /// Where to go afterwards: a path of this server.
    pub next: Option<String>,
}

/// Whether the process is well.
#[derive(ToSchema)]
pub struct Vital {
    /// `live` or `stuck`, `ready` or `stopping`.
    pub status: String,
}

/// An operation that recipes are made of.
#[derive(ToSchema)]
pub struct Operation {
    /// The name in recipes: `edge_detection`.
    pub name: String,
    /// The name for people: `Edge detection`.
    pub title: String,
    /// Where a menu lists it.
    pub group: String,
    /// What it does, for people with pictures.
    pub summary: String,
    /// How it is computed, for people who know the field.
    pub method: String,
    /// Other names that are understood.
    pub aliases: Vec<String>,
    /// Its parameters, in the order of the canonical text.
    pub parameters: Vec<OperationParameter>,
}

/// A parameter of an operation.
#[derive(ToSchema)]
pub struct OperationParameter {
    /// The name in recipes: `sigma`.
    pub name: String,
    /// What titles show instead of the name: `σ`.
    pub symbol: String,
    /// What it does.
    pub summary: String,
    /// `px`, `°`, `%` or empty.
    pub unit: String,
    /// Which values there are.
    pub kind: ParameterKind,
    /// Smallest value; for a choice, 0; for a text, its fewest characters.
    pub min: f64,
    /// Largest value; for a choice, the index of the last; for a text, its most characters.
    pub max: f64,
    /// The value where the recipe names none; for a choice, an index; for a text, the characters of the default.
    pub default: f64,
    /// A sensible step of a slider.
    pub step: f64,
}

/// Which values a parameter takes.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum ParameterKind {
    /// Any number in the range.
    Number,
    /// A whole number in the range.
    Integer,
    /// One of these words.
    Choice(Vec<String>),
    /// Characters that the font has; in a recipe `%2C` stands for `,`, `%7C` for `|` and `%25` for `%`.
    Text {
        /// The text where the recipe names none.
        default: String,
    },
}
