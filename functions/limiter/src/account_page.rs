//! The page on which a customer sees the usage of a key: static files, without any data.
//!
//! The browser asks for the usage itself, with the key that the customer enters. The content
//! security policy allows files and requests of the same origin only, and no form is ever sent.

use std::sync::LazyLock;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};

use crate::Shared;

const PAGE: &str = include_str!("account_page/index.html");
const STYLE: &str = include_str!("account_page/style.css");
const SCRIPT: &str = include_str!("account_page/page.js");

/// The place of the key header's name in the page.
const KEY_HEADER_MARK: &str = "{{key_header}}";
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page up to the name of the key header, and after it.
static PARTS: LazyLock<(&str, &str)> =
    LazyLock::new(|| PAGE.split_once(KEY_HEADER_MARK).unwrap_or((PAGE, "")));

/// Get the customers' page
///
/// Shows a customer the plan, the quotas and the last 30 days of a key. The page contains no data:
/// the browser sends the key to `GET /_tollgate/usage`.
#[utoipa::path(get, path = "/_tollgate/account", operation_id = "getAccountPage", tag = "usage",
    responses((status = 200, description = "The page", body = String, content_type = "text/html")))]
pub(crate) async fn page(State(shared): State<Shared>) -> Response {
    let (before, after) = *PARTS;
    let text = format!("{before}{}{after}", shared.key_header.as_str());
    file("text/html; charset=utf-8", text)
}

/// Get the style sheet of the customers' page
#[utoipa::path(get, path = "/_tollgate/account.css", operation_id = "getAccountStyle", tag = "usage",
    responses((status = 200, description = "The style sheet", body = String, content_type = "text/css")))]
pub(crate) async fn style() -> Response {
    file("text/css; charset=utf-8", STYLE.to_owned())
}

/// Get the script of the customers' page
#[utoipa::path(get, path = "/_tollgate/account.js", operation_id = "getAccountScript", tag = "usage",
    responses((status = 200, description = "The script", body = String, content_type = "text/javascript")))]
pub(crate) async fn script() -> Response {
    file("text/javascript; charset=utf-8", SCRIPT.to_owned())
}

fn file(media_type: &'static str, text: String) -> Response {
    let headers = [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, text).into_response()
}
