//! The pages in real browsers. Their names begin with `browser_`, so that they can be left out where there is no browser.

#[path = "../../../imaging/tests/common/mod.rs"]
mod common;
#[path = "../../../imaging/tests/random/mod.rs"]
mod random;

mod axe;
mod base;
mod decoders;
mod early;
mod engines;
mod job;
mod kernels;
mod layout;
mod minute;
mod page;
mod plain;
mod preview;
mod recipe;
mod studio;
mod upload;
