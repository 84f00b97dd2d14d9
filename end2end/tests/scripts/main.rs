//! What scripts rely on of the command line: pipes, names of results that do not clash, checks before the work, batches that
//! go on, JSON, exit codes, signals, silent servers, errors of writing, clean text, measurements that are broken off,
//! completions and man pages, answers that are lost.

mod batches;
mod benches;
mod fake;
mod file_names;
mod lost;
mod pipes;
mod printing;
mod restarts;
mod said;
mod shells;
mod signals;
mod silence;
