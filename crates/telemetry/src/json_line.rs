//! A line of the log.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::json_fields::{FieldWriter, JsonFields};
use crate::request_scope::{RequestScope, with_current_ids};
use crate::trace_context::{RequestId, TraceParent};

/// Formats an event as `timestamp`, `level`, its own fields, and in `span` the ids of the current
/// request. Outside of a request, `span` has the fields of the current span.
pub(crate) struct JsonLine;

impl<S: Subscriber + for<'s> LookupSpan<'s>> FormatEvent<S, JsonFields> for JsonLine {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        writer.write_str("\",\"level\":\"")?;
        writer.write_str(event.metadata().level().as_str())?;
        writer.write_char('"')?;

        let mut fields = FieldWriter::new(&mut writer);
        event.record(&mut fields);
        fields.outcome?;

        if let Some(written) = with_current_ids(|ids| write_ids(&mut writer, ids)) {
            written?;
        } else if let Some(span) = context.lookup_current() {
            let extensions = span.extensions();
            let fields = extensions
                .get::<FormattedFields<JsonFields>>()
                .map_or("", |fields| &fields.fields);
            if let Some(fields) = fields.strip_prefix(',') {
                writer.write_str(",\"span\":{")?;
                writer.write_str(fields)?;
                writer.write_char('}')?;
            }
        }

        writer.write_str("}\n")
    }
}

/// Writes the ids of a request, if it has any. Their characters need no escapes.
fn write_ids(writer: &mut Writer<'_>, ids: &RequestScope) -> fmt::Result {
    let request_id = ids.request_id.as_ref().map(RequestId::as_str);
    let trace_id = ids.traceparent.as_ref().map(TraceParent::trace_id);

    let mut opening = ",\"span\":{";
    for (name, id) in [("request_id", request_id), ("trace_id", trace_id)] {
        if let Some(id) = id {
            for part in [opening, "\"", name, "\":\"", id, "\""] {
                writer.write_str(part)?;
            }
            opening = ",";
        }
    }

    match opening {
        "," => writer.write_char('}'),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::test_log::TestLog;

    /// Returns the lines that `work` logs, without their timestamps.
    fn lines(level: &str, work: impl FnOnce()) -> Vec<Value> {
        let log = TestLog::default();
        let guard = log.subscribe_at(level);
        work();
        drop(guard);

        let mut lines = log.json_lines();
        for line in &mut lines {
            let timestamp = line.as_object_mut().unwrap().remove("timestamp").unwrap();
            assert!(timestamp.as_str().unwrap().ends_with('Z'));
        }
        lines
    }

    #[test]
    fn fields_keep_their_types() {
        let logged = lines("info", || {
            tracing::info!(
                text = "a",
                none = None::<&str>,
                some = Some("b"),
                count = 7_u64,
                below = -7,
                yes = true,
                "said"
            );
            tracing::warn!(half = 0.5, nothing = f64::NAN, shown = %1, seen = ?"q", "said {}", 2);
        });

        assert_eq!(
            logged,
            [
                json!({"level": "INFO", "message": "said", "text": "a", "some": "b", "count": 7, "below": -7, "yes": true}),
                json!({"level": "WARN", "message": "said 2", "half": 0.5, "nothing": null, "shown": "1", "seen": "\"q\""}),
            ]
        );
    }

    #[test]
    fn any_text_is_escaped_into_one_line() {
        let text: String = (0..0x250).filter_map(char::from_u32).collect();
        let logged = lines(
            "info",
            || tracing::info!(text, shown = %text, "\"{{}}\" \\ \n \u{2028}"),
        );

        assert_eq!(
            logged,
            [
                json!({"level": "INFO", "message": "\"{}\" \\ \n \u{2028}", "text": text, "shown": text})
            ]
        );
    }

    #[test]
    fn fields_are_cut_to_4_kib() {
        let text = "x".repeat(70_000);
        let cut = format!("{}… (70000 bytes)", "x".repeat(4_096));
        let logged = lines(
            "info",
            || tracing::info!(text, shown = %text, seen = ?text, "{text}"),
        );

        assert_eq!(
            (&logged[0]["text"], &logged[0]["shown"]),
            (&json!(cut), &json!(cut))
        );
        assert_eq!(logged[0]["message"], json!(cut));
        assert!(
            logged[0]["seen"]
                .as_str()
                .unwrap()
                .ends_with("x… (70002 bytes)")
        );
    }

    #[test]
    fn span_fields_are_cut_to_4_kib() {
        let text = "é".repeat(35_000);
        let logged = lines("info", || {
            tracing::error_span!("request", text).in_scope(|| tracing::info!("inside"))
        });

        assert_eq!(
            logged[0]["span"]["text"],
            json!(format!("{}… (70000 bytes)", "é".repeat(2_048)))
        );
    }

    #[test]
    fn line_has_the_fields_of_its_span() {
        let logged = lines("info", || {
            let span = tracing::error_span!(
                "request",
                request_id = "r-1",
                trace_id = None::<&str>,
                later = tracing::field::Empty
            );
            span.in_scope(|| tracing::info!("inside"));
            span.record("later", 1);
            span.in_scope(|| tracing::info!("still"));
            tracing::info_span!("without").in_scope(|| tracing::info!("outside"));
        });

        assert_eq!(logged[0]["span"], json!({"request_id": "r-1"}));
        assert_eq!(logged[1]["span"], json!({"request_id": "r-1", "later": 1}));
        assert!(logged[2].get("span").is_none());
    }

    #[tokio::test]
    async fn line_of_a_request_has_the_ids_that_it_has() {
        let log = TestLog::default();
        let _guard = log.subscribe();
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

        for (request_id, parent) in [("r-1", parent), ("r-1", ""), ("", parent), ("", "")] {
            let ids = RequestScope {
                request_id: RequestId::parse(request_id),
                traceparent: TraceParent::parse(parent),
            };
            let outer = tracing::error_span!("outer", other = 1);
            let work = ids.serve("test", async { tracing::info!("said") });
            tracing::Instrument::instrument(work, outer).await;
        }

        let spans: Vec<_> = log
            .json_lines()
            .iter()
            .map(|line| line["span"].clone())
            .collect();
        let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(
            spans,
            [
                json!({"request_id": "r-1", "trace_id": trace_id}),
                json!({"request_id": "r-1"}),
                json!({"trace_id": trace_id}),
                Value::Null,
            ]
        );
    }

    #[test]
    fn audit_events_are_logged_at_every_level() {
        for level in ["off", "error", "info", "trace"] {
            let logged = lines(level, || {
                tracing::info!(target: crate::AUDIT_TARGET, "changed");
                tracing::debug!(target: "telemetry::line", "unusual");
            });
            assert_eq!(logged[0]["message"], "changed", "{level}");
        }
    }

    #[test]
    fn other_crates_do_not_log_below_info() {
        let logged = lines("trace", || {
            tracing::trace!("ours");
            tracing::debug!(target: "lambda_runtime", "a whole event");
            tracing::debug!(target: "telemetry_client", "a crate whose name begins like ours");
            tracing::info!(target: "lambda_runtime", "started");
            tracing::error!(target: "lambda_runtime::layers::panic", "Unauthorized(UnknownKey)");
        });

        assert_eq!(
            logged
                .iter()
                .map(|line| line["message"].as_str().unwrap())
                .collect::<Vec<_>>(),
            ["ours", "started"]
        );
    }
}
