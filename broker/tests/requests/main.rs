//! Every request in every version that is offered gets an answer that decodes; what is wrong is answered in the words
//! of the protocol.

#[path = "../common/mod.rs"]
mod common;
mod groups;
mod helpers;
mod records;
mod settings;
mod time;
mod tools;
mod topics;
