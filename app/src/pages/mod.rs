//! The pages. Each is complete when the server has rendered it; the browser only keeps it up to date.

mod job;
mod jobs;
mod not_found;
mod studio;
mod workers;

pub use job::JobPage;
pub use jobs::JobsPage;
pub use not_found::NotFound;
pub use studio::StudioPage;
pub use workers::WorkersPage;
