//! Who may do what.
//!
//! - [`everywhere`]: every route and server function against every kind of caller. [`owners`]: what is whose. [`people`]: sign-in, audit
//!   log. [`uploads`]: who may send how much. [`callers`]: who calls.

mod callers;
mod everywhere;
mod owners;
mod people;
mod uploads;
