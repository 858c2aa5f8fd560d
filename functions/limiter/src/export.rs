//! The export of keys as a file: page by page, without secrets, which nobody has.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use csv::WriterBuilder;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LINK};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use usage::KeyRecord;

use crate::api::Reads;
use crate::formula::guarded;
use crate::keys::WHAT;
use crate::problem::{Problem, refused};
use crate::query::Query;
use crate::{Shared, accept};

/// Keys that are read at once.
const PAGE: usize = 100;
/// Room for the last page: an answer of Lambda's holds 6 MB.
const LARGEST: usize = 5_000_000;
const COLUMNS: [&str; 9] =
    ["KeyId", "Name", "Description", "Enabled", "UsagePlanIds", "ExpiresAt", "Subject", "Scopes", "CreatedAt"];

/// Exports keys in API Gateway's key-file format, without their secrets
///
/// A text that a spreadsheet would calculate stands behind an apostrophe, which an import takes away again. An answer
/// holds up to 5 MB. Where there is more, `Link` says where it goes on.
#[utoipa::path(get, path = "/_tollgate/v1/keys/export", operation_id = "exportKeys", tag = "keys",
    params(("plan" = Option<String>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "The keys", body = String, content_type = "text/csv",
        headers(("Link" = String))), Reads))]
pub(crate) async fn export(State(shared): State<Shared>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    accept::negotiate(&headers, &[accept::CSV])?;
    let mut query = Query::of(&uri, &["plan", "cursor"]);
    let (plan, mut after) = (query.text("plan"), query.text("cursor"));
    query.finish()?;
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(|error| Problem::failure(&error))?;
    loop {
        let page = shared.admin().keys(plan.as_deref(), after.as_deref(), PAGE).await;
        let page = page.map_err(|error| refused(error, WHAT))?;
        for stored in page.items {
            writer.write_record(row(&stored.document)).map_err(|error| Problem::failure(&error))?;
        }
        writer.flush().map_err(|error| Problem::failure(&error))?;
        after = page.next;
        if after.is_none() || writer.get_ref().len() > LARGEST {
            break;
        }
    }
    let text = writer.into_inner().map_err(|error| Problem::failure(error.error()))?;
    let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    let mut response = (StatusCode::OK, headers, text).into_response();
    if let Some(link) = after.and_then(|after| next(plan.as_deref(), &after)) {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

fn row(record: &KeyRecord) -> [String; 9] {
    let cell = |text: &str| guarded(text).into_owned();
    let text = |text: &Option<String>| cell(text.as_deref().unwrap_or_default());
    let key = &record.key;
    let instant = |instant: Option<jiff::Timestamp>| instant.map(|instant| instant.to_string()).unwrap_or_default();
    [
        cell(&key.key_id),
        text(&record.name),
        text(&record.description),
        if key.enabled { "TRUE" } else { "FALSE" }.to_owned(),
        key.plan.clone(),
        instant(key.expires_at),
        text(&key.subject),
        cell(&key.scopes.join(" ")),
        instant(record.created_at),
    ]
}

/// Where it goes on (RFC 8288).
fn next(plan: Option<&str>, after: &str) -> Option<HeaderValue> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let plan = plan.map(|plan| format!("plan={}&", encoded(plan))).unwrap_or_default();
    let target = format!("</_tollgate/v1/keys/export?{plan}cursor={}>; rel=\"next\"", encoded(after));
    HeaderValue::from_str(&target).ok()
}
