//! A Python with libraries that read image files, from PyPI, in an environment that is made on first use.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The libraries, and the versions that are asked.
const WHEELS: [&str; 7] = [
    "imagecodecs==2026.3.6",
    "numpy==2.4.6",
    "opencv-python-headless==5.0.0.93",
    "pillow==13.0.0",
    "pyvips[binary]==3.2.0",
    "rasterio==1.4.4",
    "tifffile==2026.3.3",
];

/// The Python that has them; `None` where they cannot be had, which is said with what is skipped then.
pub fn python(skipped: &str) -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON
        .get_or_init(|| {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("judges");
            let (python, whole) = (folder.join("bin/python"), folder.join("whole"));
            if fs::read_to_string(&whole).is_ok_and(|wheels| wheels == WHEELS.join("\n")) {
                return Some(python);
            }
            let run = |command: &mut Command| command.status().is_ok_and(|status| status.success());
            let pip = [
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--retries",
                "1",
            ];
            let made = run(Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&folder))
                && run(Command::new(&python).args(pip).args(WHEELS));
            if !made {
                say(&format!(
                    "SKIPPED: {skipped}: {} cannot be installed",
                    WHEELS.join(", ")
                ));
                return None;
            }
            // Written last: what is there is whole.
            fs::write(&whole, WHEELS.join("\n")).unwrap();
            Some(python)
        })
        .as_deref()
}

/// Says something past the capture of the test runner, which shows nothing of what went well.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
