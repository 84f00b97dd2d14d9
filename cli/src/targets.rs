//! Where the results of one run go: planned before any work, so that two never get one name, and looked at again when each
//! is there, so that none replaces another or an image of the run, whatever the file system takes for the same name.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use azulejo_imaging::FileKind;

use crate::naming;
use crate::result_name::{numbered, result_name};

/// What stands for standard input and standard output.
pub const DASH: &str = "-";

/// Whether `path` is the one for standard input or output. A file of that name is `./-`.
pub fn is_dash(path: &Path) -> bool {
    path.as_os_str() == DASH
}

/// Where one result goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To standard output.
    Output,
    /// To the file that was asked for.
    File(PathBuf),
    /// To a file in the folder, under the name that follows from the image and the recipe.
    Named(String),
}

/// A file as the system knows it: device and number.
#[cfg(unix)]
type Identity = (u64, u64);
/// A file as the system knows it: its path with every link followed, written as the file system writes it. Hard links of one file
/// count as two.
#[cfg(not(unix))]
type Identity = PathBuf;

/// The results of one run.
#[derive(Debug)]
pub struct Targets {
    output: Option<PathBuf>,
    force: bool,
    /// Names given in this run, in lower case: many file systems take `A.png` and `a.png` for one.
    given: HashSet<String>,
    images: HashSet<Identity>,
    results: HashSet<Identity>,
}

impl Targets {
    /// For results that go to `output` (a file, a folder, standard output; the current folder without it) and replace what is
    /// there if `force`.
    pub fn new(output: Option<PathBuf>, force: bool) -> Self {
        Self {
            output,
            force,
            given: HashSet::new(),
            images: HashSet::new(),
            results: HashSet::new(),
        }
    }

    /// Notes an image of the run: no result that is named after another image replaces it.
    pub fn note_image(&mut self, image: &Path) {
        self.images.extend(identity(image));
    }

    /// Plans the result of `recipe` on the image called `image`, which is expected to be of `kind`.
    ///
    /// # Errors
    /// When the place is taken, or nothing can be written there.
    pub fn plan(&mut self, image: &str, recipe: &str, kind: FileKind) -> anyhow::Result<Target> {
        let target = match &self.output {
            Some(output) if is_dash(output) => return Ok(Target::Output),
            Some(output) if !output.is_dir() => Target::File(output.clone()),
            _ => Target::Named(self.unused(&result_name(image, recipe, kind.extension()))),
        };
        naming::check(&self.path(&target), self.force)?;
        Ok(target)
    }

    /// The file for the result that was planned for `target` and that the server calls `told`, which says its kind.
    ///
    /// # Errors
    /// When the place is taken by now.
    pub fn settle(&mut self, target: &Target, told: &str) -> anyhow::Result<PathBuf> {
        let mut target = target.clone();
        if let Target::Named(name) = &target {
            let planned = FileKind::from_path(Path::new(name));
            let kind = FileKind::from_path(Path::new(told));
            if let Some(kind) = kind.filter(|kind| planned != Some(*kind)) {
                let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
                target = Target::Named(self.unused(&format!("{stem}.{}", kind.extension())));
            } else if self.is_of_the_run(name) {
                target = Target::Named(self.unused(name));
            }
        }
        let path = self.path(&target);
        naming::check(&path, self.force)?;
        Ok(path)
    }

    /// Notes a result that has its place.
    pub fn note_result(&mut self, place: &Path) {
        self.results.extend(identity(place));
    }

    /// Whether what is there may be replaced.
    pub const fn force(&self) -> bool {
        self.force
    }

    /// `name`, with a number where this run has it already.
    fn unused(&mut self, name: &str) -> String {
        let mut number = 1;
        loop {
            let name = numbered(name, number);
            if !self.is_of_the_run(&name) && self.given.insert(name.to_lowercase()) {
                return name;
            }
            number += 1;
        }
    }

    /// Whether the file of that name is a result or an image of this run.
    fn is_of_the_run(&self, name: &str) -> bool {
        let file = identity(&self.path(&Target::Named(name.to_owned())));
        file.is_some_and(|file| self.results.contains(&file) || self.images.contains(&file))
    }

