//! What scripts rely on of the command line: pipes, names of results that do not clash, checks before the work, batches that
//! go on, JSON, exit codes, signals, errors of writing, clean text, completions and man pages.

mod batches;
mod fake;
mod file_names;
mod pipes;
mod printing;
mod said;
mod shells;
mod signals;
