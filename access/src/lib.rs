//! Who may use an Azulejo server: roles and API keys.
//!
//! The server and the command line share this crate: the command line adds and revokes keys in the server's data folder, and
//! the server looks at them there.
//!
//! - [`Role`]: what one may do. [`name`]: what keys and owners may be called.
//! - [`secret`]: the text of a key, and what is kept of it. [`Key`]: what is known of a key.
//! - [`KeyFile`]: the keys of an installation, in `keys.json`. [`Uses`]: when each was used last, in `keys-used.json`.
#![deny(missing_docs)]

mod key;
mod key_file;
pub mod name;
mod private;
mod role;
pub mod secret;
mod stamp;
mod uses;

pub use key::{Key, KeyState};
pub use key_file::{KeyError, KeyFile, MAX_KEYS, NewKey};
pub use role::Role;
pub use stamp::Stamp;
pub use uses::Uses;
