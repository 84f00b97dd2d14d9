//! What a cluster is asked to be: how many nodes, where each runs, on which ports.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::properties::Ports;

/// Where a node runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// What it listens on, and what clients and the other nodes know it by. Whoever makes or asks the cluster has to reach it.
    pub address: Ipv4Addr,
    /// What its command line begins with: a program, with its arguments, that becomes the one named after them, as
    /// `nsenter --net=PATH` does.
    pub through: Vec<String>,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST,
            through: Vec::new(),
        }
    }
}

/// How a cluster is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// Nodes, 1 to 9.
    pub nodes: usize,
    /// Whether there is a listener with SASL/SCRAM-SHA-512 over TLS, and an authorizer.
    pub sasl: bool,
    /// Users of SASL beside `admin`, whose password is their name; they have no right until they are given one.
    pub users: Vec<String>,
    /// Port of the first node for clients, the next nodes follow; `None` takes free ones.
    pub port: Option<u16>,
    /// Most memory of each node's heap, in megabytes.
    pub heap: u32,
    /// More settings of the nodes.
    pub settings: Vec<(String, String)>,
    /// Whether its nodes end with the value that stands for it, also when not all of them start.
    pub owned: bool,
    /// Where each node runs; those beyond the end of the list run on loopback.
    pub hosts: Vec<Host>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nodes: 1,
            sasl: false,
            users: Vec::new(),
            port: None,
            heap: 512,
            settings: Vec::new(),
            owned: false,
            hosts: Vec::new(),
        }
    }
}

/// `command` with `through` before it.
pub(crate) fn behind(through: &[String], command: Command) -> Command {
    let Some((program, arguments)) = through.split_first() else {
        return command;
    };
    let mut whole = Command::new(program);
    whole
        .args(arguments)
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => whole.env(name, value),
            None => whole.env_remove(name),
        };
    }
    whole
}

/// What a node's file `ports` says: three of them, and its address where that is not loopback.
pub(crate) fn read_ports(text: &str) -> Option<Ports> {
    let mut words = text.split_whitespace();
    let mut port = || words.next()?.parse().ok();
    let (plain, controller, sasl) = (port()?, port()?, port()?);
    let address = words
        .next()
        .map_or(Some(Ipv4Addr::LOCALHOST), |word| word.parse().ok())?;
    Some(Ports {
        address,
        plain,
        controller,
        sasl,
    })
}

/// The address and the ports of each node: those asked for, or free ones.
pub(crate) fn ports(options: &Options) -> Result<Vec<Ports>> {
    let address = |index: usize| {
        options
            .hosts
            .get(index)
            .map_or(Ipv4Addr::LOCALHOST, |host| host.address)
    };
    if let Some(first) = options.port {
        let port = |offset: usize| -> Result<u16> {
            let offset = u16::try_from(offset)?;
            first.checked_add(offset).context("the port is too high")
        };
        return (0..options.nodes)
            .map(|index| {
                Ok(Ports {
                    address: address(index),
                    plain: port(index)?,
                    controller: port(100 + index)?,
                    sasl: port(200 + index)?,
                })
            })
            .collect();
    }
    // Held until all are known, so that no port is given twice.
    let mut held = Vec::new();
    let mut free = || -> Result<u16> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        held.push(listener);
        Ok(port)
    };
    (0..options.nodes)
        .map(|index| {
            Ok(Ports {
                address: address(index),
                plain: free()?,
                controller: free()?,
                sasl: free()?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_ports_may_name_an_address() {
        let at = |address: [u8; 4]| Ports {
            address: address.into(),
            plain: 9092,
            controller: 9192,
            sasl: 9292,
        };
        assert_eq!(read_ports("9092 9192 9292"), Some(at([127, 0, 0, 1])));
        assert_eq!(read_ports("9092 9192 9292 10.77.0.5"), Some(at([10, 77, 0, 5])));
        assert_eq!(read_ports("9092 9192"), None);
        assert_eq!(read_ports("9092 9192 9292 elsewhere"), None);
    }

    #[test]
    fn a_command_goes_through_another_with_its_arguments_and_environment() {
        let mut java = Command::new("java");
        java.arg("-version").env("HEAP", "1").env_remove("CLASSPATH");
        let through = ["nsenter".to_owned(), "--net=/x".to_owned()];
        let whole = behind(&through, java);
        assert_eq!(whole.get_program(), "nsenter");
        assert_eq!(
            whole.get_args().collect::<Vec<_>>(),
            ["--net=/x", "java", "-version"]
        );
        let environment: Vec<_> = whole.get_envs().collect();
        assert!(environment.contains(&("HEAP".as_ref(), Some("1".as_ref()))));
        assert!(environment.contains(&("CLASSPATH".as_ref(), None)));
        assert_eq!(behind(&[], Command::new("java")).get_program(), "java");
    }
}
