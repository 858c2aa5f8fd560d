//! The export of keys as a key file, page by page and without secrets.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use addresses::Network;
use axum::response::Response;
use csv::{QuoteStyle, WriterBuilder};
use http::HeaderValue;
use http::header::LINK;
use limits::instant_text;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use registry::{Admin, KeyRecord};

use crate::error_responses::Reads;
use crate::keys::RESOURCE;
use crate::problem::Problem;
use crate::request::AdminRequest;
use crate::request::accept::CSV;
use crate::request::cursor::List;
use crate::request::query::{Parameters, QueryParameters};
use crate::response;
use key_file::Column;
use key_file::formula::escape;

/// The number of keys that are read at once: with one request to the index, and one per 100 keys.
const PAGE_ITEMS: usize = 400;
/// The size after which a response ends. A Lambda response has at most 6 MB, with the file as a
/// string of JSON.
const MAX_BYTES: usize = 5_000_000;
/// The time for which keys are read for one response. A response times out after 25 s, and one page
/// may take several.
const READ_TIME: Duration = Duration::from_secs(10);
/// The columns of an export. An import reads every one of them.
const COLUMNS: [Column; 13] = [
    Column::KeyId,
    Column::Name,
    Column::Description,
    Column::Enabled,
    Column::UsagePlanIds,
    Column::ExpiresAt,
    Column::NotBefore,
    Column::AllowedIps,
    Column::Group,
    Column::Subject,
    Column::Scopes,
    Column::CreatedAt,
    Column::Metadata,
];

/// The query of an export.
pub(crate) struct ExportQuery {
    plan: Option<String>,
    after: Option<String>,
}

impl QueryParameters for ExportQuery {
    const NAMES: &'static [&'static str] = &["plan", "cursor"];
    const MEDIA_TYPES: &'static [&'static str] = &[CSV];

    fn read(parameters: &mut Parameters) -> Self {
        let plan = parameters.nonempty("plan");
        Self {
            after: parameters.cursor(List::Keys(plan.as_deref())),
            plan,
        }
    }
}

/// Export keys
///
/// Returns keys in API Gateway's key-file format, without their secrets. Text that a spreadsheet
/// would read as a formula is prefixed with an apostrophe, which an import removes. An import reads
/// every column of an export. A response has up to 5 MB, and ends early if the store is slow. If
/// there are more keys, `Link` names the next page.
#[utoipa::path(get, path = "/_tollgate/v1/keys/export", operation_id = "exportKeys", tag = "keys",
    params(("plan" = Option<String>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "The keys", body = String, content_type = "text/csv",
        headers(("Link" = String))), Reads))]
