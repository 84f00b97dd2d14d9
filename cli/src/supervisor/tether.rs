//! Ties a child's life to this program's: when the thread that started it is gone, the kernel kills it.
//!
//! This is what is left when `azulejo up` is killed with `kill -9` and can stop nothing itself. The signal is SIGKILL: broker,
//! server and workers are made to survive it without losing a job, and unlike a polite signal it leaves nobody behind.
//! Linux alone has this; elsewhere children of a killed `azulejo up` have to be ended by hand.
//!
//! This module holds the one `unsafe` of the crate: what runs between fork and exec may only do what is safe in a
//! signal handler. It makes two system calls and allocates nothing.

use tokio::process::Command;

/// Makes the child of `command` end with the thread that starts it.
#[cfg(target_os = "linux")]
#[allow(
    unsafe_code,
    reason = "running code between fork and exec is unsafe; see the module's first lines"
)]
pub fn to_this_thread(command: &mut Command) {
    use nix::sys::prctl::set_pdeathsig;
    use nix::sys::signal::Signal;
    use nix::unistd::{getpid, getppid};

    let parent = getpid();
    let before_exec = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have died before the line above took effect.
        if getppid() == parent {
            Ok(())
        } else {
            Err(std::io::ErrorKind::Interrupted.into())
        }
    };
    // SAFETY: `before_exec` calls prctl and getppid, which are async-signal-safe, and neither allocates nor locks.
    unsafe {
        command.pre_exec(before_exec);
    }
}

/// Elsewhere there is no such call.
#[cfg(not(target_os = "linux"))]
pub fn to_this_thread(_: &mut Command) {}
