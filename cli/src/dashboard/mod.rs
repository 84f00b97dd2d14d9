//! The live dashboard in a terminal: what `azulejo top` shows.
//!
//! - [`news`]: what the server was heard to say last, and the course of the last minutes.
//! - [`draw`]: one frame. [`tables`]: its tables of topics, workers and jobs. [`cells`]: how numbers and words are written.

mod cells;
pub mod draw;
pub mod news;
mod tables;

pub use cells::Paint;
pub use draw::draw;
pub use news::News;
