//! A broker for the conformance suite: one that can be killed and started again on the same folder and port.
//!
//! What the suite demands of the embedded broker, Apache Kafka has to do, too: it runs against that as well where the
//! environment says so (see [`crate::broker`]).

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::broker::{self, Broker};
use crate::process::Program;

/// The size of segments for a test that wants many: `bytes`, or the least that Apache Kafka takes.
pub fn segment_bytes(bytes: &'static str) -> &'static str {
    if broker::is_embedded() { bytes } else { "1048576" }
}

/// A broker with a folder of its own, or the Apache Kafka that the environment names.
pub struct BrokerProcess {
    // Declared before the folder, so that the process ends before its files go.
    broker: Option<Broker>,
    address: String,
    folder: TempDir,
    arguments: Vec<String>,
}

impl BrokerProcess {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Starts the embedded one on a free port with more arguments, or, without arguments, the one that the environment names.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_with(arguments: &[&str]) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("azulejo-broker-test-")
            .tempdir()?;
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut broker = Self {
            broker: None,
            address: "127.0.0.1:0".to_owned(),
            folder,
            arguments,
        };
        broker.start_again()?;
        Ok(broker)
    }

    /// Starts it again after [`Self::kill_9`] or [`Self::stop`], where it was.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&mut self) -> Result<()> {
        if self.arguments.is_empty()
            && let Some(mut cluster) = broker::shared()?
        {
            cluster.start()?;
            self.address = cluster.address();
            self.broker = Some(Broker::Apache(cluster));
            return Ok(());
        }
        let data = self.data_dir().display().to_string();
        let mut arguments = vec!["--listen", &self.address, "--data-dir", &data];
        arguments.extend(self.arguments.iter().map(String::as_str));
        let program = Program::start("azulejo-broker", &arguments, &self.folder.path().join("logs"))?;
        self.address = program.ready().to_owned();
        self.broker = Some(Broker::Embedded(program));
        Ok(())
    }

    /// `host:port` for clients.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where it keeps its data.
    pub fn data_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Folder for files of the test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn broker(&mut self) -> Result<&mut Broker> {
        self.broker.as_mut().context("the broker is not running")
    }

    /// The process of the embedded broker.
    ///
    /// # Errors
    /// When it was stopped.
    pub fn program(&mut self) -> Result<&mut Program> {
        self.broker()?.program()
    }

    /// Ends it as a crash would.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill_9(&mut self) -> Result<()> {
        self.broker()?.kill_9()?;
        self.broker = None;
        Ok(())
    }

    /// Ends it in order; gives its exit code.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<i32> {
        let code = self.broker()?.terminate(Duration::from_secs(20))?;
        self.broker = None;
        Ok(code)
    }
}

/// A broker to test against: one inside the test, or the one that the environment names.
pub struct AnyBroker {
    address: String,
    _inside: Option<(azulejo_broker::RunningBroker, TempDir)>,
}

impl AnyBroker {
    /// Starts it, if it is not there already.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start() -> Result<Self> {
        if let Some(mut cluster) = broker::shared()? {
            cluster.start()?;
            return Ok(Self {
                address: cluster.address(),
                _inside: None,
            });
        }
        let folder = tempfile::Builder::new()
            .prefix("azulejo-broker-test-")
            .tempdir()?;
        let config = azulejo_broker::BrokerConfig::new(folder.path());
        let broker = azulejo_broker::start_on_free_port(config)?;
        Ok(Self {
            address: broker.address().to_string(),
            _inside: Some((broker, folder)),
        })
    }

    /// `host:port` for clients.
    pub fn address(&self) -> &str {
        &self.address
    }
}
