//! What is asked of the server for an image.

use azulejo_imaging::Encoding;

use super::once::Once;

/// What is to be done to an image.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The recipe.
    pub recipe: &'a str,
    /// The kind of file for the result; `None` leaves it to the server.
    pub encoding: Option<Encoding>,
    /// The page that it is on, from 1 on; `None` leaves it to the server.
    pub page: Option<u32>,
    /// Whether it is rendered even where the server has the result from an earlier job.
    pub fresh: bool,
    /// With it the order is sent again when its answer is lost.
    pub once: Option<&'a Once>,
}
