use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NOW_MS: i64 = 1_795_348_830_000;

/// A series with its unit, the number of its values, and their sum.
type Counted = (String, String, u64, f64);
/// The series of an object, and the first omission.
type Observed = Result<(Vec<Counted>, Option<Reason>), Reason>;

fn observed(object: &Value) -> Observed {
    observed_text(&object.to_string()).expect("the embedded metric format")
}

fn observed_text(json: &str) -> Option<Observed> {
    let embedded = Embedded::read(json)?;
    let mut sums = Aggregator::default();
    let window = Window::at(Timestamp::from_millisecond(NOW_MS).unwrap());
    let omitted = embedded.observe(window, None, &mut sums, 0);
    let counted = sums.into_data().into_iter().map(|datum| {
        let (series, unit) = (datum.series.to_string(), datum.series.unit().to_owned());
        let values = datum.aggregate.values;
        (series, unit, values.count(), values.sum())
    });
    let counted: Vec<_> = counted.collect();
    Some(omitted.map(|omitted| (counted, omitted)))
}

fn counted(series: &str, unit: &str, count: u64, sum: f64) -> Counted {
    (series.to_owned(), unit.to_owned(), count, sum)
}

fn order() -> Value {
    json!({
        "_aws": {
            "Timestamp": NOW_MS,
            "CloudWatchMetrics": [{
                "Namespace": "Shop",
                "Dimensions": [["service"], ["service", "region"]],
                "Metrics": [{"Name": "OrderValue", "Unit": "Count"}, {"Name": "Latency", "Unit": "Milliseconds"}],
            }],
        },
        "service": "checkout", "region": "eu", "OrderValue": 12.5, "Latency": [3, 4, 4],
        "request_id": "not a dimension",
    })
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut object = order();
    change(&mut object);
    object
}

#[test]
fn every_metric_is_counted_in_every_set_of_dimensions() {
    let (series, omitted) = observed(&order()).unwrap();
    assert_eq!(omitted, None);
    assert_eq!(
        series,
        [
            counted(
                "Shop/Latency(region=eu, service=checkout)",
                "Milliseconds",
                3,
                11.0
            ),
            counted("Shop/Latency(service=checkout)", "Milliseconds", 3, 11.0),
            counted(
                "Shop/OrderValue(region=eu, service=checkout)",
                "Count",
                1,
                12.5
            ),
            counted("Shop/OrderValue(service=checkout)", "Count", 1, 12.5),
        ]
    );
}

#[test]
fn output_of_powertools_is_counted() {
    let line = include_str!("../../tests/publishing/powertools.json");
    let (series, omitted) = observed_text(line).unwrap().unwrap();
    assert_eq!(omitted, None);
    assert_eq!(
        series,
        [
            counted(
                "ServerlessAirline/ColdStart(function_name=booking, service=payment)",
                "Count",
                1,
                1.0
            ),
            counted(
                "ServerlessAirline/SuccessfulBooking(service=payment)",
                "Count",
                2,
                2.0
            ),
        ]
    );
}

#[test]
fn a_metric_without_unit_or_dimensions_is_valid() {
    for sets in [json!([[]]), json!([]), Value::Null] {
        let object = json!({
            "_aws": {"CloudWatchMetrics": [{"Namespace": "A", "Metrics": [{"Name": "x"}]}]},
            "x": -2,
        });
        let mut object = object;
        if !sets.is_null() {
            object["_aws"]["CloudWatchMetrics"][0]["Dimensions"] = sets;
        }
        let (series, _) = observed(&object).unwrap();
        assert_eq!(series, [counted("A/x()", "None", 1, -2.0)]);
    }
}

#[test]
fn an_invalid_part_does_not_affect_the_others() {
    let unit = with(|object| {
        object["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"] = "Apples".into()
    });
    let text = with(|object| object["OrderValue"] = "12.5".into());
    let none = with(|object| object["OrderValue"] = json!([]));
    let one_text = with(|object| object["OrderValue"] = json!([1, "2"]));
    let many = with(|object| object["OrderValue"] = vec![1; 101].into());
    let gone = with(|object| drop(object.as_object_mut().unwrap().remove("OrderValue")));
    let not_a_number = "`OrderValue` is not a number or a list of numbers";
    for (object, reason) in [
        (unit, "unknown unit `Apples`"),
        (text, not_a_number),
        (none, not_a_number),
        (one_text, not_a_number),
        (many, "`OrderValue` has more than 100 values"),
        (gone, "`OrderValue` is missing"),
    ] {
        let (series, omitted) = observed(&object).unwrap();
        assert_eq!(
            omitted.unwrap().to_string(),
            format!("embedded metrics: {reason}")
        );
        assert_eq!(series.len(), 2, "the other metric in both sets");
    }

    let set = with(|object| object["region"] = Value::Null);
    let (series, omitted) = observed(&set).unwrap();
    assert_eq!(
        omitted.unwrap().to_string(),
        "`dimensions`: `region` is missing or blank"
    );
    assert_eq!(series.len(), 2, "both metrics in the other set");

    let directive = with(|object| {
        let directives = object["_aws"]["CloudWatchMetrics"].as_array_mut().unwrap();
        directives.push(json!({"Namespace": "B", "Metrics": 7}));
    });
    let (series, omitted) = observed(&directive).unwrap();
    assert!(matches!(omitted, Some(Reason::Shape(_))));
    assert_eq!(series.len(), 4);
}

