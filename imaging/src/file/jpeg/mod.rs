//! JPEG: read by a decoder of this crate, written by the crate `jpeg-encoder`.
//!
//! # Why a decoder of its own
//! `zune-jpeg` takes separate scans with subsampling, chroma finer than luma and restart intervals that do not divide a scan for
//! other pictures than they are, and refuses sampling factors of 3, equal component ids and a missing end marker; `jpeg-decoder`
//! smooths colour in its own way; both hold the whole picture. This one computes what libjpeg-turbo computes, to the byte: its
//! integer cosine transform, its "fancy" upsampling clamped at a component's true edge, its colour tables. And it gives rows
//! from top to bottom in a few megabytes, for progressive files, too: a file can be read at several places, so all scans are
//! decoded side by side, a row of MCUs of each at a time, and no picture of coefficients is kept between them.
//!
//! # Tour
//! - `header::jpeg`: the markers, the frame and the application segments, which need no codec. `markers`: a `Head` is what stands
//!   before the first scan; the scans. `tables`: theirs. `layout`: where samples lie.
//! - `bits`, `huffman`, `block`: from the file to the coefficients of a block by Huffman codes, `arithmetic`: by the others; both are
//!   `codes`. `scan`: one scan, row by row of MCUs.
//! - `idct`, `upsample`, `color`: from coefficients to pixels.
//! - `lossless`: the kind that has no coefficients.
//! - `picture`: all of it. `read`: the reader of files on top of it; `embedded`: of pictures inside of other files. `write`:
//!   writing.
//!
//! Read are baseline and extended sequential, and progressive, with Huffman or arithmetic codes and 8 bits a sample, of one, three or
//! four components, and lossless with Huffman codes of 2 to 16 bits, gray or RGB. 12 bits, hierarchical and lossless with arithmetic codes
//! are refused as kinds that are not read. A file that breaks
//! off with rows missing is damaged; a missing end marker alone is nothing.

mod arithmetic;
mod bits;
mod block;
mod codes;
mod color;
mod decisions;
pub(super) mod embedded;
mod huffman;
mod idct;
mod layout;
mod lossless;
mod markers;
mod picture;
mod read;
mod scan;
mod tables;
mod upsample;
#[cfg(feature = "files")]
pub(super) mod write;

pub(super) use read::JpegReader;
