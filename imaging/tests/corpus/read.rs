//! A file, read as `azulejo apply` reads it, in a process of its own.
//!
//! The process is this very program, told by variables what to do; it leaves a note and two results, the picture as it is and one turned by
//! 90 degrees, which does not read from top to bottom.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use azulejo_imaging::file::{ApplyOptions, EncodeOptions, FileErrorKind, FileKind, apply_file};
use azulejo_imaging::{Encoding, Recipe};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// How long a file may take.
const LIMIT: Duration = Duration::from_secs(20);
/// Bytes of addresses that reading one may take.
const MEMORY: u64 = 4 << 30;
/// The file that a process is to read, and where it puts what it made.
const FILE: &str = "AZULEJO_TEST_CORPUS_FILE";
const PLACE: &str = "AZULEJO_TEST_CORPUS_PLACE";
const SAME: &str = "same.tif";
const TURNED: &str = "turned.tif";
const NOTE: &str = "note.json";

/// What became of a file.
pub struct Read {
    pub file: PathBuf,
    pub outcome: Outcome,
    /// From the start of the process to its end.
    pub time: Duration,
    /// Where the results are.
    place: PathBuf,
}

/// How reading ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Read {
        /// What was said of it.
        notes: Vec<String>,
    },
    Refused {
        sentence: String,
        damaged: bool,
    },
    /// It took longer than it may.
    Hung,
    /// The process ended by itself, or a decoder did.
    Panicked(String),
}

#[derive(Serialize, Deserialize)]
struct Note {
    /// `None` where it was read.
    refused: Option<String>,
    damaged: bool,
    notes: Vec<String>,
}

impl Read {
    /// The picture and the turned one, where it was read.
    pub fn results(&self) -> Option<(PathBuf, PathBuf)> {
        let is_read = matches!(self.outcome, Outcome::Read { .. });
        is_read.then(|| (self.place.join(SAME), self.place.join(TURNED)))
    }
}

/// Whether this process is one that reads a single file.
pub fn is_child() -> bool {
    std::env::var_os(FILE).is_some()
}

/// Reads the file that the variables name.
pub fn child() {
    let limit = Rlimit {
        current: Some(MEMORY),
        maximum: Some(MEMORY),
    };
    setrlimit(Resource::As, limit).unwrap();
    let (file, place) = (std::env::var_os(FILE).unwrap(), std::env::var_os(PLACE).unwrap());
    let (file, place) = (Path::new(&file), Path::new(&place));
    let plain: Encoding = "tiff:compression=none,tile=strips".parse().unwrap();
    let options = ApplyOptions {
        kind: Some(FileKind::Tiff),
        encode: EncodeOptions::from(plain),
        ..ApplyOptions::default()
    };
    let run = |recipe: &str, to: &str| {
        let recipe: Recipe = recipe.parse().unwrap();
        apply_file(&recipe, file, &place.join(to), &options, &mut |_| true)
    };
    let note = match run("flip_horizontal|flip_horizontal", SAME) {
        Ok(applied) => {
            // What is read once is read again.
            run("rotate_90", TURNED).unwrap();
            Note {
                refused: None,
                damaged: false,
                notes: applied.left_out,
            }
        }
        Err(error) if error.kind() == FileErrorKind::DiskFull => panic!("{error}"),
        Err(error) => Note {
            refused: Some(error.to_string()),
            damaged: error.kind() == FileErrorKind::Damaged,
            notes: Vec::new(),
        },
    };
    fs::write(place.join(NOTE), serde_json::to_vec(&note).unwrap()).unwrap();
}

/// Reads `file` in a process of its own; its results go into the folder `place`, which is made.
pub fn read(file: &Path, place: &Path) -> Read {
    fs::create_dir(place).unwrap();
    let begun = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["files_of_others_are_right_or_refused_in_words", "--exact"])
        .env(FILE, file)
        .env(PLACE, place)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (sender, ended) = mpsc::channel();
    let listener = std::thread::spawn(move || {
        let mut said = Vec::new();
        // The end of it is the end of the process.
        let _ = stdout.read_to_end(&mut said);
        let _ = sender.send(());
        String::from_utf8_lossy(&said).into_owned()
    });
    let hung = ended.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout);
    if hung {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    let said = listener.join().unwrap();
    let note = fs::read(place.join(NOTE)).ok();
    let note: Option<Note> = note.and_then(|note| serde_json::from_slice(&note).ok());
    let panicked = said.lines().find(|line| line.contains("panicked at"));
    let outcome = match (note, panicked) {
        _ if hung => Outcome::Hung,
        (Some(note), None) if status.success() => match note.refused {
            Some(sentence) if sentence.contains("the decoder gave up on it") => Outcome::Panicked(sentence),
            Some(sentence) => Outcome::Refused {
                sentence,
                damaged: note.damaged,
            },
            None => Outcome::Read { notes: note.notes },
        },
        (_, panicked) => Outcome::Panicked(panicked.map_or_else(|| status.to_string(), str::to_owned)),
    };
    Read {
        file: file.to_owned(),
        outcome,
        time: begun.elapsed(),
        place: place.to_owned(),
    }
}
