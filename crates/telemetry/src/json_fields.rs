//! Fields of events and spans as JSON, each with a leading comma.
//!
//! The JSON format of `tracing-subscriber` passes every field through a general serializer. That
//! took as long as the rest of a decision.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use crate::excerpt::LimitedWriter;

/// The longest text of a field. Clients choose some of them.
const MAX_FIELD_BYTES: usize = 4_096;

/// Formats the fields of spans.
pub(crate) struct JsonFields;

impl<'w> FormatFields<'w> for JsonFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = FieldWriter::new(&mut writer);
        fields.record(&mut visitor);
        visitor.outcome
    }
}

/// Writes the fields that it visits.
pub(crate) struct FieldWriter<'w, W> {
    writer: &'w mut W,
    pub(crate) outcome: fmt::Result,
}

impl<'w, W: Write> FieldWriter<'w, W> {
    pub(crate) fn new(writer: &'w mut W) -> Self {
        Self {
            writer,
            outcome: Ok(()),
        }
    }

    /// Writes the field's name and then `value`. Names bypass the formatter, which would cost more
    /// than writing them.
    fn field(&mut self, field: &Field, value: impl FnOnce(&mut W) -> fmt::Result) {
        self.outcome = self.outcome.and_then(|()| {
            self.writer.write_str(",\"")?;
            self.writer.write_str(field.name())?;
            self.writer.write_str("\":")?;
            value(self.writer)
        });
    }

    fn text(&mut self, field: &Field, value: impl FnOnce(&mut JsonEscaper<'_, W>) -> fmt::Result) {
        self.field(field, |writer| {
            writer.write_char('"')?;
            value(&mut JsonEscaper(writer))?;
            writer.write_char('"')
        });
    }
}

impl<W: Write> Visit for FieldWriter<'_, W> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, |text| {
            let mut limited = LimitedWriter::new(text, MAX_FIELD_BYTES);
            write!(limited, "{value:?}")?;
            limited.finish()
        });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |text| {
            let mut limited = LimitedWriter::new(text, MAX_FIELD_BYTES);
            limited.write_str(value)?;
            limited.finish()
        });
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, |writer| {
            writer.write_str(if value { "true" } else { "false" })
        });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, |writer| write!(writer, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, |writer| write!(writer, "{value}"));
    }

    /// Writes `null` for infinity and NaN, which JSON does not have.
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.field(field, |writer| {
            if value.is_finite() {
                write!(writer, "{value}")
            } else {
                writer.write_str("null")
            }
        });
    }
}

/// Escapes text for a JSON string (RFC 8259, section 7).
struct JsonEscaper<'w, W>(&'w mut W);

impl<W: Write> Write for JsonEscaper<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest
            .bytes()
            .position(|byte| byte < b' ' || byte == b'"' || byte == b'\\')
        {
            let (plain, special) = rest.split_at(at);
            self.0.write_str(plain)?;

            let byte = special.as_bytes()[0];
            match byte {
                b'"' | b'\\' => write!(self.0, "\\{}", char::from(byte))?,
                b'\n' => self.0.write_str("\\n")?,
                _ => write!(self.0, "\\u{byte:04x}")?,
            }
            rest = &special[1..];
        }
        self.0.write_str(rest)
    }
}
