//! The jars of Apache Kafka, from Maven Central.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

/// What Maven is to fetch.
const POM: &str = include_str!("../../deploy/kafka/pom.xml");
/// Oldest Java that Apache Kafka 4 runs on.
const JAVA: u32 = 17;

/// The jars, in a folder.
#[derive(Debug, Clone)]
pub struct Installation {
    jars: PathBuf,
}

impl Installation {
    /// The installation in `folder`, fetched by Maven when it is not there or the versions have changed.
    ///
    /// # Errors
    /// There is no Java of 17 or newer or no Maven, or Maven fails; the sentence says which.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        check_java()?;
        let folder = std::path::absolute(folder)?;
        let (jars, pom) = (folder.join("lib"), folder.join("pom.xml"));
        // Written last: what is there is whole.
        if fs::read_to_string(&pom).is_ok_and(|text| text == POM) {
            return Ok(Self { jars });
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if jars.exists() {
            fs::remove_dir_all(&jars)?;
        }
        let wanted = folder.join("wanted.xml");
        fs::write(&wanted, POM)?;
        let status = Command::new("mvn")
            .args(["--quiet", "--batch-mode", "--file"])
            .arg(&wanted)
            .arg("dependency:copy-dependencies")
            .arg(format!("-DoutputDirectory={}", jars.display()))
            .stdin(Stdio::null())
            .status()
            .context("cannot start mvn: install Maven (Debian: `apt-get install maven`)")?;
        ensure!(status.success(), "Maven could not fetch Apache Kafka ({status})");
        fs::rename(&wanted, &pom)?;
        Ok(Self { jars })
    }

    /// Java with the jars on its class path and these options of the virtual machine.
    pub(crate) fn java(&self, options: &[&str]) -> Command {
        let mut command = Command::new("java");
        command
            .args(options)
            .arg("-Dorg.slf4j.simpleLogger.showDateTime=true")
            .arg("-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS")
            .arg("-cp")
            .arg(format!("{}/*", self.jars.display()))
            .stdin(Stdio::null());
        // A shell that was made for Kafka's scripts must not decide how this one runs.
        for name in ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH"] {
            command.env_remove(name);
        }
        command
    }
}

fn check_java() -> Result<()> {
    let advice = "Apache Kafka needs Java 17 or newer (Debian: `apt-get install openjdk-17-jre-headless`)";
    let output = Command::new("java")
        .arg("-version")
        .output()
        .with_context(|| format!("cannot start java: {advice}"))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    match major(&text) {
        Some(version) if version >= JAVA => Ok(()),
        _ => bail!("{advice}; `java -version` says: {}", text.trim()),
    }
}

/// The major version in what `java -version` says: `openjdk version "17.0.15" 2025-04-15`; before 9 it was `"1.8.0_402"`.
fn major(text: &str) -> Option<u32> {
    let quoted = text.split('"').nth(1)?;
    let first = quoted.split(['.', '-', '+', '_']).next()?;
    first.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_java_is_read() {
        assert_eq!(major("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK"), Some(17));
        assert_eq!(major("openjdk version \"21\" 2023-09-19"), Some(21));
        assert_eq!(major("java version \"1.8.0_402\""), Some(1));
        assert_eq!(major("openjdk version \"25-ea\" 2025"), Some(25));
        assert_eq!(major("command not found"), None);
    }
}
