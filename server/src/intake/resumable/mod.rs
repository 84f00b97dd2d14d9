//! Uploads that may come in pieces and go on after whatever cut them: the line, the browser, the server.
//!
//! An upload is two files in the folder of uploads: `ID.part`, to which bytes are only ever added, and `ID.json`, its
//! [`Record`]. How far it is, is the length of the first: there is nothing beside the file that could say otherwise. Both are
//! there until the upload becomes a job, is given up, or expires; a restart finds them.
//!
//! One request at a time has an upload in its hands ([`Held`]). A later one gets it at once and ends the earlier: a client comes
//! back because its line is dead, and the server may not know that for minutes.
//!
//! - [`desk`]: where requests come. [`held`]: an upload in a request's hands. [`collection`], [`upload`], [`record`]: what is known.
//!   [`early`]: a look at the beginning. [`checksum`]: of one piece.

mod checksum;
mod collection;
mod desk;
mod early;
mod held;
mod record;
#[cfg(test)]
mod tests;
mod upload;

pub use self::checksum::{ALGORITHMS, Checksum};
pub(super) use self::collection::Resumable;
pub use self::collection::ResumableLimits;
pub use self::desk::{Announced, Listed};
pub use self::held::{Held, Order};
