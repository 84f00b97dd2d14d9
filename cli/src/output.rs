//! What people read: lines and tables on standard output, progress on standard error.

use std::io::Write as _;

use indicatif::{ProgressBar, ProgressStyle};

/// Prints a line. A reader that went away (`| head`) is no error.
pub fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints rows in columns, the first row being the heading. Columns named in `right` are aligned to the right.
pub fn table(rows: &[Vec<String>], right: &[usize]) {
    for row in layout(rows, right) {
        line(&row);
    }
}

fn layout(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
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
                    let width = widths[column];
                    if right.contains(&column) {
                        format!("{cell:>width$}")
                    } else {
                        format!("{cell:<width$}")
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
    fn columns_line_up() {
        let rows = [
            vec!["name".to_owned(), "n".to_owned()],
            vec!["é".to_owned(), "100".to_owned()],
        ];
        assert_eq!(layout(&rows, &[1]), ["name    n", "é     100"]);
    }
}
