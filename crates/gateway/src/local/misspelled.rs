//! Names of variables that are probably misspelled.

/// The prefix of OpenTelemetry's variables.
const PREFIX: &str = "OTEL_";
/// The prefix of the queue of logs, which are not exported. It is similar to that of spans.
const LOGS_PREFIX: &str = "OTEL_BLRP_";
/// The number of inserted, removed, replaced or swapped characters up to which a name is similar.
const MAX_DISTANCE: usize = 2;

/// Returns each unknown name of a variable of OpenTelemetry, with the most similar known one.
pub(super) fn misspelled(
    names: impl Iterator<Item = String>,
    known: &[&'static str],
) -> Vec<(String, &'static str)> {
    names
        .filter(|name| name.starts_with(PREFIX) && !name.starts_with(LOGS_PREFIX))
        .filter(|name| !known.contains(&name.as_str()))
        .filter_map(|name| {
            let similar = most_similar(&name, known)?;
            Some((name, similar))
        })
        .collect()
}

fn most_similar(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let distances = known
        .iter()
        .map(|known| (strsim::osa_distance(name, known), *known));
    let (distance, similar) = distances.min()?;

    (distance <= MAX_DISTANCE).then_some(similar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_name_that_is_similar_is_found() {
        let known = [
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_SERVICE_NAME",
            "OTEL_BSP_SCHEDULE_DELAY",
        ];
        let names = [
            "OTEL_EXPORTER_OTLP_ENDPOIN",
            "OTEL_EXPORTER_OLTP_ENDPOINT",
            "OTEL_SERVICE_NAME",
            "OTEL_LOGS_EXPORTER",
            "OTEL_BLRP_SCHEDULE_DELAY",
            "HOTEL_SERVICE_NAME",
        ];

        let found = misspelled(names.map(str::to_owned).into_iter(), &known);

        let expected = [
            ("OTEL_EXPORTER_OTLP_ENDPOIN", known[0]),
            ("OTEL_EXPORTER_OLTP_ENDPOINT", known[0]),
        ];
        assert_eq!(
            found,
            expected.map(|(name, known)| (name.to_owned(), known))
        );
    }
}
