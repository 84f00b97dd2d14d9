//! The Kafka of a test: the embedded broker, or Apache Kafka.
//!
//! Which one is the choice of the environment: with `AZULEJO_TEST_KAFKA=FOLDER` it is the Apache Kafka that
//! `cargo xtask test` made in that folder, one node or several, which all tests of a run share. A test that is about Apache
//! Kafka itself makes a cluster of its own by [`apache`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use azulejo_apache_kafka::{Cluster, Installation, Options};
use tempfile::TempDir;

use crate::process::{Program, bin_dir};

/// Names the folder of the Apache Kafka that tests use in place of the embedded broker.
pub const VARIABLE: &str = "AZULEJO_TEST_KAFKA";

/// Where Apache Kafka is installed: `cargo xtask kafka install` has put it there.
///
/// # Errors
/// It is not there and cannot be fetched.
pub fn installation() -> Result<Installation> {
    let folder = match std::env::var_os("AZULEJO_KAFKA") {
        Some(folder) => PathBuf::from(folder),
        None => bin_dir()?.join("../kafka"),
    };
    Installation::in_folder(&folder)
}

/// The Apache Kafka that tests share, if the environment names one.
///
/// # Errors
/// It cannot be found in its folder.
pub fn shared() -> Result<Option<Cluster>> {
    let Some(folder) = std::env::var_os(VARIABLE) else {
        return Ok(None);
    };
    Cluster::open(&installation()?, Path::new(&folder)).map(Some)
}

/// Whether the embedded broker is what is tested.
pub fn is_embedded() -> bool {
    std::env::var_os(VARIABLE).is_none()
}

/// An Apache Kafka of the test's own, which ends with it. The folder has to live as long.
///
/// # Errors
/// It does not start.
pub fn apache(options: &Options) -> Result<(Cluster, TempDir)> {
    let folder = tempfile::Builder::new().prefix("azulejo-kafka-test-").tempdir()?;
    let options = Options {
        owned: true,
        ..options.clone()
    };
    let cluster = Cluster::start_in(&installation()?, &folder.path().join("kafka"), &options)?;
    Ok((cluster, folder))
}

/// A broker that can be killed and started again.
pub enum Broker {
    /// The program `azulejo-broker`.
    Embedded(Program),
    /// All nodes of an Apache Kafka.
    Apache(Cluster),
}

impl Broker {
    /// Ends it as a crash would; of several nodes all.
    ///
    /// # Errors
    /// It is not running.
    pub fn kill_9(&mut self) -> Result<()> {
        match self {
            Self::Embedded(program) => program.kill_9(),
            Self::Apache(cluster) => (0..cluster.nodes()).try_for_each(|node| cluster.node(node).kill_9()),
        }
    }

    /// Ends it in order; gives its exit code.
    ///
    /// # Errors
    /// It does not end in time.
    pub fn terminate(&mut self, limit: Duration) -> Result<i32> {
        match self {
            Self::Embedded(program) => program.terminate(limit),
            Self::Apache(cluster) => cluster.stop().map(|()| 0),
        }
    }

    /// The embedded broker's process.
    ///
    /// # Errors
    /// It is Apache Kafka.
    pub fn program(&mut self) -> Result<&mut Program> {
        match self {
            Self::Embedded(program) => Some(program),
            Self::Apache(_) => None,
        }
        .context("the broker is not the embedded one")
    }

    /// The nodes of Apache Kafka.
    ///
    /// # Errors
    /// It is the embedded broker.
    pub fn apache(&mut self) -> Result<&mut Cluster> {
        match self {
            Self::Apache(cluster) => Some(cluster),
            Self::Embedded(_) => None,
        }
        .context("the broker is not Apache Kafka")
    }

    /// The last lines of its log.
    pub fn log_tail(&mut self) -> String {
        match self {
            Self::Embedded(program) => program.log_tail(),
            Self::Apache(cluster) => (0..cluster.nodes())
                .map(|node| cluster.node(node).log_tail())
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }
}
