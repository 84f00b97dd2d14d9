//! `GET /recipes`: the operations that recipes are made of, straight from the table that the parser uses.

use axum::Json;
use azulejo_imaging::{OperationInfo, operations};

/// `GET /recipes`.
pub async fn list() -> Json<&'static [&'static OperationInfo]> {
    Json(operations())
}
