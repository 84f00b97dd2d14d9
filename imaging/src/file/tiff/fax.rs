//! The codings of scans: modified Huffman (CCITT 2), group 3 (CCITT 3) and group 4 (CCITT 4).

use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, ByteReader};

use crate::header::tiff::packing::Fax;

/// The codes that are left, and beyond them zeros.
type Codes<'a> = ByteReader<Box<dyn Iterator<Item = Result<u8, std::convert::Infallible>> + 'a>>;

/// Fills `out` with rows of `width` pixels, one bit each, black set. `None` where the data is damaged or ends early.
pub(super) fn decode(fax: Fax, data: &[u8], width: usize, out: &mut [u8]) -> Option<()> {
    let bytes = data.iter().copied().chain([0; 8]).map(Ok);
    let bytes: Box<dyn Iterator<Item = _>> = Box::new(bytes);
    let mut codes = ByteReader::new(bytes).ok()?;
    let mut above: Vec<usize> = Vec::new();
    for row in out.chunks_exact_mut(width.div_ceil(8)) {
        let by_differences = match fax {
            Fax::Huffman => {
                let padding = codes.bits_to_byte_boundary();
                codes.consume(padding).ok()?;
                false
            }
            Fax::Group3 { differences } => skip_mark(&mut codes)? && differences && !take_bit(&mut codes)?,
            Fax::Group4 => true,
        };
        above = if by_differences {
            differences(&mut codes, &above, width)?
        } else {
            runs(&mut codes, width)?
        };
        paint(&above, width, row);
    }
    Some(())
}

fn take_bit(codes: &mut Codes<'_>) -> Option<bool> {
    let bit = codes.peek(1)?;
    codes.consume(1).ok()?;
    Some(bit == 1)
}

/// Passes the mark of a row's start, eleven zeros or more and a one, where there is one.
fn skip_mark(codes: &mut Codes<'_>) -> Option<bool> {
    if codes.peek(11)? != 0 {
        return Some(false);
    }
    while !take_bit(codes)? {}
    Some(true)
}

/// The length of a run of that colour.
fn run(codes: &mut Codes<'_>, is_black: bool) -> Option<usize> {
    let mut sum = 0usize;
    loop {
        let part = if is_black {
            black::decode(codes)?
        } else {
            white::decode(codes)?
        };
        sum = sum.checked_add(part.into())?;
        if part < 64 {
            return Some(sum);
        }
    }
}

/// The places where the colour changes in a row of runs, from white on.
fn runs(codes: &mut Codes<'_>, width: usize) -> Option<Vec<usize>> {
    let (mut changes, mut at, mut is_black) = (Vec::new(), 0, false);
    while at < width {
        at = (at + run(codes, is_black)?).min(width);
        changes.push(at);
        is_black = !is_black;
    }
    Some(changes)
}

/// The same of a row that tells its differences to the row above.
fn differences(codes: &mut Codes<'_>, above: &[usize], width: usize) -> Option<Vec<usize>> {
    let (mut changes, mut is_black) = (Vec::new(), false);
    // The first place is before the first pixel.
    let mut at: Option<usize> = None;
    let mut next = 0;
    while at.unwrap_or(0) < width {
        while above
            .get(next)
            .is_some_and(|change| at.is_some_and(|at| *change <= at))
        {
            next += 1;
        }
        // Changes of even number are those to black.
        let first = if (next % 2 == 1) == is_black {
            next
        } else {
            next + 1
        };
        let change = |index: usize| above.get(index).copied().unwrap_or(width);
        match mode::decode(codes)? {
            Mode::Pass => at = Some(change(first + 1)),
            Mode::Horizontal => {
                let middle = (at.unwrap_or(0) + run(codes, is_black)?).min(width);
                let end = (middle + run(codes, !is_black)?).min(width);
                changes.extend([middle, end]);
                at = Some(end);
            }
            Mode::Vertical(shift) => {
                let to = change(first).checked_add_signed(shift.into())?;
                if to > width || at.is_some_and(|at| to < at) {
                    return None;
                }
                changes.push(to);
                at = Some(to);
                is_black = !is_black;
            }
            Mode::Extension | Mode::EOF => return None,
        }
    }
    Some(changes)
}

/// Sets the bits of the black runs.
fn paint(changes: &[usize], width: usize, row: &mut [u8]) {
    row.fill(0);
    for black in changes.chunks(2) {
        let end = black.get(1).copied().unwrap_or(width);
        for x in black[0]..end.min(width) {
            row[x / 8] |= 0x80 >> (x % 8);
        }
    }
}
