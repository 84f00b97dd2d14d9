//! The words for errors that described routes answer with, each with its status and what it says. `docs/api.md` lists them, and
//! those of the server around the routes; a test compares.

/// One word for errors.
#[derive(Debug, Clone, Copy)]
pub struct Code {
    /// The status of the answer.
    pub status: u16,
    /// The word.
    pub code: &'static str,
    /// When it is said.
    pub meaning: &'static str,
}

const fn code(status: u16, code: &'static str, meaning: &'static str) -> Code {
    Code {
        status,
        code,
        meaning,
    }
}

/// Every code that a described route answers with.
pub const CODES: &[Code] = &[
    code(400, "bad_form", "the form cannot be read"),
    code(400, "bad_query", "the query cannot be read"),
    code(400, "bad_header", "a header is missing or cannot be read"),
    code(400, "bad_checksum", "the checksum is none that is understood"),
    code(
        400,
        "upload_interrupted",
        "the connection broke before the body was complete",
    ),
    code(400, "not_a_websocket", "the request does not ask for a WebSocket"),
    code(401, "key_missing", "the server asks for a key, and none is shown"),
    code(401, "key_unknown", "the key is none of this server"),
    code(401, "key_expired", "the time of the key is over"),
    code(401, "key_revoked", "the key was revoked"),
    code(401, "token_expired", "the time of the token is over"),
    code(401, "token_invalid", "the token is not taken"),
    code(
        403,
        "not_allowed",
        "the role of the key or token does not suffice",
    ),
    code(403, "not_yours", "the job is somebody else's"),
    code(
        403,
        "cross_site",
        "a browser says that the request comes from another site's page",
    ),
    code(404, "job_not_found", "there is no such job"),
    code(404, "tile_not_found", "the job has no such tile"),
    code(404, "upload_not_found", "there is no such upload"),
    code(408, "upload_stalled", "the body came too slowly"),
    code(
        409,
        "offset_mismatch",
        "the upload is elsewhere than the piece begins",
    ),
    code(
        409,
        "idempotency_in_flight",
        "a request with this Idempotency-Key is being answered",
    ),
    code(409, "job_not_completed", "the job has no result yet"),
    code(409, "no_dead_tiles", "the job has no dead tile"),
    code(409, "tile_not_dead", "the tile is not dead"),
    code(
        409,
        "other_dead_tiles",
        "the job has other dead tiles, without which it cannot go on",
    ),
    code(409, "wrong_state", "the job's state does not allow it"),
    code(409, "job_not_usable", "what is stored of the job cannot be used"),
    code(
        410,
        "upload_gone",
        "the job's uploaded file is gone from the server's disk",
    ),
    code(
        410,
        "original_gone",
        "the job's uploaded file is gone from the server's disk",
    ),
    code(
        410,
        "result_gone",
        "the job's result is gone from the server's disk",
    ),
    code(
        412,
        "precondition_failed",
        "it is in another state than the request names",
    ),
    code(
        412,
        "unknown_tus_version",
        "the header Tus-Resumable does not say 1.0.0",
    ),
    code(413, "upload_too_long", "more bytes came than were announced"),
    code(413, "file_too_large", "the file has more bytes than are taken"),
    code(413, "image_too_large", "the image has more pixels than are taken"),
    code(
        413,
        "form_too_large",
        "the form has more bytes beside its file than are taken",
    ),
    code(413, "call_too_large", "the form has more bytes than are taken"),
    code(415, "not_an_image", "the file is no image"),
    code(
        415,
        "unsupported_image",
        "the image is of a kind that is not read",
    ),
    code(415, "not_a_form", "the body is no form"),
    code(
        415,
        "not_a_piece",
        "the body is not announced as a piece of an upload",
    ),
    code(416, "bad_range", "the range is outside the file"),
    code(
        421,
        "unknown_host",
        "the request is addressed to a name that the server does not go by",
    ),
    code(
        422,
        "image_too_small",
        "the image has fewer pixels a side than are taken",
    ),
    code(422, "image_damaged", "the image cannot be read to its end"),
    code(422, "image_empty", "the file has no bytes"),
    code(422, "unknown_recipe", "the recipe cannot be read"),
    code(422, "unsuitable_recipe", "the recipe does not fit the image"),
    code(422, "unknown_format", "the format is none that is written"),
    code(422, "no_such_page", "the image has no such page"),
    code(422, "unsuitable_format", "the format cannot hold the result"),
    code(422, "missing_field", "the form lacks a field"),
    code(422, "bad_query", "a value of the query is none"),
    code(
        422,
        "idempotency_key_reused",
        "the Idempotency-Key was used for another request",
    ),
    code(422, "empty_result", "the recipe leaves no pixel"),
    code(
        422,
        "result_too_large",
        "the result would exceed the limits on images",
    ),
    code(
        422,
        "tile_too_large",
        "not even a single pixel of the result fits",
    ),
    code(
        422,
        "too_many_tiles",
        "the recipe needs such small tiles that there would be too many",
    ),
    code(
        423,
        "upload_taken_over",
        "another request has gone on with the upload",
    ),
    code(423, "upload_locked", "another request has the upload"),
    code(429, "too_many_requests", "more requests than one caller may send"),
    code(
        429,
        "quota_exceeded",
        "the owner has as many jobs under way, or has sent as many bytes, as one may",
    ),
    code(
        429,
        "too_many_streams",
        "as many live streams are open as one owner or address may have",
    ),
    code(429, "too_many_uploads", "too many uploads wait or are under way"),
    code(
        431,
        "headers_too_large",
        "address and headers have more bytes than are taken",
    ),
    code(
        460,
        "checksum_mismatch",
        "the piece is not what its checksum says",
    ),
    code(500, "internal", "a fault of the server; its log says more"),
    code(
        503,
        "unavailable",
        "the server stops, or cannot do this at the moment",
    ),
    code(
        503,
        "too_busy",
        "as many connections or requests are under way as are taken",
    ),
    code(
        503,
        "storage_unavailable",
        "the server's disk does not answer as it should",
    ),
    code(
        503,
        "database_unavailable",
        "the server's database does not answer as it should",
    ),
    code(
        507,
        "disk_full",
        "an upload or a job needs more room than the disk has to spare",
    ),
];

