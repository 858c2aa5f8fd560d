//! The list of audit records.

use std::collections::BTreeMap;

use axum::response::Response;
use http::StatusCode;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use registry::instant_name;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::error_responses::Reads;
use crate::problem::Problem;
use crate::request::AdminRequest;
use crate::request::cursor::List;
use crate::request::query::{Parameters, QueryParameters};
use crate::response;

const RESOURCE: &str = "audit record";
/// The days before `to` that are listed if there is no `from`.
const DEFAULT_DAYS: i64 = 30;
/// The time for which records are kept, in days. Earlier ones are never read.
const KEPT_DAYS: i64 = 400;

/// An administrative change.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditRecord)]
pub(crate) struct Record {
    /// The instant at which the request arrived.
    #[schema(format = DateTime)]
    at: String,
    /// The ARN that IAM has authenticated.
    principal: String,
    /// The change, such as `key.update`.
    action: String,
    /// The id of the key, the name of the plan or policy, or the kind and the id of the block. For
    /// an import, the lines of the file; for a bulk change, the first and the last key. For a grant
    /// to a caller other than a key, the caller as in logs, such as `group#acme`.
    target: String,
    /// The request id of API Gateway.
    request_id: String,
    /// The changed fields by JSON pointer: `{"old": …, "new": …}`, or `"changed"` for a value that
    /// is not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    changes: Option<BTreeMap<String, Value>>,
    /// The number of changed fields that did not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    unlisted_changes: Option<u64>,
    /// The keys that were changed together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    keys: Option<Vec<ChangedKey>>,
    /// The quota of a grant or its revocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    quota: Option<String>,
    /// The calls that were granted, below 0 if they were removed or revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    amount: Option<i64>,
    /// The id of the grant that was made or revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    grant_id: Option<String>,
}

/// One of several keys that were changed together.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct ChangedKey {
    /// The id of the key.
    target: String,
    /// The changed fields, as in the record of one key.
    changes: BTreeMap<String, Value>,
    /// The number of changed fields that did not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    unlisted_changes: Option<u64>,
}

/// One page of audit records.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecordList {
    /// The records, the newest first. A page can be empty although there is a next one.
    items: Vec<Record>,
    /// The `cursor` of the next page, or null if this is the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// The query of a list of audit records.
pub(crate) struct AuditQuery {
    from: Option<Moment>,
    to: Option<Moment>,
    target: Option<String>,
    principal: Option<String>,
    limit: usize,
    /// The text of all filters, which the cursor belongs to.
    filter: String,
    after: Option<String>,
}

/// A day or an instant.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Day(Date),
    Instant(Timestamp),
}

impl Moment {
    fn read(parameters: &mut Parameters, name: &str) -> Option<Self> {
        let text = parameters.text(name)?;
        let day = text.parse::<Date>().ok();
        let day = day.filter(|day| day.to_string() == text).map(Self::Day);
        let moment = day.or_else(|| text.parse().ok().map(Self::Instant));

        if moment.is_none() {
            parameters.report(
                name,
                "expected a day such as `2026-11-22` or an instant such as `2026-11-22T12:00:00Z`",
            );
        }
        moment
    }

    /// Returns the position of the first record that is included.
    fn first(self) -> String {
        match self {
            Self::Day(day) => day.to_string(),
            Self::Instant(instant) => instant_name(instant),
        }
    }

    /// Returns the position after the last record that is included. A day is included, an instant
    /// is not.
    fn end(self) -> String {
        match self {
            Self::Day(day) => day.saturating_add(1.day()).to_string(),
            Self::Instant(instant) => instant_name(instant),
        }
    }
}

impl QueryParameters for AuditQuery {
    const NAMES: &'static [&'static str] =
        &["from", "to", "target", "principal", "limit", "cursor"];

    fn read(parameters: &mut Parameters) -> Self {
        let from = Moment::read(parameters, "from");
        let to = Moment::read(parameters, "to");
        let target = parameters.nonempty("target");
        let principal = parameters.nonempty("principal");
        let bounds = [from.map(Moment::first), to.map(Moment::end)];
        if let [Some(first), Some(end)] = &bounds
            && first >= end
        {
            parameters.report("to", "expected a day or an instant after `from`");
        }
        let filter = serde_json::json!([bounds, target, principal]).to_string();
        Self {
            from,
            to,
            limit: parameters.limit(),
            after: parameters.cursor(List::Audit(&filter)),
            target,
            principal,
            filter,
        }
    }
}

impl AuditQuery {
    /// Returns the positions of the first record and after the last one.
    fn bounds(&self, now: Timestamp) -> (String, String) {
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let last_day = match self.to {
            None => today,
            Some(Moment::Day(day)) => day,
            Some(Moment::Instant(instant)) => instant.to_zoned(jiff::tz::TimeZone::UTC).date(),
        };
        let to = self.to.unwrap_or(Moment::Day(today)).end();
        let from = match self.from {
            Some(from) => from.first(),
            None => last_day.saturating_sub(DEFAULT_DAYS.days()).to_string(),
        };

        let oldest = today.saturating_sub(KEPT_DAYS.days()).to_string();
        let newest = today.saturating_add(2.days()).to_string();
        (from.max(oldest), to.min(newest))
    }

    fn wants(&self, record: &Record) -> bool {
        let is_wanted = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        let mut keys = record.keys.iter().flatten();

        is_wanted(&self.principal, &record.principal)
            && (is_wanted(&self.target, &record.target)
                || keys.any(|key| is_wanted(&self.target, &key.target)))
    }
}

/// List administrative changes
///
/// Lists changes from the newest to the oldest, by time, target and principal. `from` is included.
/// A day in `to` is included, an instant is not. Default: the last 31 days. `target` is the id of a
/// key, the name of a plan or policy, or the kind and the id of a block, such as `key/acme`. It also
/// finds the imports and bulk changes that changed the key. Records are kept for 400 days.
///
/// A page reads at most 1,000 records of 31 days. It can be empty although there is a next one.
#[utoipa::path(get, path = "/_tollgate/v1/audit", operation_id = "listAudit", tag = "audit",
    params(
        ("from" = Option<String>, Query, description = "The first day in UTC, or an instant"),
        ("to" = Option<String>, Query, description = "The last day in UTC, or an instant"),
        ("target" = Option<String>, Query, description = "The id of a key, the name of a plan or policy, or a block such as `key/acme`"),
        ("principal" = Option<String>, Query, description = "The ARN of an administrator, exactly as in the record"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "One page of audit records", body = RecordList), Reads))]
pub(crate) async fn list(request: AdminRequest<AuditQuery>) -> Result<Response, Problem> {
    let query = &request.query;
    let (from, to) = query.bounds(request.now);
    let before = query.after.as_deref().unwrap_or(&to);

    let is_wanted = |document: &str| {
        // An unreadable record is listed, so that the response reports it.
        serde_json::from_str(document).map_or(true, |record| query.wants(&record))
    };
    let page = request
        .admin()
        .audit_records(before, &from, query.limit, &is_wanted)
        .await
        .map_err(|error| Problem::of_read(error, RESOURCE))?;

    let items = page.items.iter();
    let items: Result<Vec<Record>, _> = items.map(|text| serde_json::from_str(text)).collect();
    let body = RecordList {
        items: items.map_err(|error| Problem::fault(&error))?,
        next_cursor: page
            .next
            .map(|last| List::Audit(&query.filter).cursor(&last)),
    };
    Ok(response::json(StatusCode::OK, &body))
}
