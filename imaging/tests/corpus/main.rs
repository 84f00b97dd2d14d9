//! Image files that other people made, read here and by libvips, Pillow, OpenCV and tifffile: a file is right, or it is refused in
//! words, and of those that one of the others reads few are refused.
//!
//! The folder is the one that `AZULEJO_TEST_CORPUS` names, else `corpus` in a folder `shared` beside the clone; where there is
//! none the test is skipped, which is said. `cargo xtask corpus FOLDER` runs the same and shows the table.
//!
//! # Tour
//! - `read`: a file, read here, in a process of its own that has a limit of time and of memory.
//! - `judged`: what `judge/corpus.py` says of the same file. `verdict`: what follows. `table`: counts and sentences.
#![cfg(feature = "files")]

mod judged;
#[path = "../common/python.rs"]
mod python;
mod read;
mod table;
mod verdict;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use read::Read;
use verdict::Verdict;

/// What of the files that a judge reads may be refused.
const MAX_REFUSED: f64 = 0.05;

/// The folder of the files, and whether somebody named it.
fn folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("AZULEJO_TEST_CORPUS") {
        let folder = PathBuf::from(folder);
        assert!(
            folder.is_dir(),
            "AZULEJO_TEST_CORPUS is {}, which is no folder; name one with image files",
            folder.display()
        );
        return Some(folder);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    folder.is_dir().then_some(folder)
}

/// All files below `folder`, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                assert!(path.to_str().is_some(), "{} is no name in UTF-8", path.display());
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Reads every file, as many at a time as there are processors.
fn read_all(files: &[PathBuf], results: &Path) -> Vec<Read> {
    let (next, read) = (Mutex::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let index = {
                        let mut next = next.lock().unwrap();
                        *next += 1;
                        *next - 1
                    };
                    let Some(file) = files.get(index) else { return };
                    let done = read::read(file, &results.join(index.to_string()));
                    read.lock().unwrap().push((index, done));
                }
            });
        }
    });
    let mut read = read.into_inner().unwrap();
    read.sort_by_key(|(index, _)| *index);
    read.into_iter().map(|(_, read)| read).collect()
}

/// Files that are read before the judges are asked about them.
const PORTION: usize = 128;

#[test]
fn files_of_others_are_right_or_refused_in_words() {
    if read::is_child() {
        return read::child();
    }
    let Some(folder) = folder() else {
        python::say(
            "SKIPPED: image files that others made: there is no folder corpus in a folder shared beside the clone; \
             AZULEJO_TEST_CORPUS names another",
        );
        return;
    };
    let Some(python) = python::python("image files that others made") else {
        // Who names a folder wants an answer.
        assert!(
            std::env::var_os("AZULEJO_TEST_CORPUS").is_none(),
            "the judges cannot be installed"
        );
        return;
    };
    let files = files(&folder);
    let (mut read, mut judged) = (Vec::new(), Vec::new());
    // What was read takes more room than the files.
    for files in files.chunks(PORTION) {
        let place = tempfile::tempdir().unwrap();
        let portion = read_all(files, place.path());
        judged.extend(judged::ask(python, &portion));
        read.extend(portion);
    }
    let verdicts: Vec<Verdict> = read
        .iter()
        .zip(&judged)
        .map(|(read, judged)| Verdict::of(read, judged))
        .collect();
    let table = table::Table::of(&folder, &read, &judged, &verdicts);
    println!("{table}");
    if let Some(path) = std::env::var_os("AZULEJO_TEST_CORPUS_RESULTS") {
        fs::write(path, table::lines(&folder, &read, &judged, &verdicts)).unwrap();
    }
    let faults = table.faults(MAX_REFUSED);
    assert!(faults.is_empty(), "{faults}\n{table}");
}
