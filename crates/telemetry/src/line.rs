//! One line of the log.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::members::{MemberVisitor, Members};

/// `timestamp`, `level`, the event's fields, and in `span` those of the request that it belongs to.
pub(crate) struct Line;

impl<S: Subscriber + for<'s> LookupSpan<'s>> FormatEvent<S, Members> for Line {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Members>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        writer.write_str("\",\"level\":\"")?;
        writer.write_str(event.metadata().level().as_str())?;
        writer.write_char('"')?;
        let mut visitor = MemberVisitor::new(&mut writer);
        event.record(&mut visitor);
        visitor.outcome?;
        if let Some(span) = context.lookup_current() {
            let extensions = span.extensions();
            let fields = extensions
                .get::<FormattedFields<Members>>()
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

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::fmt::MakeWriter;

    use crate::log_to;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'w> MakeWriter<'w> for Lines {
        type Writer = Self;

        fn make_writer(&'w self) -> Self {
            self.clone()
        }
    }

    /// The lines that `work` logs, without their time.
    fn lines(level: &str, work: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        tracing::subscriber::with_default(log_to(["telemetry"], Some(level), lines.clone()), work);
        let bytes = lines.0.lock().unwrap().clone();
        let parse = |line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            assert!(line["timestamp"].take().as_str().unwrap().ends_with('Z'));
            line.as_object_mut().unwrap().remove("timestamp");
            line
        };
        String::from_utf8(bytes)
            .unwrap()
            .lines()
            .map(parse)
            .collect()
    }

    #[test]
    fn a_line_holds_its_fields_in_their_types() {
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
    fn whatever_a_text_holds_it_is_one_line_of_json() {
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
    fn no_field_is_longer_than_four_kibibytes() {
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
    fn a_spans_fields_are_cut_as_well() {
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
    fn a_line_says_which_request_it_belongs_to() {
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
