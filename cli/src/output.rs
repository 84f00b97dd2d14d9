//! What people and scripts read: lines, tables, JSON and files on standard output; sentences and progress on standard error.
//!
//! Everything that goes to standard output goes through here, so that an error of writing is seen in one place: it is told
//! once, nothing more is written, and [`ended`] makes the exit code say it. A reader that went away (`| head`) is no error.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::foreign::{clean, clean_lines};

/// Bytes copied at a time.
const CHUNK: usize = 256 * 1024;

/// Whether standard output still takes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Nobody reads any more.
    Closed,
    /// Something could not be written; it was told.
    Failed,
}

static STDOUT: Mutex<State> = Mutex::new(State::Open);

/// Prints a line. What a terminal would obey is made visible, line breaks too.
pub fn line(text: &str) {
    write(format!("{}\n", clean(text)).as_bytes());
}

/// Prints the path of a file: exactly for a script, cleaned for a terminal.
pub fn path(path: &Path) {
    if io::stdout().is_terminal() {
        return line(&path.to_string_lossy());
    }
    let mut bytes = path.as_os_str().as_encoded_bytes().to_vec();
    bytes.push(b'\n');
    write(&bytes);
}

/// Prints a value as JSON on a line of its own, exactly.
///
/// # Errors
/// When the value has no JSON.
pub fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec(value)?;
    text.push(b'\n');
    write(&text);
    Ok(())
}

/// Prints a value as JSON that people can read, exactly.
///
/// # Errors
/// When the value has no JSON.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    write(&text);
    Ok(())
}

/// Prints bytes as they are.
pub fn raw(bytes: &[u8]) {
    write(bytes);
}

/// Prints rows in columns, the first row being the heading. Columns named in `right` are aligned to the right. Cells are
/// cleaned: each row is one line.
pub fn table(rows: &[Vec<String>], right: &[usize]) {
    for row in layout(rows, right) {
        line(&row);
    }
}

/// Copies a file to standard output. It is done on a thread of its own, since a reader may take its time.
pub async fn copy(mut file: File) -> anyhow::Result<()> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        let result = loop {
            match file.read(&mut buffer) {
                Ok(0) => break Ok(()),
                Ok(read) => write(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
            if state() != State::Open {
                break Ok(());
            }
        };
        // Whoever does not wait any more was interrupted.
        let _ = sender.send(result);
    });
    Ok(receiver.await??)
}

/// Whether standard output has taken everything so far, or its reader did not want it.
pub fn is_sound() -> bool {
    state() != State::Failed
}

/// The exit code of a command that would end with `code`: failure where standard output did not take everything.
pub fn ended(code: ExitCode) -> ExitCode {
    if code == ExitCode::SUCCESS && !is_sound() {
        ExitCode::FAILURE
    } else {
        code
    }
}

fn state() -> State {
    *STDOUT.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write(bytes: &[u8]) {
    if state() != State::Open {
        return;
    }
    let mut out = io::stdout().lock();
    let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) else {
        return;
    };
    let mut state = STDOUT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    *state = State::Closed;
    if error.kind() != ErrorKind::BrokenPipe {
        *state = State::Failed;
        say(&format!("error: cannot write to standard output: {error}"));
    }
}

/// Says a sentence on standard error, on one line. Where that is full or closed there is nobody left to tell; the exit code
/// says it anyway.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", clean(text));
}

/// The same for text of several lines.
pub fn say_lines(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", clean_lines(text));
}

/// Columns of a terminal that `text` takes: two for a wide character.
fn shown(text: &str) -> usize {
    ratatui::text::Span::raw(text).width()
}

fn layout(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let rows: Vec<Vec<_>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| clean(cell)).collect())
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| shown(cell))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells: Vec<_> = row
                .iter()
                .enumerate()
                .map(|(column, cell)| {
                    let room = " ".repeat(widths[column].saturating_sub(shown(cell)));
                    if right.contains(&column) {
                        format!("{room}{cell}")
                    } else {
                        format!("{cell}{room}")
                    }
                })
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

/// A number of bytes for people.
pub fn bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// A worker's memory, which not every system tells it.
pub fn memory(resident: u64) -> String {
    match resident {
        0 => "unknown".to_owned(),
        resident => bytes(resident),
    }
}

/// A progress bar of bytes on standard error; nothing where that is not a terminal.
pub fn byte_bar(what: &str, total: u64) -> ProgressBar {
    bar(
        what,
        total,
        "{msg:>12} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}",
    )
}

/// A progress bar of tiles.
pub fn tile_bar(total: u64) -> ProgressBar {
    bar("tiles", total, "{msg:>12} {wide_bar} {pos} of {len}, {per_sec}")
}

/// A progress bar of rows.
pub fn row_bar() -> ProgressBar {
    bar("rows", 0, "{msg:>12} {wide_bar} {percent} %")
}

fn bar(what: &str, total: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total)
        .with_style(style)
        .with_message(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_not_told_is_no_figure() {
        assert_eq!(memory(0), "unknown");
        assert_eq!(memory(3 << 20), "3.00 MiB");
    }

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["name".to_owned(), "n".to_owned()],
            vec!["é".to_owned(), "100".to_owned()],
        ];
        assert_eq!(layout(&rows, &[1]), ["name    n", "é     100"]);
        let rows = [
            vec!["name".to_owned(), "n".to_owned()],
            vec!["風.png".to_owned(), "1".to_owned()],
        ];
        assert_eq!(layout(&rows, &[1]), ["name    n", "風.png  1"]);
    }

    #[test]
    fn a_cell_is_clean_and_its_row_one_line() {
        let rows = [
            vec!["a\nb".to_owned(), "x".to_owned()],
            vec!["\u{1b}[31m".to_owned(), "y".to_owned()],
        ];
        assert_eq!(layout(&rows, &[]), ["a\\nb        x", "\\u001b[31m  y"]);
    }
}
