//! Screenshots of every page in every state that a person can meet, of a real installation that is brought there: light and
//! dark, in four windows. Along the way no page may scroll sideways, in none of them and not at 320 pixels either.
//!
//! # Tour
//! - [`camera`]: one page, taken in every theme and window.
//! - [`states`]: the installation, from its first minute to its last.

pub mod camera;
pub mod states;

pub use camera::Camera;
