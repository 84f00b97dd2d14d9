//! What HTTP, pages and the command line may ask of the engine.
//!
//! [`commands`] change something, [`queries`] look, [`views`] is how what is known is shown, [`events`] tells whoever watches,
//! [`cache`] finds results that are there already, [`dead`] is what tiles that were given up can be asked,
//! [`sent`] counts bytes for quotas, [`turns`] keeps one caller's lists from holding up others', [`revisions`] says which of two tellings is the newer one, and [`idempotency`] what a request was answered that comes again.

pub mod cache;
pub mod commands;
pub mod dead;
pub mod events;
pub mod idempotency;
pub mod queries;
pub mod revisions;
pub mod sent;
pub mod turns;
pub mod views;
pub(in crate::engine) mod work;