pub(crate) async fn export(request: AdminRequest<ExportQuery>) -> Result<Response, Problem> {
    let ExportQuery { plan, after } = &request.query;
    let plan = plan.as_deref();
    let end = Instant::now() + READ_TIME;
    let (file, last) = read_file(&request.admin(), plan, after.clone(), MAX_BYTES, end).await?;

    let mut response = response::csv(file);
    let cursor = last.map(|last| List::Keys(plan).cursor(&last));
    if let Some(link) = cursor.and_then(|cursor| link(plan, &cursor)) {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// Returns the keys after `after` as a file, and the key after which the next file begins.
///
/// The file ends early if it has more than `max_bytes` as a string of JSON, even within a page. It
/// also ends after `end`, but has at least one page.
async fn read_file(
    admin: &Admin<'_>,
    plan: Option<&str>,
    mut after: Option<String>,
    max_bytes: usize,
    end: Instant,
) -> Result<(Vec<u8>, Option<String>), Problem> {
    let mut file = Vec::new();
    append(&mut file, &COLUMNS.map(|column| column.to_string()))?;
    let mut bytes = json_bytes(&file);

    loop {
        let page = admin
            .keys(plan, after.as_deref(), PAGE_ITEMS)
            .await
            .map_err(|error| Problem::of_read(error, RESOURCE))?;
        let mut items = page.items.into_iter();
        while let Some(stored) = items.next() {
            let begin = file.len();
            append(&mut file, &row(&stored.document))?;
            bytes += json_bytes(&file[begin..]);
            if bytes > max_bytes && items.len() > 0 {
                return Ok((file, Some(stored.document.key.key_id)));
            }
        }

        after = page.next;
        if after.is_none() || bytes > max_bytes || Instant::now() >= end {
            return Ok((file, after));
        }
    }
}

/// Returns the size of a part of the file in a string of JSON.
fn json_bytes(part: &[u8]) -> usize {
    let size = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    part.iter().map(size).sum()
}

/// Appends a row. A cell with spaces at its ends is quoted, because an import removes them
/// otherwise.
fn append(file: &mut Vec<u8>, row: &[String]) -> Result<(), Problem> {
    let has_outer_spaces = row.iter().any(|cell| cell.trim() != cell);
    let style = if has_outer_spaces {
        QuoteStyle::Always
    } else {
        QuoteStyle::Necessary
    };

    let mut writer = WriterBuilder::new()
        .quote_style(style)
        .buffer_capacity(1024)
        .from_writer(file);
    writer
        .write_record(row)
        .map_err(|error| Problem::fault(&error))?;
    writer.flush().map_err(|error| Problem::fault(&error))
}

/// Returns the cells of a key, in the order of [`COLUMNS`].
fn row(record: &KeyRecord) -> [String; COLUMNS.len()] {
    let cell = |text: &str| escape(text).into_owned();
    let text = |text: &Option<String>| cell(text.as_deref().unwrap_or_default());
    let instant = |instant: Option<jiff::Timestamp>| instant.map(instant_text).unwrap_or_default();

    let key = &record.key;
    [
        cell(&key.key_id),
        text(&record.name),
        text(&record.description),
        if key.enabled { "TRUE" } else { "FALSE" }.to_owned(),
        cell(&key.plan),
        instant(key.expires_at),
        instant(key.not_before),
        networks(&key.allowed_ips),
        text(&key.group),
        text(&key.subject),
        cell(&key.scopes.join(" ")),
        instant(record.created_at),
        cell(&metadata(&record.metadata)),
    ]
}

fn networks(networks: &[Network]) -> String {
    let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
    networks.join(" ")
}

fn metadata(metadata: &BTreeMap<String, String>) -> String {
    if metadata.is_empty() {
        return String::new();
    }
    // Strings only, so this cannot fail.
    serde_json::to_string(metadata).unwrap_or_default()
}

/// Returns the link to the next page (RFC 8288).
fn link(plan: Option<&str>, cursor: &str) -> Option<HeaderValue> {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let plan = plan
        .map(|plan| format!("plan={}&", encode(plan)))
        .unwrap_or_default();
    let cursor = encode(cursor);

    let link = format!("</_tollgate/v1/keys/export?{plan}cursor={cursor}>; rel=\"next\"");
    HeaderValue::from_str(&link).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use key_file::KeyFile;
    use proptest::prelude::*;
    use registry::{ApiKey, Seeds};
    use store::{EmbeddedStore, Store};

    const SECRET: &str = "twenty-characters-01";

    /// Returns an export to which the secrets were added.
    fn export_with_secret(record: &KeyRecord) -> String {
        let mut header = COLUMNS.map(|column| column.to_string()).to_vec();
        header.push(Column::Key.to_string());
        let mut cells = row(record).to_vec();
        cells.push(SECRET.to_owned());

        let mut file = Vec::new();
        append(&mut file, &header).unwrap();
        append(&mut file, &cells).unwrap();
        String::from_utf8(file).unwrap()
    }

    fn record(text: &str, other: &str) -> KeyRecord {
        let key = ApiKey {
            enabled: false,
            expires_at: Some(Timestamp::constant(1_795_348_800, 5)),
            subject: Some("=alice@example.com".to_owned()),
            scopes: vec!["=a".to_owned(), ";=b".to_owned(), "-c".to_owned()],
            not_before: Some(Timestamp::UNIX_EPOCH),
            allowed_ips: vec![
                "192.0.2.0/24".parse().unwrap(),
                "2001:db8::1".parse().unwrap(),
            ],
            group: Some("acme".to_owned()),
            ..ApiKey::new("key_1".to_owned(), "free".to_owned())
        };
        let mut record = KeyRecord::new(key, Timestamp::UNIX_EPOCH);
        record.name = Some(text.to_owned()).filter(|text| !text.is_empty());
        record.description = Some(other.to_owned()).filter(|text| !text.is_empty());
        record.metadata = [(text.to_owned(), other.to_owned())].into();
        record
    }

    fn assert_imported_unchanged(record: &KeyRecord) {
        let file = export_with_secret(record);
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
        let key = &record.key;
        assert_eq!(row.name, record.name, "{file:?}");
        assert_eq!(row.description, record.description, "{file:?}");
        assert_eq!(row.key_id.as_ref(), Some(&key.key_id));
        assert_eq!(row.plans.first(), Some(&key.plan));
        assert_eq!(row.enabled, Some(key.enabled));
        assert_eq!(row.expires_at, key.expires_at);
        assert_eq!(row.not_before, key.not_before);
        assert_eq!(row.allowed_ips.as_ref(), Some(&key.allowed_ips));
        assert_eq!(row.group, key.group);
        assert_eq!(row.subject, key.subject);
        assert_eq!(row.scopes.as_ref(), Some(&key.scopes));
        assert_eq!(row.metadata.as_ref(), Some(&record.metadata));
        assert_eq!(row.created_at, record.created_at);
        assert!(rows.next().is_none());
    }

    fn store(keys: usize) -> Store {
        let keys: Vec<_> = (0..keys)
            .map(|n| {
                serde_json::json!({
                    "key": format!("twenty-characters-{n:04}"), "key_id": format!("k{n:04}"),
                    "plan": "p", "metadata": {"a": "\"", "b": "\\", "c": "d"},
                })
            })
            .collect();
        let seeds = serde_json::json!({"plans": {"p": {}}, "keys": keys}).to_string();
        Store::Embedded(EmbeddedStore::new(&Seeds::parse(&seeds).unwrap()).unwrap())
    }

    #[tokio::test]
    async fn slow_export_ends_early_and_names_the_next_page() {
        let (store, late) = (store(PAGE_ITEMS + 1), Instant::now());
        let admin = store.admin();
        let rows = |file: &[u8]| file.iter().filter(|byte| **byte == b'\n').count() - 1;

        let read = |after, end| read_file(&admin, None, after, MAX_BYTES, end);
        let (first, after) = read(None, late).await.unwrap();
        assert_eq!(
            (rows(&first), after.as_deref()),
            (PAGE_ITEMS, Some("k0399"))
        );
        let (second, after) = read(after, late).await.unwrap();
        assert_eq!((rows(&second), after), (1, None));

        let in_time = late + READ_TIME;
        let (whole, after) = read(None, in_time).await.unwrap();
        assert_eq!((rows(&whole), after), (PAGE_ITEMS + 1, None));
    }

    #[tokio::test]
    async fn large_export_ends_within_a_page_and_misses_no_key() {
        let (store, end) = (store(PAGE_ITEMS + 1), Instant::now() + READ_TIME);
        let admin = store.admin();
        let (mut files, mut ids, mut after) = (0, Vec::new(), None);
        loop {
            let max_bytes = 2_000;
            let read = read_file(&admin, None, after, max_bytes, end).await;
            let (file, next) = read.unwrap();
            let json = serde_json::to_string(str::from_utf8(&file).unwrap()).unwrap();
            assert!(json.len() < max_bytes + 200, "{} bytes", json.len());
            let mut rows = csv::Reader::from_reader(&*file);
            ids.extend(rows.records().map(|row| row.unwrap()[0].to_owned()));

            (files, after) = (files + 1, next);
            if after.is_none() {
                break;
            }
        }

        let expected: Vec<_> = (0..=PAGE_ITEMS).map(|n| format!("k{n:04}")).collect();
        assert_eq!(ids, expected);
        assert!(files > 2, "{files} files");
    }

    #[test]
    fn text_with_spaces_at_its_ends_is_imported_unchanged() {
        for text in [
            " a", "a ", " ", "\u{a0}a", "\"a\"", " \"a\"", "a\r\nb\r", "\u{feff}", "a,b", "'a,b'",
        ] {
            assert_imported_unchanged(&record(text, "=1"));
        }
    }

    proptest! {
        #[test]
        fn export_is_imported_unchanged(
            text in "[-'\"=+@＝;|, \t\r\n\u{feff}a]{0,10}.{0,6}",
            other in "[-'\"=+@＝;|, \t\r\n\u{feff}a]{0,10}.{0,6}",
        ) {
            assert_imported_unchanged(&record(&text, &other));
        }
    }
}
