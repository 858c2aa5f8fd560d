//! The export of keys as a file: page by page, without secrets, which nobody has.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use csv::{QuoteStyle, WriterBuilder};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LINK};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use usage::{Admin, KeyRecord, instant_text};

use crate::api::Reads;
use crate::formula::guarded;
use crate::key_file::columns::Column;
use crate::keys::WHAT;
use crate::problem::{Problem, refused};
use crate::request::cursor::List;
use crate::request::query::Query;
use crate::{Shared, request::accept};

/// Keys that are read at once.
const PAGE: usize = 100;
/// Room for the last page: an answer of Lambda's holds 6 MB.
const LARGEST: usize = 5_000_000;
/// How long keys are read for one response. A response is late after 25 s, and one page may take
/// several.
const READING_TIME: Duration = Duration::from_secs(10);
/// Every one of them is read by an import.
const COLUMNS: [Column; 10] = [
    Column::KeyId,
    Column::Name,
    Column::Description,
    Column::Enabled,
    Column::UsagePlanIds,
    Column::ExpiresAt,
    Column::Subject,
    Column::Scopes,
    Column::CreatedAt,
    Column::Metadata,
];

/// Exports keys in API Gateway's key-file format, without their secrets
///
/// An apostrophe is put in front of everything that a spreadsheet could calculate, and removed by
/// an import. An import reads every column of an export. A response holds up to 5 MB, and ends
/// early if the store is slow. If there are more keys, `Link` has the next page.
#[utoipa::path(get, path = "/_tollgate/v1/keys/export", operation_id = "exportKeys", tag = "keys",
    params(("plan" = Option<String>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "The keys", body = String, content_type = "text/csv",
        headers(("Link" = String))), Reads))]
