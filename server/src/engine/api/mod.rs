//! What HTTP, pages and the command line may ask of the engine.
//!
//! [`commands`] change something, [`queries`] look, [`views`] is how what is known is shown, [`events`] tells whoever watches,
//! and [`revisions`] says which of two tellings is the newer one.

pub mod commands;
pub mod events;
pub mod queries;
pub mod revisions;
pub mod views;
