//! `azulejo keys`: who may use a server. Works on the server's data folder, on its machine; a server that runs sees the change
//! within moments.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use azulejo_access::{Key, KeyError, KeyFile, KeyState, NewKey, Role, Uses};
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use serde::Serialize;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

use crate::commands::WrongArgument;
use crate::output;

const AFTER_HELP: &str = "\
Examples:
  azulejo keys add --role submit --name lab --expires 90 --output lab.key
  AZULEJO_KEY_FILE=lab.key azulejo submit photo.jpg -r blur --server https://tiles.example.org

Run it as the user that the server runs as, or as root: `sudo -u azulejo azulejo keys list --data-dir /var/lib/azulejo/server`. A \
role may do what the ones before it may, too: read looks, submit sends images and has jobs of its own, admin does all of that with \
everybody's.";

/// Make, list and revoke the keys of a server, on its machine.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Add(Add),
    List(List),
    Revoke(Revoke),
}

/// Make a key and show it, once: nothing of it is kept from which it could be made again.
#[derive(Debug, clap::Args)]
struct Add {
    /// What it may do.
    #[arg(long, value_name = "ROLE",
        value_parser = PossibleValuesParser::new(Role::ALL.map(Role::name)).try_map(|role| role.parse::<Role>()))]
    role: Role,

    /// What it is called; jobs that are sent with it belong to this name. 1 to 64 letters, digits, '.', '_', '-' and '@'.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: String,

    /// Whose jobs it is for: the name of another key, with which it shares them [default: its own name].
    #[arg(long, value_name = "NAME", value_parser = name)]
    owner: Option<String>,

    /// Days after which it is of no use, 1 to 36500 [default: never].
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    expires: Option<u32>,

    /// Write it to a new file that only you can read, as --key-file wants it, instead of standard output.
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,

    /// As JSON, with what is known of it.
    #[arg(long, conflicts_with = "output")]
    json: bool,

    #[command(flatten)]
    place: DataFolder,
}

/// List all keys, revoked ones too, without what is secret of them.
#[derive(Debug, clap::Args)]
struct List {
    /// As JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: DataFolder,
}

/// Revoke a key: requests with it are refused from now on. It stays in the list.
#[derive(Debug, clap::Args)]
struct Revoke {
    /// Its name or id.
    #[arg(value_name = "NAME-or-ID")]
    key: String,

    #[command(flatten)]
    place: DataFolder,
}

#[derive(Debug, clap::Args)]
struct DataFolder {
    /// The server's data folder, or that of `azulejo up`, in which the server has its own.
    #[arg(
        long,
        env = "AZULEJO_DATA_DIR",
        value_name = "DIR",
        default_value = "azulejo-data/server"
    )]
    data_dir: PathBuf,
}

impl DataFolder {
    fn path(&self) -> PathBuf {
        let inner = self.data_dir.join("server");
        if inner.is_dir() {
            inner
        } else {
            self.data_dir.clone()
        }
    }

    /// The folder, which must be there.
    fn existing(&self) -> Result<PathBuf, WrongArgument> {
        let path = self.path();
        if path.is_dir() {
            return Ok(path);
        }
        Err(WrongArgument(format!(
            "--data-dir {} is not a folder: give the server's data folder",
            path.display()
        )))
    }
}

fn name(text: &str) -> Result<String, String> {
    azulejo_access::name::check(text).map(|()| text.to_owned())
}

/// What is told of a key.
#[derive(Serialize)]
struct Told<'a> {
    /// The key itself, when it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    id: &'a str,
    name: &'a str,
    role: Role,
    owner: &'a str,
    state: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    last_used_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    revoked_at: Option<OffsetDateTime>,
}

