//! The usage of all keys: pages for billing, and the keys with the most calls.
//!
//! A page reads in proportion to its rows: for each key one entry of the index, the key, its usage,
//! and one item per month of the range. With a condition other than the plan, it also reads keys
//! that it does not show, but at most 1,000 items. No index is sorted by usage, because such an
//! index would cost a write per call.

mod key_pages;
mod plans;
mod query;
mod rows;
mod top;

use std::time::{Duration, Instant};

use aws::Deadline;
use axum::extract::Path;
use axum::response::Response;
use http::header::LINK;
use http::{HeaderName, HeaderValue, StatusCode, Uri};
use jiff::Timestamp;
use limits::Days;
use registry::{DeletedKey, KeyRecord};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error_responses::Reads;
use crate::problem::{Mistake, Problem};
use crate::request::AdminRequest;
use crate::request::accept::CSV;
use crate::response;

use key_pages::{KeyPages, Place};
use plans::ReportedPlans;
use query::{PlanUsageQuery, Position, Selection, UsageListQuery};
use rows::{Row, Rows};

/// How long the keys and the usage of one page may be read. A response times out after 25 s.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
const PLAN: &str = "plan";
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// A key in a report.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ReportedKey {
    key_id: String,
    name: Option<String>,
    group: Option<String>,
    plan: String,
    /// `None` if the key exists.
    deleted_at: Option<Timestamp>,
}

/// One page of usage.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsageList {
    /// One row per key and period.
    items: Vec<Row>,
    /// The `cursor` of the next page, or null if this is the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// List the usage of all keys
///
/// Returns one row per key and period. `from` and `to` are at most 366 days, by default the current
/// month. `by` is the period: `total` (default), `day` or `month`. The days of a key are counted in
/// the time zone of its plan. If `time_zone` is set, a key with another one is an error (422).
///
/// Existing keys come first, then keys that were deleted on the first day or later. A key that is
/// deleted during the listing may be shown in both. `metadata` and `unused_since` select existing
/// keys only.
///
/// A page has up to `limit` keys and reads at most 1,000 items. It has fewer keys if the range has
/// many days, and fewer or none if few keys meet the conditions. With `order=calls`, the response
/// has the `limit` keys with the most calls in one month, and no further page. It covers up to
/// 10,000 keys.
///
/// The CSV form has the same columns. Only the first page has a header, so that pages can be
/// concatenated. `Link` names the next page, and `x-next-cursor` its cursor.
#[utoipa::path(get, path = "/_tollgate/v1/usage", operation_id = "listUsage", tag = "usage",
    params(("from" = Option<String>, Query, format = Date), ("to" = Option<String>, Query, format = Date),
        ("plan" = Option<String>, Query), ("group" = Option<String>, Query),
        ("name" = Option<String>, Query, description = "A part of the name, in upper or lower case"),
        ("unused_since" = Option<String>, Query, format = Date,
            description = "Keys without a call on this day or later that were created before it. At most 366 days ago"),
        ("metadata.NAME" = Option<String>, Query,
            description = "The value of the metadata entry `NAME`. May be repeated with other names"),
        ("by" = Option<String>, Query, description = "`total`, `day` or `month`"),
        ("time_zone" = Option<String>, Query), ("order" = Option<String>, Query, description = "`calls`"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "One page of usage", content((UsageList = "application/json"), (String = "text/csv")),
            headers(("Link" = String), ("x-next-cursor" = String))),
        (status = 422, description = "A plan has another time zone, or there are too many keys to order", body = Problem,
            content_type = "application/problem+json"), Reads))]
pub(crate) async fn list(
    request: AdminRequest<UsageListQuery>,
    uri: Uri,
) -> Result<Response, Problem> {
    respond(&request, &request.query.0, &uri).await
}

/// List the usage of the keys of a plan
///
/// As the usage of all keys, for one plan. The keys that are on the plan now, or were when they were
/// deleted, are listed with their usage under any plan. The keys of a deleted plan are listed by
/// `GET /_tollgate/v1/usage?plan=`.
#[utoipa::path(get, path = "/_tollgate/v1/plans/{plan}/usage", operation_id = "listUsageOfPlan", tag = "usage",
    params(("plan" = String, Path), ("from" = Option<String>, Query, format = Date),
        ("to" = Option<String>, Query, format = Date), ("group" = Option<String>, Query),
        ("name" = Option<String>, Query, description = "A part of the name, in upper or lower case"),
        ("unused_since" = Option<String>, Query, format = Date,
            description = "Keys without a call on this day or later that were created before it. At most 366 days ago"),
        ("metadata.NAME" = Option<String>, Query,
            description = "The value of the metadata entry `NAME`. May be repeated with other names"),
        ("by" = Option<String>, Query, description = "`total`, `day` or `month`"),
        ("time_zone" = Option<String>, Query), ("order" = Option<String>, Query, description = "`calls`"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "One page of usage", content((UsageList = "application/json"), (String = "text/csv")),
            headers(("Link" = String), ("x-next-cursor" = String))),
        (status = 422, description = "The plan has another time zone, or there are too many keys to order", body = Problem,
            content_type = "application/problem+json"), Reads))]
