//! One machine: a network namespace with one interface besides loopback.
//!
//! The namespace has no name. It lives for as long as this value or a process in it does, so that nothing is left behind by a test
//! that panics or is killed.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CloneFlags, setns, unshare};

use super::tun;

/// The interface in each.
const INTERFACE: &str = "net0";

/// A machine.
pub struct Machine {
    address: Ipv4Addr,
    namespace: File,
}

impl Machine {
    /// Makes one at `address`, and its interface, which the router reads and writes.
    ///
    /// # Errors
    /// This process may not make network namespaces or interfaces, or there is no `ip`.
    pub fn new(address: Ipv4Addr) -> Result<(Self, File)> {
        // A thread of its own, which takes no other place than this one, and ends.
        let make = move || -> Result<(Self, File)> {
            unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")?;
            let namespace = File::open("/proc/thread-self/ns/net")?;
            let interface = tun::open(INTERFACE).context("cannot make a network interface")?;
            for arguments in [
                "link set lo up".to_owned(),
                format!("address add {address}/24 dev {INTERFACE}"),
                // The router's losses are those that were asked for, not those of a queue that a busy processor lets overflow.
                format!("link set {INTERFACE} txqueuelen 10000 up"),
            ] {
                let output = Command::new("ip")
                    .args(arguments.split(' '))
                    .output()
                    .context("cannot start ip (Debian: `apt-get install iproute2`)")?;
                ensure!(
                    output.status.success(),
                    "ip {arguments}: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
            }
            // What most systems have; each namespace starts with the choice of its host. A kernel without it keeps its own.
            let _ = std::fs::write("/proc/sys/net/ipv4/tcp_congestion_control", "cubic");
            Ok((Self { address, namespace }, interface))
        };
        on_a_thread(make)?
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// What puts a command on this machine when it comes before it.
    pub fn prefix(&self) -> Vec<String> {
        let (process, descriptor) = (std::process::id(), self.namespace.as_raw_fd());
        vec![
            "nsenter".to_owned(),
            format!("--net=/proc/{process}/fd/{descriptor}"),
        ]
    }

    /// Does `work` on this machine: sockets that it opens, threads that it makes and programs that it starts are there.
    ///
    /// # Errors
    /// The namespace cannot be entered.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        on_a_thread(|| -> Result<T> {
            setns(&self.namespace, CloneFlags::CLONE_NEWNET).context("cannot enter a network namespace")?;
            Ok(work())
        })?
    }
}

/// Does `work` on a thread that ends with it. Its panic is the caller's.
fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, work)?;
        match thread.join() {
            Ok(value) => Ok(value),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
