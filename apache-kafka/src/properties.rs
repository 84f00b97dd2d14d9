//! The settings of a node: those of Kafka, with what several nodes on one machine need.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;

use crate::certificate::{Certificate, PASSWORD};

/// The address of a node and its ports there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// What it listens on and is known by.
    pub address: Ipv4Addr,
    /// For clients and other nodes, without authentication: whoever connects is `User:ANONYMOUS`.
    pub plain: u16,
    /// For the controllers of KRaft.
    pub controller: u16,
    /// For clients, SASL/SCRAM over TLS; used with [`crate::Options::sasl`].
    pub sasl: u16,
}

/// The user of SASL who may everything.
pub const ADMIN: &str = "admin";

/// The text of `node.properties` for node `index` (from 0) of a cluster with these ports.
pub(crate) fn of_node(
    index: usize,
    ports: &[Ports],
    data: &Path,
    sasl: Option<&Certificate>,
    more: &[(String, String)],
) -> String {
    let own = ports[index];
    let nodes = ports.len();
    let in_sync = nodes.min(2);
    let voters: Vec<String> = ports
        .iter()
        .enumerate()
        .map(|(index, ports)| format!("{}@{}:{}", index + 1, ports.address, ports.controller))
        .collect();
    let address = own.address;
    let mut listeners = format!("PLAINTEXT://{address}:{}", own.plain);
    let mut protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned();
    if sasl.is_some() {
        let _ = write!(listeners, ",CLIENT://{address}:{}", own.sasl);
        protocols.push_str(",CLIENT:SASL_SSL");
    }
    let mut text = String::new();
    let mut set = |name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "{name}={value}");
    };
    set("process.roles", &"broker,controller");
    set("node.id", &(index + 1));
    set("controller.quorum.voters", &voters.join(","));
    set("controller.listener.names", &"CONTROLLER");
    set(
        "listeners",
        &format!("{listeners},CONTROLLER://{address}:{}", own.controller),
    );
    set("advertised.listeners", &listeners);
    set("listener.security.protocol.map", &protocols);
    set("inter.broker.listener.name", &"PLAINTEXT");
    set("log.dirs", &data.display());
    set("default.replication.factor", &nodes);
    set("min.insync.replicas", &in_sync);
    for topic in [
        "offsets.topic",
        "transaction.state.log",
        "share.coordinator.state.topic",
    ] {
        set(&format!("{topic}.replication.factor"), &nodes);
        // What it costs to make them is time in which tests wait.
        set(&format!("{topic}.num.partitions"), &3);
    }
    set("transaction.state.log.min.isr", &in_sync);
    set("share.coordinator.state.topic.min.isr", &in_sync);
    // As in the settings that Kafka is shipped with.
    set("group.initial.rebalance.delay.ms", &0);
    // Nobody shall have a topic by asking for it.
    set("auto.create.topics.enable", &false);
    if let Some(certificate) = sasl {
        set(
            "authorizer.class.name",
            &"org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        );
        set("super.users", &format!("User:ANONYMOUS;User:{ADMIN}"));
        set("sasl.enabled.mechanisms", &"SCRAM-SHA-512");
        set(
            "listener.name.client.scram-sha-512.sasl.jaas.config",
            &"org.apache.kafka.common.security.scram.ScramLoginModule required;",
        );
        set("listener.name.client.ssl.keystore.type", &"PKCS12");
        set(
            "listener.name.client.ssl.keystore.location",
            &certificate.store.display(),
        );
        set("listener.name.client.ssl.keystore.password", &PASSWORD);
    }
    for (name, value) in more {
        set(name, value);
    }
    text
}
