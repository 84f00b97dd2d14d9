//! Which page of a TIFF is the image.

use std::collections::HashSet;

use super::ifd::{Directory, TiffFile};
use super::page::tag;
use crate::FileError;
use crate::header::bytes::ReadAt;

/// Directories that are looked at; the places of more are not followed.
const MAX_PAGES: usize = 4096;

/// What [`choose`] found.
pub(crate) struct Chosen {
    pub directory: Directory,
    /// Its number, from 1 on.
    pub number: usize,
    /// How many pages there are.
    pub count: usize,
    /// How many of the others say that they are smaller versions of an image.
    pub smaller: usize,
}

/// The directory of page number `page`, from 1 on, else of the largest, the first among equals. Masks and smaller versions count,
/// those inside of a page behind all others.
pub(crate) fn choose(
    file: &mut TiffFile<impl ReadAt>,
    first: u64,
    page: Option<u32>,
) -> Result<Chosen, FileError> {
    let mut seen = HashSet::new();
    let mut best: Option<(bool, u64, Directory, usize)> = None;
    let (mut count, mut smaller, mut at, mut inner) = (0, 0, first, Vec::new());
    while seen.len() < MAX_PAGES {
        let place = if at != 0 && seen.insert(at) {
            at
        } else {
            // The chain is at its end; pages inside of pages come last.
            at = 0;
            match inner.pop() {
                Some(place) if seen.insert(place) => place,
                Some(_) => continue,
                None => break,
            }
        };
        let directory = match file.directory(place) {
            Ok(directory) => directory,
            Err(error) if best.is_none() => return Err(error),
            Err(_) => {
                at = 0;
                continue;
            }
        };
        if at != 0 {
            at = directory.next;
        }
        let area = |file: &mut TiffFile<_>| {
            let width = directory.number(file, tag::WIDTH).ok()??;
            Some(width.saturating_mul(directory.number(file, tag::HEIGHT).ok()??))
        };
        let Some(area) = area(file) else { continue };
        count += 1;
        let subfile = subfile(file, &directory);
        smaller += usize::from(subfile & SMALLER != 0);
        if let Ok(places) = directory.numbers(file, tag::SUB_DIRECTORIES, 64) {
            inner.extend(places.into_iter().rev().filter(|place| *place != 0));
        }
        // A mask is none of the images where there is one.
        let rank = match page {
            Some(page) => (count == page as usize, 0),
            None => (subfile & 4 == 0, area),
        };
        if best
            .as_ref()
            .is_none_or(|(image, area, ..)| rank > (*image, *area))
        {
            best = Some((rank.0, rank.1, directory, count));
        }
    }
    let (_, _, directory, number) =
        best.ok_or_else(|| FileError::damaged("it has no page with a width and a height"))?;
    match page {
        Some(page) if number != page as usize => Err(FileError::no_page(page, count as u64)),
        _ => Ok(Chosen {
            smaller: smaller - usize::from(subfile(file, &directory) & SMALLER != 0),
            directory,
            number,
            count,
        }),
    }
}

/// The bit of a smaller version of another page.
const SMALLER: u64 = 1;

/// What kind of page it is, in bits.
fn subfile(file: &mut TiffFile<impl ReadAt>, directory: &Directory) -> u64 {
    directory.number(file, tag::SUBFILE).ok().flatten().unwrap_or(0)
}