/// What any route may answer with.
pub const EVERYWHERE: &[&str] = &[
    "unknown_host",
    "too_many_requests",
    "headers_too_large",
    "too_busy",
    "internal",
    "unavailable",
    "storage_unavailable",
    "database_unavailable",
];

/// What beside these any route that changes something may answer with.
pub const WHERE_SOMETHING_CHANGES: &[&str] = &["cross_site"];

/// What beside these any route that needs a role may answer with.
pub const WITH_A_ROLE: &[&str] = &[
    "key_missing",
    "key_unknown",
    "key_expired",
    "key_revoked",
    "token_expired",
    "token_invalid",
    "not_allowed",
    "not_yours",
];

/// Codes that go together, so that a handler need not name each.
pub const GROUPS: &[(&str, &[&str])] = &[
    (
        "+form",
        &[
            "bad_form",
            "not_a_form",
            "missing_field",
            "form_too_large",
            "upload_interrupted",
            "upload_stalled",
        ],
    ),
    // A file is taken.
    (
        "+image",
        &[
            "image_too_small",
            "image_damaged",
            "image_empty",
            "image_too_large",
            "file_too_large",
            "not_an_image",
            "unsupported_image",
        ],
    ),
    // A job is planned.
    (
        "+plan",
        &[
            "unknown_recipe",
            "unsuitable_recipe",
            "unknown_format",
            "no_such_page",
            "unsuitable_format",
            "empty_result",
            "result_too_large",
            "tile_too_large",
            "too_many_tiles",
            "quota_exceeded",
        ],
    ),
    // Something is written.
    ("+room", &["disk_full", "storage_unavailable"]),
    // A request may be sent twice.
    (
        "+once",
        &["bad_header", "idempotency_in_flight", "idempotency_key_reused"],
    ),
    // A piece of a resumable upload comes.
    (
        "+piece",
        &[
            "bad_header",
            "bad_checksum",
            "upload_interrupted",
            "upload_stalled",
            "unknown_tus_version",
            "not_a_piece",
            "offset_mismatch",
            "upload_too_long",
            "upload_taken_over",
            "upload_locked",
            "checksum_mismatch",
        ],
    ),
];
