//! Chooses the format of the metrics by the `Accept` header (RFC 9110, section 12.5.1).

use super::exposition::Format;

/// A format that the client accepts: its quality, and how specific the range is that matches it.
type Preference = (u32, u8);

impl Format {
    /// Returns the format that an `Accept` header prefers. The text format is the default, and what
    /// a client gets that accepts neither.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        let preference = |format| {
            accept
                .split(',')
                .filter_map(|range| matched(range, format))
                .max_by_key(|(_, specificity)| *specificity)
                .unwrap_or_default()
        };
        let open_metrics = preference(Self::OpenMetrics);

        if open_metrics.0 > 0 && open_metrics > preference(Self::Text) {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    const fn media_type(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("text/plain", "0.0.4"),
            Self::OpenMetrics => ("application/openmetrics-text", "1.0.0"),
        }
    }
}

/// Returns the preference that a media range gives to a format. `None` if it does not match.
fn matched(range: &str, format: Format) -> Option<Preference> {
    let mut parts = range.split(';').map(str::trim);
    let (media_type, version) = format.media_type();
    let (main_type, _) = media_type.split_once('/')?;

    let range = parts.next()?.to_ascii_lowercase();
    let mut specificity = match range.as_str() {
        "*/*" => 1,
        range if range == media_type => 3,
        range if range.strip_suffix("/*") == Some(main_type) => 2,
        _ => return None,
    };

    let mut quality = 1_000;
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => quality = thousandths(value.trim())?,
            "version" if value.trim().trim_matches('"') == version => specificity += 1,
            "version" => return None,
            _ => {}
        }
    }
    Some((quality, specificity))
}

/// Returns a quality in thousandths. `None` for an invalid one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to 1,000"
)]
fn thousandths(quality: &str) -> Option<u32> {
    let quality: f64 = quality.parse().ok()?;
    (0.0..=1.0)
        .contains(&quality)
        .then_some((quality * 1_000.0).round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_has_to_be_preferred() {
        for accept in [
            "application/openmetrics-text",
            "application/openmetrics-text; version=1.0.0",
            "APPLICATION/OpenMetrics-Text;version=\"1.0.0\";charset=utf-8",
            "application/openmetrics-text;q=0.5,*/*;q=0.1",
            "application/openmetrics-text,*/*",
            "application/openmetrics-text,text/plain;q=0.9",
            "application/*,text/plain;q=0.9",
            "*/*;q=0.1 , application/openmetrics-text;version=1.0.0 ; q=0.2",
            // Prometheus 2.42 and 3.
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        ] {
            assert_eq!(Format::accepted(accept), Format::OpenMetrics, "{accept}");
        }
    }

    #[test]
    fn text_format_is_the_default() {
        for accept in [
            "",
            "*/*",
            "text/plain",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=2",
            "application/openmetrics-text;q=0.5,text/plain",
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;version=2.0.0",
            "text/plain;version=0.0.4,application/openmetrics-text",
            ";;,,=",
        ] {
            assert_eq!(Format::accepted(accept), Format::Text, "{accept}");
        }
    }
}
