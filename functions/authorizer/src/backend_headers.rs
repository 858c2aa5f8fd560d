//! The headers that tell a backend who calls.

/// The headers that request mapping sets on protected routes and removes on public ones, whatever
/// the client sent. `request_id` and the limits have headers of other names.
pub const BACKEND_HEADERS: [&str; 9] = [
    "x-tollgate-decision",
    "x-tollgate-user-id",
    "x-tollgate-issuer",
    "x-tollgate-email",
    "x-tollgate-roles",
    "x-tollgate-key-id",
    "x-tollgate-plan",
    "x-tollgate-scopes",
    "x-tollgate-auth",
];
