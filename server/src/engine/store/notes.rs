//! What is said of a job's files: what of the image was left out or changed when it was read, and what the result has no room for.
//! Both are told to people only. Decoding and encoding may begin anew: what either says replaces what it said before.

use azulejo_protocol::JobId;
use rusqlite::{Connection, Row, params};

/// Most notes of each side of a job: a file says as many things as it likes.
pub const MAX_EACH: usize = 8;
/// Most characters of a note.
pub const MAX_CHARS: usize = 300;

/// The notes of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// On the image, as it was read.
    pub input: Vec<String>,
    /// On the result, as it is written.
    pub output: Vec<String>,
}

impl Notes {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let lines = |column: &str| -> rusqlite::Result<Vec<String>> {
            let text: String = row.get(column)?;
            Ok(text.lines().map(str::to_owned).collect())
        };
        Ok(Self {
            input: lines("input_notes")?,
            output: lines("output_notes")?,
        })
    }

    /// All of them, those on the image first, none twice: at most twice [`MAX_EACH`].
    pub fn all(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for note in self.input.iter().chain(&self.output) {
            if !all.contains(note) {
                all.push(note.clone());
            }
        }
        all
    }
}

/// `sentences` as they are stored: at most [`MAX_EACH`], each in one line of at most [`MAX_CHARS`] characters. The last one says
/// how many are not there.
pub fn bounded(sentences: &[String]) -> Vec<String> {
    let kept = if sentences.len() > MAX_EACH {
        MAX_EACH - 1
    } else {
        sentences.len()
    };
    let mut notes: Vec<String> = sentences[..kept].iter().map(|text| line(text)).collect();
    if kept < sentences.len() {
        notes.push(format!("{} more notes are left out", sentences.len() - kept));
    }
    notes
}

fn line(text: &str) -> String {
    let mut characters = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = characters.by_ref().take(MAX_CHARS - 1).collect();
    match (characters.next(), characters.next()) {
        (Some(last), None) => line.push(last),
        (Some(_), Some(_)) => line.push('…'),
        (None, _) => {}
    }
    line
}

/// Stores what is said of the image of job `id`; `notes` are [`bounded`].
pub fn put_input(connection: &Connection, id: JobId, notes: &[String]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE jobs SET input_notes = ?2 WHERE id = ?1")?
        .execute(params![id.to_string(), notes.join("\n")])?;
    Ok(())
}

/// Stores what is said of the result of job `id`; `notes` are [`bounded`].
pub fn put_output(connection: &Connection, id: JobId, notes: &[String]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE jobs SET output_notes = ?2 WHERE id = ?1")?
        .execute(params![id.to_string(), notes.join("\n")])?;
    Ok(())
}

/// The job `id` has the result of job `from`, and with it what is said of that, if it is still there.
pub fn copy(connection: &Connection, id: JobId, from: JobId) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE jobs SET input_notes = earlier.input_notes, output_notes = earlier.output_notes
             FROM (SELECT input_notes, output_notes FROM jobs WHERE id = ?2) AS earlier WHERE id = ?1",
        )?
        .execute(params![id.to_string(), from.to_string()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::store::jobs;
    use crate::engine::store::schema::migrate;
    use crate::engine::testing;

    fn texts(notes: &[&str]) -> Vec<String> {
        notes.iter().map(|&note| note.to_owned()).collect()
    }

    #[test]
    fn what_is_said_anew_replaces_what_was_said_and_goes_with_the_result() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db).unwrap();
        let row = testing::row();
        jobs::insert(&db, &row).unwrap();
        let stored = |id| jobs::get(&db, id).unwrap().unwrap().notes;
        assert_eq!(stored(row.id), Notes::default());
        put_input(&db, row.id, &texts(&["one", "two"])).unwrap();
        put_output(&db, row.id, &texts(&["two", "three"])).unwrap();
        put_input(&db, row.id, &texts(&["four", "two"])).unwrap();
        assert_eq!(stored(row.id).all(), ["four", "two", "three"]);
        put_output(&db, row.id, &[]).unwrap();
        assert_eq!(stored(row.id).all(), ["four", "two"]);

        let mut other = row.clone();
        other.id = JobId(uuid::Uuid::from_u128(77));
        jobs::insert(&db, &other).unwrap();
        copy(&db, other.id, JobId(uuid::Uuid::from_u128(78))).unwrap();
        assert_eq!(stored(other.id), Notes::default(), "that one is gone");
        copy(&db, other.id, row.id).unwrap();
        assert_eq!(stored(other.id).all(), ["four", "two"]);
    }

    #[test]
    fn many_and_long_notes_are_cut() {
        let exact = "é".repeat(MAX_CHARS);
        let one = std::slice::from_ref(&exact);
        assert_eq!(bounded(one), one);
        let cut = &bounded(&[format!("{exact}é")])[0];
        assert_eq!(cut.chars().count(), MAX_CHARS);
        assert!(cut.ends_with("é…"));
        assert_eq!(bounded(&texts(&["a\nb\u{1b}c"])), ["a b c"]);
        let all: Vec<String> = (0..MAX_EACH).map(|n| n.to_string()).collect();
        assert_eq!(bounded(&all), all);
        let more: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        let kept = bounded(&more);
        assert_eq!(kept.len(), MAX_EACH);
        assert_eq!(kept[MAX_EACH - 1], "13 more notes are left out");
    }
}
