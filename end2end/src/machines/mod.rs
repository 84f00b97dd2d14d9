//! Several machines on one: each is a network namespace, and between them is a network whose lines can be slow, lose packets and
//! be cut.
//!
//! # Tour
//! - [`network`]: the machines and the lines between them. [`machine`]: one of them. [`tun`]: its network interface.
//! - [`router`]: the thread that carries packets. [`line`]: what becomes of each.
//! - [`installation`]: server, workers and nodes of Apache Kafka, each on a machine of its own.
//!
//! # Why a router of our own
//! Linux has `netem` for delay and loss, but not every kernel is built with it, and proxies do not do: each ends the connection of
//! one side and makes another, so that neither side ever sees a packet lost, a connection that is half open, or a peer that no
//! longer answers. Here the connections are those between the programs, with all that the kernel's TCP does about losses, and a
//! line that is cut swallows packets without a word, as a line does. Whole IP packets and no Ethernet frames, since a neighbour
//! that does not answer to ARP would be reported to programs at once.
//!
//! Making namespaces and interfaces needs root (`CAP_SYS_ADMIN`, `CAP_NET_ADMIN`) and `/dev/net/tun`; the names of
//! tests begin with `machines_`, so that they can be left out where these are missing.

pub mod installation;
pub mod line;
pub mod machine;
pub mod network;
pub mod router;
pub mod tun;

pub use installation::{Installation, Place};
pub use line::Quality;
pub use machine::Machine;
pub use network::Network;
