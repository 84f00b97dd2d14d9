//! A broker for the conformance suite: a process that can be killed and started again on the same folder and port.
//!
//! With `AZULEJO_CONFORMANCE_KAFKA=HOST:PORT` the tests that need no restart run against that Kafka instead: what
//! they demand of the embedded broker, Apache Kafka has to do, too.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::process::Program;

/// A broker process with a folder of its own.
pub struct BrokerProcess {
    // Declared before the folder, so that the process ends before its files go.
    program: Option<Program>,
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

    /// Starts one on a free port with more arguments.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_with(arguments: &[&str]) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("azulejo-broker-test-")
            .tempdir()?;
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut broker = Self {
            program: None,
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
        let data = self.data_dir().display().to_string();
        let mut arguments = vec!["--listen", &self.address, "--data-dir", &data];
        arguments.extend(self.arguments.iter().map(String::as_str));
        let program = Program::start("azulejo-broker", &arguments, &self.folder.path().join("logs"))?;
        self.address = program.ready().to_owned();
        self.program = Some(program);
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

    /// The process.
    ///
    /// # Errors
    /// When it was stopped.
    pub fn program(&mut self) -> Result<&mut Program> {
        self.program.as_mut().context("the broker is not running")
    }

    /// Ends it as a crash would.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill_9(&mut self) -> Result<()> {
        self.program()?.kill_9()?;
        self.program = None;
        Ok(())
    }

    /// Ends it in order; gives its exit code.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<i32> {
        let code = self.program()?.terminate(Duration::from_secs(20))?;
        self.program = None;
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
        if let Ok(address) = std::env::var("AZULEJO_CONFORMANCE_KAFKA") {
            return Ok(Self {
                address,
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
