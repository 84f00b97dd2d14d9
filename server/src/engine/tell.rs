//! How drivers tell the core of an event.

use std::sync::Arc;

use azulejo_engine::Event;

/// Tells the core. Called from any thread; never while effects are being routed.
pub type Tell = Arc<dyn Fn(Event) + Send + Sync>;