#[test]
fn an_object_without_a_valid_part_is_rejected() {
    let nothing = with(|object| object["_aws"]["CloudWatchMetrics"] = json!([]));
    let namespace = with(|object| {
        drop(
            object["_aws"]["CloudWatchMetrics"][0]
                .as_object_mut()
                .unwrap()
                .remove("Namespace"),
        )
    });
    let accent =
        with(|object| object["_aws"]["CloudWatchMetrics"][0]["Namespace"] = "caf\u{e9}".into());
    let old = with(|object| object["_aws"]["Timestamp"] = 1_000_000_000_000_i64.into());
    let four = with(|object| {
        object["_aws"]["CloudWatchMetrics"][0]["Dimensions"] = json!([["a", "b", "c", "d"]]);
        for name in ["a", "b", "c", "d"] {
            object[name] = name.into();
        }
    });
    for (object, reason) in [
        (nothing, "`CloudWatchMetrics` is missing or empty"),
        (namespace, "`Namespace` is missing or empty"),
        (
            accent,
            "embedded metrics: `caf\u{e9}/OrderValue` is not a name of 1 to 255 ASCII characters",
        ),
        (old, "`timestamp` is older than 14 days"),
        (four, "`dimensions`: more than 3"),
    ] {
        assert_eq!(observed(&object).unwrap_err().to_string(), reason);
    }
}

#[test]
fn an_object_without_metrics_is_rejected_as_one() {
    for object in [
        r#"{"_aws":{}}"#,
        r#"{"_aws":{"Timestamp":1795348800000}}"#,
        r#"{"_aws":7,"a":1}"#,
    ] {
        let reason = observed_text(object).unwrap().unwrap_err();
        assert_eq!(reason, Reason::Missing("CloudWatchMetrics"), "{object}");
    }
}

#[test]
fn the_number_of_series_of_an_object_is_bounded() {
    let metrics: Vec<_> = (0..101)
        .map(|number| json!({"Name": number.to_string()}))
        .collect();
    let mut object = with(|object| {
        object["_aws"]["CloudWatchMetrics"][0]["Metrics"] = metrics.into();
        object["_aws"]["CloudWatchMetrics"][0]["Dimensions"] =
            json!([["a"], ["b"], ["c"], ["d"], ["e"]]);
    });
    for name in (0..101).map(|number| number.to_string()) {
        object[name] = 1.into();
    }
    for name in ["a", "b", "c", "d", "e"] {
        object[name] = name.into();
    }
    let reason = observed(&object).unwrap_err();
    assert_eq!(
        reason.to_string(),
        "embedded metrics: more than 500 metrics and sets of dimensions"
    );
}

#[test]
fn other_objects_are_not_in_the_embedded_metric_format() {
    for other in [
        "",
        "[]",
        r#"{"service":"_aws"}"#,
        r#"{"_aws":{"Timestamp":1},"service":"s","operation":"o"}"#,
        r#"{"message":{"_aws":{"CloudWatchMetrics":[]}}}"#,
    ] {
        assert!(observed_text(other).is_none(), "{other}");
    }
}

proptest! {
    #[test]
    fn no_object_causes_a_panic(text in any::<String>(), value in any::<f64>(), name in "[ -~]{0,300}") {
        let quoted = serde_json::to_string(&text).unwrap();
        for object in [
            with(|object| object["OrderValue"] = json!(value)),
            with(|object| object["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] = name.clone().into()),
            with(|object| object["_aws"]["CloudWatchMetrics"][0]["Dimensions"] = json!([[name], [text]])),
            with(|object| object["_aws"]["Timestamp"] = text.clone().into()),
            with(|object| object["service"] = text.clone().into()),
        ] {
            let _ = observed(&object);
        }
        let _ = observed_text(&format!(r#"{{"_aws":{text}}}"#));
        let _ = observed_text(&format!(r#"{{"_aws":{quoted}}}"#));
    }
}
