//! Between bytes and messages. The wire format itself is the codec's; here is what a server adds around it.
//!
//! - [`probe`]: decoding that cannot be talked into a huge allocation.
//! - [`request`]: from a frame to its header and body; the APIs and versions offered.
//! - [`response`]: from a message to the pieces of a frame, bytes and file ranges.
//! - [`splice`]: the buffer that lets a response refer to file ranges.

pub mod probe;
pub mod request;
pub mod response;
pub mod splice;
