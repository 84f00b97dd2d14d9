//! `GET /recipes`: the operations that recipes are made of, straight from the table that the parser uses.

use axum::Json;
use azulejo_imaging::{OperationInfo, operations};

/// `GET /recipes`.
#[utoipa::path(
    get,
    path = "/recipes",
    operation_id = "recipes",
    tag = "installation",
    summary = "The operations that recipes are made of",
    description = "Straight from the table that the parser uses.",
    responses(
        (status = 200, description = "Every operation with its parameters.", body = Vec<super::openapi::schemas::Operation>),
    ),
)]
pub async fn list() -> Json<&'static [&'static OperationInfo]> {
    Json(operations())
}