pub(crate) async fn of_plan(
    request: AdminRequest<PlanUsageQuery>,
    Path(plan): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let stored = request.admin().plan(&plan).await;
    stored.map_err(|error| Problem::of_read(error, PLAN))?;

    let mut selection = request.query.0.clone();
    selection.filter.plan = Some(plan);
    respond(&request, &selection, &uri).await
}

async fn respond<Q>(
    request: &AdminRequest<Q>,
    selection: &Selection,
    uri: &Uri,
) -> Result<Response, Problem> {
    selection.check(request.now)?;
    let position = selection.position()?;
    let days = selection.days(position.as_ref(), request.now)?;
    let deadline = Deadline::after(Instant::now(), READ_TIMEOUT);
    let plans = ReportedPlans::new(&request.shared, selection.zone_name(), deadline);
    let is_first = position.is_none();
    let mut rows = Rows::new(selection.by, days, plans);

    let next = if selection.is_ordered {
        let month = selection.month(days, request.now)?;
        let keys = top::keys(request, selection, month, &mut rows).await?;
        rows.add(keys).await?;
        None
    } else {
        let start = Place::Existing(None);
        let place = position.map_or(start, |position| position.place);
        add_page(request, selection, days, place, &mut rows).await?
    };

    let cursor = next.map(|place| selection.cursor(&Position { days, place }));
    if request.media_type == CSV {
        let file = rows::csv(&rows.items, is_first)?;
        return Ok(with_next_page(response::csv(file), cursor, uri));
    }
    let body = UsageList {
        items: rows.items,
        next_cursor: cursor,
    };
    Ok(response::json(StatusCode::OK, &body))
}

/// Adds the rows of one page. Returns the place where the next page begins, if there is one.
async fn add_page<Q>(
    request: &AdminRequest<Q>,
    selection: &Selection,
    days: Days,
    place: Place,
    rows: &mut Rows<'_>,
) -> Result<Option<Place>, Problem> {
    let limit = selection.limit.min(rows.max_keys());
    let (shared, now) = (&request.shared, request.now);
    let reserved_reads = limit * rows.reads_per_key();
    let mut pages = KeyPages::new(shared, &selection.filter, now, days.from, reserved_reads);

    let (keys, next) = pages.page(place, limit).await?;
    let cut = rows.add(keys).await?;
    Ok(cut.map(Place::after).or(next))
}

/// Adds the headers that name the next page (RFC 8288).
fn with_next_page(mut response: Response, cursor: Option<String>, uri: &Uri) -> Response {
    let Some(cursor) = cursor else {
        return response;
    };

    let query = uri.query().unwrap_or_default().split('&');
    let kept = query.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let mut query: Vec<&str> = kept.collect();
    // A cursor is base64url, which needs no encoding.
    let last = format!("cursor={cursor}");
    query.push(&last);
    let link = format!("<{}?{}>; rel=\"next\"", uri.path(), query.join("&"));

    let headers = response.headers_mut();
    if let (Ok(link), Ok(cursor)) = (HeaderValue::from_str(&link), HeaderValue::from_str(&cursor)) {
        headers.insert(LINK, link);
        headers.insert(NEXT_CURSOR, cursor);
    }
    response
}

impl From<KeyRecord> for ReportedKey {
    fn from(record: KeyRecord) -> Self {
        Self {
            key_id: record.key.key_id,
            name: record.name,
            group: record.key.group,
            plan: record.key.plan,
            deleted_at: None,
        }
    }
}

impl From<DeletedKey> for ReportedKey {
    fn from(key: DeletedKey) -> Self {
        Self {
            key_id: key.key_id,
            name: key.name,
            group: key.group,
            plan: key.plan,
            deleted_at: Some(key.deleted_at),
        }
    }
}

/// Returns the problem of one invalid parameter.
fn invalid(parameter: &str, detail: impl Into<String>) -> Problem {
    Problem::invalid_parameters(vec![Mistake::in_parameter(parameter, detail)])
}
