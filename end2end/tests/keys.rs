//! `azulejo keys`: keys are shown once, kept hashed, listed and revoked; and where the command line lets a key go.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Result, ensure};
use azulejo_end2end::process::command;
use serde_json::Value;
use tempfile::TempDir;

/// A data folder of a server that does not run.
struct Keys {
    folder: TempDir,
    data: PathBuf,
}

impl Keys {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("server");
        std::fs::create_dir(&data)?;
        Ok(Self { folder, data })
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = command("azulejo")?;
        command.arg("keys").args(arguments);
        Ok(command.env("AZULEJO_DATA_DIR", &self.data).output()?)
    }

    /// Standard output of what succeeds.
    fn says(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        ensure!(output.status.success(), "{arguments:?}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Exit code and standard error of what does not.
    fn refuses(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        ensure!(output.status.code() == Some(2), "{arguments:?}: {output:?}");
        Ok(String::from_utf8(output.stderr)?)
    }

    fn list(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.says(&["list", "--json"])?)?)
    }
}

/// Whether a file in the folder has `text` in it.
fn is_kept(folder: &Path, text: &str) -> Result<bool> {
    for entry in std::fs::read_dir(folder)? {
        let bytes = std::fs::read(entry?.path())?;
        if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[test]
fn a_key_is_shown_once_and_kept_hashed_listed_and_revoked() -> Result<()> {
    let keys = Keys::new()?;
    let shown = keys.says(&["add", "--role", "submit", "--name", "lab", "--expires", "90"])?;
    let key = shown.trim_end();
    ensure!(shown.lines().count() == 1 && key.starts_with("azk_"), "{shown}");
    ensure!(key.len() == 60 && !is_kept(&keys.data, &key[key.len() - 20..])?);
    ensure!(is_kept(&keys.data, "lab")?, "the key is kept elsewhere");

    let made: Value = serde_json::from_str(&keys.says(&[
        "add",
        "--role",
        "read",
        "--name",
        "lab-viewer",
        "--owner",
        "lab",
        "--json",
    ])?)?;
    ensure!(
        made["key"].as_str().is_some_and(|key| key.starts_with("azk_")) && made["owner"] == "lab",
        "{made}"
    );

    let list = keys.list()?;
    ensure!(list.as_array().is_some_and(|list| list.len() == 2), "{list}");
    let (lab, viewer) = (&list[0], &list[1]);
    for (field, value) in [
        ("name", "lab"),
        ("role", "submit"),
        ("owner", "lab"),
        ("state", "valid"),
    ] {
        ensure!(lab[field] == value, "{field}: {lab}");
    }
    ensure!(
        lab["created_at"].is_string()
            && lab["expires_at"].is_string()
            && lab["last_used_at"].is_null()
            && lab["revoked_at"].is_null(),
        "{lab}"
    );
    ensure!(
        viewer["expires_at"].is_null() && viewer["id"] == made["id"],
        "{viewer}"
    );
    let text = list.to_string();
    ensure!(!text.contains("hash") && !text.contains("azk_"), "{text}");
    let table = keys.says(&["list"])?;
    for word in ["ROLE", "EXPIRES", "LAST USED", "lab-viewer", "submit", "never"] {
        ensure!(table.contains(word), "{word}: {table}");
    }

    // By name, and by id.
    keys.says(&["revoke", "lab"])?;
    keys.says(&["revoke", viewer["id"].as_str().unwrap_or_default()])?;
    let list = keys.list()?;
    for key in list.as_array().into_iter().flatten() {
        ensure!(
            key["state"] == "revoked" && key["revoked_at"].is_string(),
            "{key}"
        );
    }
    // A name is free again once its key is of no use.
    keys.says(&["add", "--role", "admin", "--name", "lab", "--owner", "lab"])?;
    Ok(())
}

#[test]
fn a_wrong_argument_is_named_and_nothing_is_made() -> Result<()> {
    let keys = Keys::new()?;
    for (arguments, says) in [
        (&["add", "--role", "root", "--name", "lab"][..], "submit"),
        (&["add", "--role", "read", "--name", "a b"], "'a b'"),
        (
            &["add", "--role", "read", "--name", "lab", "--expires", "0"],
            "--expires",
        ),
        (&["add", "--name", "lab"], "--role"),
        (&["revoke", "nobody"], "'nobody'"),
        (&["list", "--data-dir", "/nowhere"], "/nowhere"),
    ] {
        let error = keys.refuses(arguments)?;
        ensure!(error.contains(says), "{arguments:?}: {error}");
    }
    ensure!(keys.list()? == serde_json::json!([]));
    keys.says(&["add", "--role", "read", "--name", "lab"])?;
    let error = keys.refuses(&["add", "--role", "read", "--name", "lab"])?;
    ensure!(error.contains("revoke it first"), "{error}");
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_key_in_a_new_file_is_one_that_the_command_line_takes() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let keys = Keys::new()?;
    let file = keys.folder.path().join("lab.key");
    let path = file.to_string_lossy().into_owned();
    let add = ["add", "--role", "submit", "--name", "lab", "--output", &path];
    ensure!(keys.says(&add)?.is_empty());
    ensure!(std::fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600);
    ensure!(std::fs::read_to_string(&file)?.starts_with("azk_"));
    // A file that is there is left alone, and no key is made for it.
    let again = keys.run(&["add", "--role", "read", "--name", "other", "--output", &path])?;
    ensure!(again.status.code() == Some(1), "{again:?}");
    ensure!(keys.list()?.as_array().is_some_and(|list| list.len() == 1));
    // Nor does a file stay where no key was made.
    let unused = keys.folder.path().join("unused.key");
    let unused_path = unused.to_string_lossy().into_owned();
    keys.refuses(&["add", "--role", "read", "--name", "lab", "--output", &unused_path])?;
    ensure!(!unused.exists());

    // Nobody listens there; what is said is which of the reasons comes first.
    let health = |server: &str| -> Result<String> {
        let mut command = command("azulejo")?;
        command.args(["jobs", "--server", server, "--key-file", &path]);
        let output = command.output()?;
        ensure!(!output.status.success(), "{output:?}");
        Ok(String::from_utf8(output.stderr)?)
    };
    ensure!(health("http://127.0.0.1:9")?.contains("no server answers"));
    ensure!(health("http://192.0.2.1:9")?.contains("--insecure-key-over-http"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644))?;
    ensure!(health("http://127.0.0.1:9")?.contains("chmod 600"));
    Ok(())
}

/// The folder of `azulejo up` has that of the server in it; either may be given.
#[test]
fn the_folder_of_the_whole_system_leads_to_that_of_the_server() -> Result<()> {
    let keys = Keys::new()?;
    let whole = keys.folder.path().to_string_lossy().into_owned();
    keys.says(&["add", "--role", "read", "--name", "lab", "--data-dir", &whole])?;
    ensure!(keys.list()?[0]["name"] == "lab");
    ensure!(!keys.folder.path().join("keys.json").exists());
    Ok(())
}
