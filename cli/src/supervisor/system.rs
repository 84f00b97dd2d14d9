//! What the system does for a child beyond starting it: a group of its own, and the request to end.

use tokio::process::Command;

/// Makes the child of `command` one that Ctrl-C in this program's terminal does not reach: this program alone hears of it, and
/// stops its children in order.
pub fn out_of_the_terminals_reach(command: &mut Command) {
    #[cfg(unix)]
    command.process_group(0);
    #[cfg(windows)]
    {
        // CREATE_NEW_PROCESS_GROUP, which turns Ctrl-C off for the child.
        const NEW_GROUP: u32 = 0x0000_0200;
        command.creation_flags(NEW_GROUP);
    }
}

/// Asks the process `id`, a child that was not waited for yet, to end. Returns whether this system has such a request; where
/// it has not, a process can only be killed.
pub fn ask_to_end(id: u32) -> bool {
    #[cfg(unix)]
    {
        use nix::sys::signal::{Signal, kill};
        use nix::unistd::Pid;
        // SIGINT, because SIGTERM comes from elsewhere, too, to all processes of a unit at once: server and broker leave that to
        // this program, which knows the order. It cannot fail but for a process that has just ended.
        let _ = kill(Pid::from_raw(id.cast_signed()), Signal::SIGINT);
        true
    }
    #[cfg(not(unix))]
    {
        let _ = id;
        false
    }
}
