//! What the judges say of the files: `judge/corpus.py` asks them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::read::Read;

/// Those that are asked; `AZULEJO_TEST_CORPUS_JUDGES` names fewer, with commas between.
pub const JUDGES: [&str; 4] = ["libvips", "Pillow", "OpenCV", "tifffile"];

/// What is said of a file.
#[derive(Deserialize)]
pub struct Judged {
    file: String,
    /// By judge; those that are not for such files are not there.
    pub judges: BTreeMap<String, Judge>,
    /// How far the picture that was read from another side is from the other one turned.
    pub turned: Option<Judge>,
    /// Whether decoders may differ by a few levels.
    pub lossy: bool,
    /// Whether a judge ended its process, so that nothing is known.
    #[serde(default)]
    pub lost: bool,
}

/// What one judge says.
#[derive(Deserialize, Default, Clone)]
pub struct Judge {
    /// Why it does not read the file.
    pub error: Option<String>,
    /// What is different beside the samples.
    pub size: Option<String>,
    /// The farthest sample, `None` where there was nothing to compare; of levels also the mean and what 99 of 100 keep to.
    pub most: Option<f64>,
    #[serde(default)]
    pub mean: f64,
    #[serde(default)]
    pub p99: f64,
    /// The largest number, where samples are numbers and no levels.
    pub largest: Option<f64>,
}

impl Judged {
    /// Whether a judge gives pixels.
    pub fn is_read(&self) -> bool {
        self.judges.values().any(|judge| judge.error.is_none())
    }
}

/// The names of those that are asked.
fn names() -> Vec<String> {
    let Ok(names) = std::env::var("AZULEJO_TEST_CORPUS_JUDGES") else {
        return JUDGES.map(str::to_owned).to_vec();
    };
    let names: Vec<String> = names.split(',').map(str::to_owned).collect();
    for name in &names {
        assert!(
            JUDGES.contains(&name.as_str()),
            "{name} is no judge; there are {}",
            JUDGES.join(", ")
        );
    }
    names
}

/// Asks about every file, in their order.
pub fn ask(python: &Path, files: &[Read]) -> Vec<Judged> {
    let names = names();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge/corpus.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for read in files {
        let results = read.results();
        let task = serde_json::json!({
            "file": read.file,
            "same": results.as_ref().map(|results| &results.0),
            "turned": results.as_ref().map(|results| &results.1),
            "judges": names,
        });
        // It reads all of them before it says anything.
        writeln!(stdin, "{task}").unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the judges failed: {}", output.status);
    let said = String::from_utf8(output.stdout).unwrap();
    let mut judged: BTreeMap<String, Judged> = said
        .lines()
        .map(|line| {
            let judged: Judged = serde_json::from_str(line).unwrap();
            (judged.file.clone(), judged)
        })
        .collect();
    files
        .iter()
        .map(|read| judged.remove(read.file.to_str().unwrap()).unwrap())
        .collect()
}