    fn path(&self, target: &Target) -> PathBuf {
        match (target, &self.output) {
            (Target::Output, _) => PathBuf::from(DASH),
            (Target::File(file), _) => file.clone(),
            (Target::Named(name), Some(folder)) => folder.join(name),
            (Target::Named(name), None) => PathBuf::from(name),
        }
    }
}

#[cfg(not(unix))]
fn identity(file: &Path) -> Option<Identity> {
    std::fs::canonicalize(file).ok()
}

#[cfg(unix)]
fn identity(file: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(targets: &mut Targets, image: &str) -> String {
        match targets.plan(image, "blur", FileKind::Png).unwrap() {
            Target::Named(name) => name,
            other => panic!("{image}: {other:?}"),
        }
    }

    #[test]
    fn two_images_of_one_name_get_two_results() {
        let folder = tempfile::tempdir().unwrap();
        let mut targets = Targets::new(Some(folder.path().to_owned()), true);
        assert_eq!(named(&mut targets, "x.png"), "x-blur.png");
        assert_eq!(named(&mut targets, "x.png"), "x-blur-2.png");
        assert_eq!(named(&mut targets, "x.tif"), "x-blur-3.png");
        assert_eq!(named(&mut targets, "X.png"), "X-blur-4.png", "case makes no name");
        assert_eq!(named(&mut targets, "y.png"), "y-blur.png");
        assert_eq!(
            named(&mut targets, "x\u{202e}.png"),
            "x-blur-5.png",
            "nor does what is not seen"
        );
    }

    #[test]
    fn a_taken_place_is_refused_before_the_work_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x-blur.png"), "mine").unwrap();
        let mut targets = Targets::new(Some(folder.path().to_owned()), false);
        let error = targets.plan("x.png", "blur", FileKind::Png).unwrap_err();
        assert!(error.to_string().contains("--force"), "{error}");
        let mut targets = Targets::new(Some(folder.path().to_owned()), true);
        assert_eq!(named(&mut targets, "x.png"), "x-blur.png");
    }

    #[test]
    fn an_image_of_the_run_is_not_replaced_by_the_result_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("x-blur.png");
        std::fs::write(&image, "an image").unwrap();
        let mut targets = Targets::new(Some(folder.path().to_owned()), true);
        targets.note_image(&image);
        assert_eq!(named(&mut targets, "x.png"), "x-blur-2.png");
    }

    #[test]
    fn a_result_is_not_replaced_however_its_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut targets = Targets::new(Some(folder.path().to_owned()), true);
        let plans = ["x.png", "y.png"].map(|image| targets.plan(image, "blur", FileKind::Png).unwrap());
        let first = targets.settle(&plans[0], "x-blur.png").unwrap();
        std::fs::write(&first, "a result").unwrap();
        targets.note_result(&first);
        // As on a file system that takes the two names for one.
        std::fs::hard_link(&first, folder.path().join("y-blur.png")).unwrap();
        let second = targets.settle(&plans[1], "y-blur.png").unwrap();
        assert_eq!(second, folder.path().join("y-blur-2.png"));
    }

    #[test]
    fn the_servers_kind_of_file_counts() {
        let folder = tempfile::tempdir().unwrap();
        let mut targets = Targets::new(Some(folder.path().to_owned()), false);
        let jpeg = targets.plan("x.jpg", "blur", FileKind::Jpeg).unwrap();
        assert_eq!(jpeg, Target::Named("x-blur.jpg".into()));
        named(&mut targets, "x.png");
        let place = targets.settle(&jpeg, "x-blur.png").unwrap();
        assert_eq!(
            place,
            folder.path().join("x-blur-2.png"),
            "x-blur.png is planned for another"
        );
    }

    #[test]
    fn a_dash_is_standard_output_and_a_file_that_was_asked_for_is_that() {
        let plan = |output: &str| Targets::new(Some(output.into()), false).plan("x", "blur", FileKind::Png);
        assert_eq!(plan("-").unwrap(), Target::Output);
        assert_eq!(plan("./-").unwrap(), Target::File("./-".into()));
    }
}
