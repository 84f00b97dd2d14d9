//! What every handler can reach.

use std::path::PathBuf;
use std::sync::Arc;

use leptos::prelude::LeptosOptions;
use tokio_util::sync::CancellationToken;

use super::backend::ServerBackend;
use super::live::hub::Hub;
use super::thumbnail::Thumbnails;
use crate::engine::Engine;
use crate::intake::Intake;

/// What every handler can reach. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The engine.
    pub engine: Engine,
    /// What comes in.
    pub intake: Intake,
    /// What the pages see of both.
    pub backend: Arc<ServerBackend>,
    /// Where live streams sign up.
    pub hub: Hub,
    /// The built site.
    pub site_root: PathBuf,
    /// Pictures for lists.
    pub thumbnails: Thumbnails,
    /// Leptos' settings.
    pub leptos: LeptosOptions,
    /// Cancelled when the server stops: live streams end then.
    pub shutdown: CancellationToken,
}
