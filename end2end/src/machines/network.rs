//! Machines, and the lines between any two of them.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, ensure};

use super::line::{Line, Quality};
use super::machine::Machine;
use super::router::{self, Shared, Traffic};

/// A network. Dropping it ends the lines; machines with processes stay until these have ended.
pub struct Network {
    machines: Vec<Machine>,
    shared: Arc<Shared>,
    router: Option<JoinHandle<()>>,
}

impl Network {
    /// Makes `count` machines, all lines between which are as `quality` says. What is lost follows from `seed`.
    ///
    /// # Errors
    /// As [`Machine::new`].
    pub fn new(count: u8, quality: Quality, seed: u64) -> Result<Self> {
        ensure!((1..=254).contains(&count), "a network has 1 to 254 machines");
        let (mut machines, mut interfaces) = (Vec::new(), Vec::new());
        for number in 1..=count {
            // Nobody beyond these namespaces sees the addresses: any will do.
            let (machine, interface) = Machine::new(Ipv4Addr::new(10, 77, 0, number))?;
            machines.push(machine);
            interfaces.push(interface);
        }
        let addresses = machines.iter().map(Machine::address).collect();
        let shared = Arc::new(Shared::new(addresses, &Line::new(quality)));
        let of_router = Arc::clone(&shared);
        let router = std::thread::Builder::new()
            .name("router".to_owned())
            .spawn(move || router::run(&of_router, interfaces, seed))
            .context("cannot start the router")?;
        Ok(Self {
            machines,
            shared,
            router: Some(router),
        })
    }

    /// Machine `index`, counted from 0.
    pub fn machine(&self, index: usize) -> &Machine {
        &self.machines[index]
    }

    /// From now on nothing that `from` sends arrives at `to`; the way back stays as it is.
    pub fn cut_one_way(&self, from: usize, to: usize) {
        self.shared.lines()[from][to].cut(true);
    }

    /// From now on nothing arrives between `a` and `b`.
    pub fn cut(&self, a: usize, b: usize) {
        self.cut_one_way(a, b);
        self.cut_one_way(b, a);
    }

    /// Joins every line that is cut.
    pub fn join(&self) {
        for line in self.shared.lines().iter_mut().flatten() {
            line.cut(false);
        }
    }

    /// Packets since the start.
    pub fn traffic(&self) -> Traffic {
        self.shared.traffic()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.shared.end();
        if let Some(router) = self.router.take() {
            // It has nothing to say.
            let _ = router.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    const DELAY: Duration = Duration::from_millis(20);

    /// A connection from machine 0 to machine 1.
    fn connection(network: &Network) -> Result<(TcpStream, TcpStream)> {
        let address = network.machine(1).address();
        let listener = network.machine(1).run(|| TcpListener::bind((address, 7000)))??;
        let near = network.machine(0).run(|| TcpStream::connect((address, 7000)))??;
        let (far, from) = listener.accept()?;
        assert_eq!(from.ip(), network.machine(0).address());
        Ok((near, far))
    }

    #[test]
    fn machines_see_each_other_late_and_do_not_see_the_host() -> Result<()> {
        let quality = Quality {
            delay: DELAY,
            ..Quality::PERFECT
        };
        let network = Network::new(2, quality, 1)?;
        let here = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        assert!(network.machine(0).run(|| TcpStream::connect(here))?.is_err());
        let (mut near, mut far) = connection(&network)?;
        let begun = Instant::now();
        near.write_all(b"a")?;
        far.read_exact(&mut [0])?;
        far.write_all(b"b")?;
        near.read_exact(&mut [0])?;
        assert!(begun.elapsed() >= DELAY * 2, "{:?}", begun.elapsed());
        Ok(())
    }

    #[test]
    fn machines_lose_packets_and_tcp_makes_up_for_it() -> Result<()> {
        let quality = Quality {
            delay: Duration::from_millis(1),
            loss: 0.05,
            rate: None,
        };
        let network = Network::new(2, quality, 7)?;
        let (mut near, mut far) = connection(&network)?;
        let sent: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
        let received = std::thread::scope(|scope| -> Result<Vec<u8>> {
            scope.spawn(|| near.write_all(&sent));
            let mut received = vec![0; 1_000_000];
            far.read_exact(&mut received)?;
            Ok(received)
        })?;
        assert!(received == (0..1_000_000u32).map(|i| (i % 251) as u8).collect::<Vec<u8>>());
        let Traffic { carried, lost, cut } = network.traffic();
        let share = lost as f64 / (carried + lost) as f64;
        assert!((0.02..0.1).contains(&share), "{lost} lost, {carried} not");
        assert_eq!(cut, 0);
        Ok(())
    }

    #[test]
    fn machines_with_a_line_cut_one_way_hear_and_are_not_heard() -> Result<()> {
        let network = Network::new(2, Quality::PERFECT, 1)?;
        let (mut near, mut far) = connection(&network)?;
        network.cut_one_way(0, 1);
        // Both are taken without an error: the connection is half open.
        near.write_all(b"a")?;
        far.write_all(b"b")?;
        near.read_exact(&mut [0])?;
        far.set_read_timeout(Some(Duration::from_millis(300)))?;
        assert!(far.read_exact(&mut [0]).is_err());
        assert!(network.traffic().cut > 0);
        network.join();
        far.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut byte = [0];
        far.read_exact(&mut byte)?;
        assert_eq!(&byte, b"a");
        Ok(())
    }

    #[test]
    fn machines_with_a_command_of_their_own_run_it_with_its_id() -> Result<()> {
        let network = Network::new(1, Quality::PERFECT, 1)?;
        let prefix = network.machine(0).prefix();
        let child = std::process::Command::new(&prefix[0])
            .args(&prefix[1..])
            .args(["sh", "-c", "echo $$; ip -brief address"])
            .stdout(std::process::Stdio::piped())
            .spawn()?;
        let id = child.id().to_string();
        let text = String::from_utf8(child.wait_with_output()?.stdout)?;
        assert_eq!(text.lines().next(), Some(id.as_str()));
        assert!(text.contains("10.77.0.1/24"), "{text}");
        Ok(())
    }
}
