//! JPEG: read and written beside other decoders and encoders, of every kind, damaged.
//!
//! One program: the encoder that most of this needs is generic, and is compiled once.
#![cfg(feature = "files")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/decode.rs"]
mod decode;

mod hostile;
mod kinds;
mod sampling;
mod second;
