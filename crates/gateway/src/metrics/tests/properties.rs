//! Properties of both formats, for any sequence of requests.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use telemetry::TraceParent;

use super::exposition_parser::{ParsedFamily, parse};
use super::*;

/// An exchange with any values that matter to metrics.
fn any_exchange() -> impl Strategy<Value = Exchange> {
    let text = || {
        prop_oneof![
            "(GET|POST) /[a-c]",
            Just("-".to_owned()),
            ".{0,8}",
            "[\\\\\"\n{},=# ]{0,6}"
        ]
    };
    let latency = || prop::option::of((0_u64..60_000_000).prop_map(Duration::from_micros));
    let latencies = (latency(), latency(), latency(), latency());
    let statuses = prop::option::of(100_u16..1000);

    (
        text(),
        text(),
        text(),
        text(),
        statuses,
        latencies,
        any::<bool>(),
    )
        .prop_map(
            |(route, plan, limit, method, status, latencies, is_traced)| {
                let mut exchange = exchange(&route, 0);
                set_context(
                    &mut exchange,
                    json!({"plan": plan, "violated": limit, "caller": format!("key#{plan}")}),
                );
                exchange.method = method;
                exchange.status = status;
                exchange.response_latency = latencies.0;
                exchange.head_latency = latencies.1;
                exchange.upstream_latency = latencies.2;
                exchange.authorizer_latency = latencies.3;
                let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
                exchange.trace = TraceParent::parse(trace).filter(|_| is_traced);
                exchange
            },
        )
}

fn parsed(metrics: &LocalMetrics, format: Format) -> BTreeMap<String, ParsedFamily> {
    let text = metrics.exposition(format);
    parse(&text, format == Format::OpenMetrics)
        .unwrap_or_else(|problem| panic!("{problem}\n{text}"))
}

/// Returns the values that never fall, by sample: counters, and the parts of histograms.
fn monotonic(families: &BTreeMap<String, ParsedFamily>) -> BTreeMap<String, f64> {
    let families = families.values();
    let counters = families.filter(|family| ["counter", "histogram"].contains(&&*family.kind));
    let samples = counters.flat_map(|family| &family.samples);
    samples
        .map(|sample| (format!("{} {:?}", sample.name, sample.labels), sample.value))
        .collect()
}

/// Checks that the buckets of each histogram are cumulative and end with its count.
fn check_buckets(family: &ParsedFamily) {
    let mut last: BTreeMap<_, f64> = BTreeMap::new();
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        labels.remove("le");
        if sample.name.ends_with("_bucket") {
            let below = last.insert(labels, sample.value).unwrap_or_default();
            assert!(below <= sample.value, "{sample:?}");
        } else if sample.name.ends_with("_count") {
            assert_eq!(last[&labels], sample.value, "{sample:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn formats_are_valid_and_sums_and_counts_never_fall(
        batches in prop::collection::vec(prop::collection::vec(any_exchange(), 0..12), 1..6),
    ) {
        let metrics = LocalMetrics::default();
        let mut before = BTreeMap::new();
        let mut requests = 0;

        for batch in batches {
            requests += batch.len();
            batch.iter().for_each(|exchange| metrics.count(exchange));

            parsed(&metrics, Format::OpenMetrics);
            let families = parsed(&metrics, Format::Text);
            families.values().filter(|family| family.kind == "histogram").for_each(check_buckets);
            let now = monotonic(&families);
            for (sample, value) in &before {
                prop_assert!(now[sample] >= *value, "{sample}: {value} became {}", now[sample]);
            }
            before = now;

            let total: f64 = families
                .get("tollgate_http_requests_total")
                .map_or(0.0, |family| family.samples.iter().map(|sample| sample.value).sum());
            prop_assert_eq!(total as usize, requests);
        }
    }
}
