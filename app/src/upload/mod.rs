//! Sending a file to the server so that it may go on after whatever cuts it: tus at `/files`. The upload is created, the file goes
//! out in one request, and after a cut line the server is asked how far it came. Which upload is of which file is kept by the
//! browser, so that it goes on after the page was left or loaded anew.

#[cfg_attr(
    not(feature = "hydrate"),
    allow(dead_code, reason = "used in the browser only")
)]
mod kept;
#[cfg_attr(
    not(feature = "hydrate"),
    allow(dead_code, reason = "used in the browser only")
)]
mod patience;
#[cfg(feature = "hydrate")]
mod request;
#[cfg(feature = "hydrate")]
mod way;

#[cfg(feature = "hydrate")]
pub use way::{Upload, forget};