impl<'a> Told<'a> {
    fn new(key: &'a Key, uses: &Uses, now: OffsetDateTime) -> Self {
        Self {
            key: None,
            id: &key.id,
            name: &key.name,
            role: key.role,
            owner: key.owner(),
            state: match key.state(now) {
                KeyState::Valid => "valid",
                KeyState::Expired => "expired",
                KeyState::Revoked => "revoked",
            },
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: uses.last(&key.id),
            revoked_at: key.revoked_at,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When the keys cannot be read or changed.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // Whole seconds: nobody reads the rest.
    let now = OffsetDateTime::now_utc().replace_nanosecond(0)?;
    match &arguments.action {
        Action::Add(arguments) => add(arguments, now),
        Action::List(arguments) => list(arguments, now),
        Action::Revoke(arguments) => {
            let key = KeyFile::revoke(&arguments.place.existing()?, &arguments.key, now).map_err(told)?;
            output::say(&format!(
                "the key {} ({}, {}) is revoked",
                key.name, key.id, key.role
            ));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn add(arguments: &Add, now: OffsetDateTime) -> anyhow::Result<ExitCode> {
    // Before the key is made, so that none is made that nobody gets to see.
    let file = arguments.output.as_deref().map(Draft::open).transpose()?;
    let new = NewKey {
        name: arguments.name.clone(),
        owner: arguments.owner.clone(),
        role: arguments.role,
        expires_at: arguments.expires.map(|days| now + Duration::days(days.into())),
    };
    let folder = arguments.place.path();
    let (text, key) = KeyFile::add(&folder, new, now).map_err(told)?;
    if arguments.json {
        output::json(&Told {
            key: Some(&text),
            ..Told::new(&key, &Uses::default(), now)
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let until = key.expires_at.map_or_else(
        || "until it is revoked".to_owned(),
        |end| format!("until {}", shown(end)),
    );
    match file {
        Some(file) => file.write(&text)?,
        None => {
            output::line(&text);
            output::say("this is shown once: keep it in a file of mode 600 (--key-file) or in AZULEJO_KEY");
        }
    }
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    output::say(&format!(
        "the key {} ({}, {}) is valid {until} for the server whose data folder is {}",
        key.name,
        key.id,
        key.role,
        folder.display()
    ));
    Ok(ExitCode::SUCCESS)
}

fn list(arguments: &List, now: OffsetDateTime) -> anyhow::Result<ExitCode> {
    let folder = arguments.place.existing()?;
    let keys = KeyFile::read(&folder).map_err(told)?;
    let uses = Uses::read(&folder);
    let keys: Vec<_> = keys.keys().iter().map(|key| Told::new(key, &uses, now)).collect();
    if arguments.json {
        output::json(&keys)?;
        return Ok(ExitCode::SUCCESS);
    }
    let heading = [
        "ID",
        "NAME",
        "ROLE",
        "JOBS OF",
        "STATE",
        "CREATED",
        "EXPIRES",
        "LAST USED",
        "REVOKED",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    let moment = |moment: Option<OffsetDateTime>| moment.map_or_else(|| "never".to_owned(), shown);
    rows.extend(keys.iter().map(|key| {
        vec![
            key.id.to_owned(),
            key.name.to_owned(),
            key.role.to_string(),
            key.owner.to_owned(),
            key.state.to_owned(),
            shown(key.created_at),
            moment(key.expires_at),
            moment(key.last_used_at),
            moment(key.revoked_at),
        ]
    }));
    output::table(&rows, &[]);
    Ok(ExitCode::SUCCESS)
}

/// A moment for people, UTC.
fn shown(moment: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]Z");
    moment
        .to_offset(time::UtcOffset::UTC)
        .format(format)
        .unwrap_or_else(|_| moment.to_string())
}

/// What a name or an id got wrong is a wrong argument.
fn told(error: KeyError) -> anyhow::Error {
    match error {
        KeyError::Refused(sentence) => WrongArgument(sentence).into(),
        other => other.into(),
    }
}

/// A file for a key, which goes again unless the key is written.
struct Draft<'a> {
    path: &'a Path,
    file: Option<File>,
}

impl<'a> Draft<'a> {
    fn open(path: &'a Path) -> anyhow::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(file) => Ok(Self {
                path,
                file: Some(file),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                bail!("--output {} is there already: give a new name", path.display())
            }
            Err(error) => Err(error).with_context(|| format!("cannot make {}", path.display())),
        }
    }

    fn write(mut self, key: &str) -> anyhow::Result<()> {
        let Some(mut file) = self.file.take() else {
            return Ok(());
        };
        writeln!(file, "{key}")
            .and_then(|()| file.sync_all())
            .with_context(|| {
                format!(
                    "cannot write {}: the key was made, revoke it and make another",
                    self.path.display()
                )
            })
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if self.file.is_some() {
            // It is empty, and the reason why is being told.
            let _ = std::fs::remove_file(self.path);
        }
    }
}
