//! A network interface whose packets a program of this process reads and writes.
//!
//! The kernel makes one for whoever holds a descriptor of `/dev/net/tun` and names it by an `ioctl`, for which the standard library
//! and nix have no safe call: hence the fence around it.
#![expect(
    unsafe_code,
    reason = "an ioctl, on a structure that lives for as long as the call"
)]

use std::ffi::{c_char, c_short};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;

use nix::libc;

/// Makes the interface `name` in the network namespace of the calling thread. It is gone when the file is closed. A read gives one
/// IP packet that the kernel sent through it, or `WouldBlock`; a write is one that arrives.
///
/// # Errors
/// There is no `/dev/net/tun`, the caller may not, or the name is taken.
pub fn open(name: &str) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open("/dev/net/tun")?;
    let mut ifr_name: [c_char; libc::IFNAMSIZ] = [0; libc::IFNAMSIZ];
    if name.len() >= ifr_name.len() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the name of an interface is too long",
        ));
    }
    for (to, from) in ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as c_char;
    }
    let request = libc::ifreq {
        ifr_name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            // IP packets, nothing before them.
            ifru_flags: (libc::IFF_TUN | libc::IFF_NO_PI) as c_short,
        },
    };
    // SAFETY: the descriptor is open, and the kernel reads and writes no more than the `ifreq` that it is given.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw const request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file)
}