pub(crate) async fn export(
    State(shared): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    accept::negotiate(&headers, &[accept::CSV])?;
    let mut query = Query::of(&uri, &["plan", "cursor"]);
    let plan = query.nonempty("plan");
    let list = List::Keys(plan.as_deref());
    let after = query.cursor(list);
    query.finish()?;

    let admin = shared.admin();
    let (text, after) = file(
        &admin,
        plan.as_deref(),
        after,
        Instant::now() + READING_TIME,
    )
    .await?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
    ];
    let mut response = (StatusCode::OK, headers, text).into_response();
    if let Some(link) = after.and_then(|after| next(plan.as_deref(), &list.cursor(&after))) {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// The keys of the pages after `after`, as a file, and the key after which the next file begins.
/// The file ends early if it is large, or if it is later than `end` and at least one page was read.
async fn file(
    admin: &Admin<'_>,
    plan: Option<&str>,
    mut after: Option<String>,
    end: Instant,
) -> Result<(Vec<u8>, Option<String>), Problem> {
    let mut text = Vec::new();
    write(&mut text, &COLUMNS.map(|column| column.to_string()))?;

    loop {
        let page = admin
            .keys(plan, after.as_deref(), PAGE)
            .await
            .map_err(|error| refused(error, WHAT))?;
        for stored in page.items {
            write(&mut text, &row(&stored.document))?;
        }
        after = page.next;
        if after.is_none() || text.len() > LARGEST || Instant::now() >= end {
            return Ok((text, after));
        }
    }
}

/// Appends a row. Spaces around a cell without quotation marks would not be part of it.
fn write(text: &mut Vec<u8>, row: &[String]) -> Result<(), Problem> {
    let has_spaces = row.iter().any(|cell| cell.trim() != cell);
    let style = if has_spaces {
        QuoteStyle::Always
    } else {
        QuoteStyle::Necessary
    };
    let mut writer = WriterBuilder::new()
        .quote_style(style)
        .buffer_capacity(1024)
        .from_writer(text);
    writer
        .write_record(row)
        .map_err(|error| Problem::failure(&error))?;
    writer.flush().map_err(|error| Problem::failure(&error))
}

fn row(record: &KeyRecord) -> [String; COLUMNS.len()] {
    let cell = |text: &str| guarded(text).into_owned();
    let text = |text: &Option<String>| cell(text.as_deref().unwrap_or_default());
    let key = &record.key;
    let instant = |instant: Option<jiff::Timestamp>| instant.map(instant_text).unwrap_or_default();
    [
        cell(&key.key_id),
        text(&record.name),
        text(&record.description),
        if key.enabled { "TRUE" } else { "FALSE" }.to_owned(),
        cell(&key.plan),
        instant(key.expires_at),
        text(&key.subject),
        cell(&key.scopes.join(" ")),
        instant(record.created_at),
        cell(&metadata(&record.metadata)),
    ]
}

fn metadata(metadata: &BTreeMap<String, String>) -> String {
    if metadata.is_empty() {
        return String::new();
    }
    // Strings alone: it cannot fail.
    serde_json::to_string(metadata).unwrap_or_default()
}

/// Where it goes on (RFC 8288).
fn next(plan: Option<&str>, after: &str) -> Option<HeaderValue> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let plan = plan
        .map(|plan| format!("plan={}&", encoded(plan)))
        .unwrap_or_default();
    let target = format!(
        "</_tollgate/v1/keys/export?{plan}cursor={}>; rel=\"next\"",
        encoded(after)
    );
    HeaderValue::from_str(&target).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_file::KeyFile;
    use jiff::Timestamp;
    use proptest::prelude::*;
    use usage::{ApiKey, EmbeddedStore, Seeds, Store};

    const SECRET: &str = "twenty-characters-01";

    /// The file that comes of adding the secrets to an export.
    fn exported(record: &KeyRecord) -> String {
        let (mut text, mut header) = (
            Vec::new(),
            COLUMNS.map(|column| column.to_string()).to_vec(),
        );
        header.push(Column::Key.to_string());
        write(&mut text, &header).unwrap();
        let mut cells = row(record).to_vec();
        cells.push(SECRET.to_owned());
        write(&mut text, &cells).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn record(text: &str, other: &str) -> KeyRecord {
        let key = ApiKey {
            key_id: "key_1".to_owned(),
            plan: "free".to_owned(),
            enabled: false,
            expires_at: Some(Timestamp::constant(1_795_348_800, 5)),
            subject: Some("=alice@example.com".to_owned()),
            scopes: vec!["=a".to_owned(), ";=b".to_owned(), "-c".to_owned()],
        };
        let mut record = KeyRecord::new(key, Timestamp::UNIX_EPOCH);
        record.name = Some(text.to_owned()).filter(|text| !text.is_empty());
        record.description = Some(other.to_owned()).filter(|text| !text.is_empty());
        record.metadata = [(text.to_owned(), other.to_owned())].into();
        record
    }

    fn assert_survives(record: &KeyRecord) {
        let file = exported(record);
        let mut rows = KeyFile::open(file.as_bytes()).unwrap();
        assert_eq!(
            rows.ignored_columns(),
            [""; 0],
            "an import reads every column of an export"
        );
        let row = rows
            .next()
            .unwrap()
            .unwrap_or_else(|error| panic!("{error:?} in {file:?}"));
        assert_eq!(
            (&row.name, &row.description),
            (&record.name, &record.description),
            "{file:?}"
        );
        assert_eq!(
            (row.key_id.as_ref(), row.plans.first()),
            (Some(&record.key.key_id), Some(&record.key.plan))
        );
        assert_eq!(
            (row.enabled, row.expires_at),
            (Some(record.key.enabled), record.key.expires_at)
        );
        assert_eq!(
            (&row.subject, row.scopes.as_ref()),
            (&record.key.subject, Some(&record.key.scopes))
        );
        assert_eq!(
            (row.metadata.as_ref(), row.created_at),
            (Some(&record.metadata), record.created_at)
        );
        assert!(rows.next().is_none());
    }

    fn store(keys: usize) -> Store {
        let keys: Vec<_> = (0..keys)
            .map(|n| serde_json::json!({"key": format!("twenty-characters-{n:04}"), "key_id": format!("k{n:04}"), "plan": "p"}))
            .collect();
        let seeds = serde_json::json!({"plans": {"p": {}}, "keys": keys}).to_string();
        Store::Embedded(EmbeddedStore::new(&Seeds::parse(&seeds).unwrap()).unwrap())
    }

    #[tokio::test]
    async fn a_slow_export_ends_early_and_says_where_it_continues() {
        let (store, late) = (store(PAGE + 1), Instant::now());
        let rows = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count() - 1;
        let (first, after) = file(&store.admin(), None, None, late).await.unwrap();
        assert_eq!((rows(&first), after.as_deref()), (PAGE, Some("k0099")));
        let (second, after) = file(&store.admin(), None, after, late).await.unwrap();
        assert_eq!((rows(&second), after), (1, None));

        let (whole, after) = file(&store.admin(), None, None, late + READING_TIME)
            .await
            .unwrap();
        assert_eq!((rows(&whole), after), (PAGE + 1, None));
    }

    #[test]
    fn text_with_spaces_at_its_ends_survives() {
        for text in [
            " a", "a ", " ", "\u{a0}a", "\"a\"", " \"a\"", "a\r\nb\r", "\u{feff}", "a,b", "'a,b'",
        ] {
            assert_survives(&record(text, "=1"));
        }
    }

    proptest! {
        #[test]
        fn an_import_of_an_export_is_the_same(
            text in "[-'\"=+@＝;|, \t\r\n\u{feff}a]{0,10}.{0,6}",
            other in "[-'\"=+@＝;|, \t\r\n\u{feff}a]{0,10}.{0,6}",
        ) {
            assert_survives(&record(&text, &other));
        }
    }
}
