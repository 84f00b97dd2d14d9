//! What every handler can reach.

use std::path::PathBuf;
use std::sync::Arc;

use azulejo_app::backend::Backend;
use leptos::prelude::LeptosOptions;
use tokio_util::sync::CancellationToken;

use super::idempotency::Keys;
use super::limits::rate::Rates;
use super::live::hub::Hub;
use super::thumbnail::Thumbnails;
use crate::access::Access;
use crate::engine::Engine;
use crate::intake::Intake;

/// What every handler can reach. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The engine.
    pub engine: Engine,
    /// What comes in.
    pub intake: Intake,
    /// Who may use the server.
    pub access: Access,
    /// Keys of the requests that are being answered.
    pub keys: Keys,
    /// What the hub looks at, which does not keep it alive. It may see everything: no request is answered from it.
    pub watched: Arc<dyn Backend>,
    /// How many requests one caller may send, and how far that is used.
    pub rates: Rates,
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
