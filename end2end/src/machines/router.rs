//! The thread between the machines: it reads each packet that one sends and writes it to the one that it is for, when its time
//! has come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::line::{Fate, Line};
use crate::random::Random;

/// Largest IP packet.
const PACKET: usize = 65_536;
/// How many packets of a machine are read before the others have their turn.
const BATCH: usize = 64;
/// Longest sleep: how soon its end is noticed.
const NAP: Duration = Duration::from_millis(50);

/// What the router and those who cut its lines share.
pub struct Shared {
    /// From, then to, by number.
    lines: Mutex<Vec<Vec<Line>>>,
    addresses: Vec<Ipv4Addr>,
    is_ending: AtomicBool,
    carried: AtomicU64,
    lost: AtomicU64,
    cut: AtomicU64,
}

/// Packets since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// Those that arrived, or are on their way.
    pub carried: u64,
    /// Those that were lost by chance.
    pub lost: u64,
    /// Those that met a cut.
    pub cut: u64,
}

impl Shared {
    /// Of machines with these addresses, all lines between which are like `line`.
    pub fn new(addresses: Vec<Ipv4Addr>, line: &Line) -> Self {
        let count = addresses.len();
        Self {
            lines: Mutex::new(vec![vec![line.clone(); count]; count]),
            addresses,
            is_ending: AtomicBool::new(false),
            carried: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            cut: AtomicU64::new(0),
        }
    }

    /// All lines.
    pub fn lines(&self) -> MutexGuard<'_, Vec<Vec<Line>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the router end.
    pub fn end(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }

    /// What it has done so far.
    pub fn traffic(&self) -> Traffic {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            carried: count(&self.carried),
            lost: count(&self.lost),
            cut: count(&self.cut),
        }
    }

    /// The number of the machine that an IPv4 packet is for.
    fn destination(&self, packet: &[u8]) -> Option<usize> {
        let address: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
        // IPv6's questions for neighbours have no answer here.
        let is_v4 = packet[0] >> 4 == 4;
        let found = || self.addresses.iter().position(|known| known.octets() == address);
        is_v4.then(found)?
    }
}

/// A packet on its way: those that are there first come first, and those of the same time in their order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Underway {
    due: Instant,
    number: u64,
    to: usize,
    packet: Vec<u8>,
}

/// Carries packets between `interfaces` until [`Shared::end`]. Chances follow from `seed`.
pub fn run(shared: &Shared, mut interfaces: Vec<File>, seed: u64) {
    let mut chances = Random::new(seed);
    let mut underway: BinaryHeap<Reverse<Underway>> = BinaryHeap::new();
    let mut number = 0;
    let mut packet = vec![0; PACKET];
    while !shared.is_ending.load(Ordering::Relaxed) {
        let next = underway.peek().map(|Reverse(next)| next.due);
        let sleep = next.map_or(NAP, |due| due.saturating_duration_since(Instant::now()).min(NAP));
        let ready = readable(&interfaces, sleep);
        for from in ready {
            for _ in 0..BATCH {
                let Ok(length) = interfaces[from].read(&mut packet) else {
                    break;
                };
                let packet = &packet[..length];
                let Some(to) = shared.destination(packet) else {
                    continue;
                };
                let fate = shared.lines()[from][to].send(Instant::now(), length, chances.share());
                let counter = match fate {
                    Fate::Arrives(due) => {
                        number += 1;
                        underway.push(Reverse(Underway {
                            due,
                            number,
                            to,
                            packet: packet.to_vec(),
                        }));
                        &shared.carried
                    }
                    Fate::Lost => &shared.lost,
                    Fate::Cut => &shared.cut,
                };
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
        let now = Instant::now();
        while underway.peek().is_some_and(|Reverse(next)| next.due <= now) {
            let Some(Reverse(next)) = underway.pop() else {
                break;
            };
            // An interface that does not take a packet has lost it, as networks do.
            let _ = interfaces[next.to].write(&next.packet);
        }
    }
}

/// Waits for packets, for no longer than `patience`; the numbers of the interfaces that have some.
fn readable(interfaces: &[File], patience: Duration) -> Vec<usize> {
    let mut polled: Vec<PollFd<'_>> = interfaces
        .iter()
        .map(|file| PollFd::new(file.as_fd(), PollFlags::POLLIN))
        .collect();
    if ppoll(&mut polled, Some(TimeSpec::from_duration(patience)), None).is_err() {
        // A signal: as if there was nothing.
        return Vec::new();
    }
    let has = |polled: &PollFd<'_>| {
        polled
            .revents()
            .is_some_and(|events| events.contains(PollFlags::POLLIN))
    };
    (0..polled.len()).filter(|&index| has(&polled[index])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::line::Quality;

    #[test]
    fn a_packet_is_for_the_machine_with_its_address() {
        let addresses = vec![Ipv4Addr::new(10, 77, 0, 1), Ipv4Addr::new(10, 77, 0, 2)];
        let shared = Shared::new(addresses, &Line::new(Quality::PERFECT));
        let mut packet = vec![0; 20];
        packet[0] = 0x45;
        packet[16..20].copy_from_slice(&[10, 77, 0, 2]);
        assert_eq!(shared.destination(&packet), Some(1));
        packet[19] = 3;
        assert_eq!(shared.destination(&packet), None);
        packet[19] = 1;
        assert_eq!(shared.destination(&packet), Some(0));
        assert_eq!(shared.destination(&packet[..19]), None);
        packet[0] = 0x60;
        assert_eq!(shared.destination(&packet), None);
    }
}
