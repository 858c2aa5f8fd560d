use super::*;

const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
const SERVICE: Service<'_> = Service {
    name: "tollgate",
    version: "1.2.3",
};

fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, String> {
    let lookup = |name: &str| {
        let mut variables = variables.iter().rev();
        let found = variables.find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Settings::from_lookup(lookup, SERVICE).map_err(|error| error.to_string())
}

fn with_endpoint(variables: &[(&str, &str)]) -> Result<Option<Settings>, String> {
    read(&[&[ENDPOINT], variables].concat())
}

fn valid(variables: &[(&str, &str)]) -> Settings {
    with_endpoint(variables).unwrap().unwrap()
}

fn url(target: Option<&Target>) -> Option<String> {
    target.map(|target| target.url.to_string())
}

#[test]
fn export_is_off_without_an_endpoint() {
    for variables in [
        &[][..],
        &[("OTEL_SERVICE_NAME", "a"), ("OTEL_TRACES_EXPORTER", "otlp")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
        &[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")],
        &[
            ENDPOINT,
            ("OTEL_TRACES_EXPORTER", "none"),
            ("OTEL_METRICS_EXPORTER", "none"),
        ],
    ] {
        assert!(read(variables).unwrap().is_none(), "{variables:?}");
    }
}

#[test]
fn invalid_settings_do_not_matter_while_the_export_is_off() {
    let disabled = [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense"),
        ("OTEL_TRACES_SAMPLER", "nonsense"),
    ];
    assert!(read(&disabled).unwrap().is_none());
    assert!(read(&disabled[2..]).unwrap().is_none());
}

#[test]
fn common_endpoint_is_extended_and_the_one_of_a_signal_is_used_as_it_is() {
    let settings = valid(&[(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "https://collector.example/base/",
    )]);
    assert_eq!(
        [settings.traces.as_ref(), settings.metrics.as_ref()].map(url),
        [
            Some("https://collector.example/base/v1/traces".to_owned()),
            Some("https://collector.example/base/v1/metrics".to_owned()),
        ]
    );

    let only_metrics = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://m.example/x");
    let settings = read(&[only_metrics]).unwrap().unwrap();
    assert!(settings.traces.is_none());
    assert_eq!(
        url(settings.metrics.as_ref()).as_deref(),
        Some("http://m.example/x")
    );
}

#[test]
fn settings_of_a_signal_override_the_common_ones() {
    let settings = valid(&[
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=1"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "b=2"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "2000"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
    ]);

    let (traces, metrics) = (settings.traces.unwrap(), settings.metrics.unwrap());
    assert!(traces.headers.contains_key("b") && !traces.headers.contains_key("a"));
    assert!(metrics.headers.contains_key("a"));
    assert_eq!(traces.timeout, Duration::from_secs(1));
    assert_eq!(metrics.timeout, Duration::from_secs(2));
}

#[test]
fn defaults_are_those_of_the_specification() {
    let settings = valid(&[]);

    assert_eq!(
        settings.queue,
        QueueLimits {
            spans: 2_048,
            batch: 512,
            delay: Duration::from_secs(5),
        }
    );
    assert_eq!(settings.metric_interval, Duration::from_secs(60));
    assert_eq!(settings.temporality, Temporality::Cumulative);
    assert!(settings.propagates);
    assert_eq!(settings.traces.unwrap().timeout, Duration::from_secs(10));
    assert!(
        matches!(settings.sampler, Sampler::ParentBased(root) if format!("{root:?}") == "AlwaysOn")
    );
}

#[test]
fn batch_is_never_larger_than_the_queue() {
    assert_eq!(
        valid(&[("OTEL_BSP_MAX_QUEUE_SIZE", "100")]).queue.batch,
        100
    );

    let error = with_endpoint(&[
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "101"),
    ]);
    assert_eq!(
        error.unwrap_err(),
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE: invalid value \"101\", expected an integer from 1 to 100"
    );
}

#[test]
fn propagators_are_a_list() {
    for (value, propagates) in [
        ("tracecontext", true),
        ("tracecontext, baggage", true),
        ("baggage", false),
        ("none", false),
    ] {
        let settings = valid(&[("OTEL_PROPAGATORS", value)]);
        assert_eq!(settings.propagates, propagates, "{value}");
    }
}

#[test]
fn errors_name_the_variable_and_what_was_expected() {
    for (variable, value, expected) in [
        ("OTEL_SDK_DISABLED", "yes", "expected true or false"),
        (
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "grpc",
            "expected http/protobuf",
        ),
        ("OTEL_TRACES_EXPORTER", "zipkin", "expected otlp or none"),
        (
            "OTEL_METRICS_EXPORTER",
            "prometheus",
            "expected otlp or none",
        ),
        ("OTEL_TRACES_SAMPLER", "xray", "expected one of always_on"),
        (
            "OTEL_PROPAGATORS",
            "b3",
            "expected tracecontext, baggage or none",
        ),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "expected an integer from 1"),
        (
            "OTEL_BSP_SCHEDULE_DELAY",
            "-1",
            "expected an integer from 1",
        ),
        (
            "OTEL_METRIC_EXPORT_INTERVAL",
            "1s",
            "expected an integer from 1",
        ),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "", ""),
        (
            "OTEL_EXPORTER_OTLP_TIMEOUT",
            "ten",
            "expected an integer from 1",
        ),
        (
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            "x",
            "expected one of cumulative, delta, lowmemory",
        ),
    ] {
        let result = with_endpoint(&[(variable, value)]);
        if value.is_empty() {
            assert!(result.is_ok(), "{variable}");
            continue;
        }
        let error = result.unwrap_err();
        let found = format!("{variable}: invalid value {value:?}, {expected}");
        assert!(error.starts_with(&found), "{error}");
    }
}

#[test]
fn unsupported_variables_are_refused() {
    for (name, expected) in variables::UNSUPPORTED {
        let error = with_endpoint(&[(name, "gzip")]).unwrap_err();
        assert_eq!(error, format!("{name}: invalid value, expected {expected}"));
    }
}

#[test]
fn compression_is_ignored_with_a_warning() {
    let log = testing::LogBuffer::default();
    let _guard = log.subscribe();

    valid(&[
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"),
    ]);

    let lines = log.json_lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(
        lines[0]["fields"]["variable"],
        "OTEL_EXPORTER_OTLP_COMPRESSION"
    );
}

#[test]
fn endpoints_that_cannot_work_are_refused() {
    for endpoint in [
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://127.0.0.1:",
        "http://:9",
        "http://127.0.0.1:9#x",
        "localhost:4318",
        "http://[::1",
    ] {
        let result = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]);
        assert!(result.is_err(), "{endpoint}");
    }
    for endpoint in [
        "http://[::1]:4318",
        "https://a.example",
        "http://127.0.0.1:1/x",
    ] {
        let result = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]);
        assert!(result.is_ok(), "{endpoint}");
    }
}

#[test]
fn headers_of_the_message_cannot_be_set() {
    for header in [
        "Content-Type",
        "host",
        "content-length",
        "transfer-encoding",
    ] {
        let value = format!("a=1,{header}=x");
        let error = with_endpoint(&[("OTEL_EXPORTER_OTLP_HEADERS", &value)]);
        assert!(error.is_err(), "{header}");
    }
}

#[test]
fn missing_certificate_file_is_an_error() {
    let error = with_endpoint(&[("OTEL_EXPORTER_OTLP_CERTIFICATE", "/missing.pem")]);
    let error = error.unwrap_err();
    assert!(
        error.starts_with("OTEL_EXPORTER_OTLP_CERTIFICATE: /missing.pem: "),
        "{error}"
    );
}

#[test]
fn every_variable_that_is_read_is_listed() {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    let read = RefCell::new(BTreeSet::new());
    for endpoint in [
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    ] {
        let lookup = |name: &str| {
            read.borrow_mut().insert(name.to_owned());
            match name {
                "OTEL_TRACES_SAMPLER" => Some("traceidratio".to_owned()),
                name if name == endpoint => Some("http://localhost:4318".to_owned()),
                _ => None,
            }
        };
        Settings::from_lookup(lookup, SERVICE).unwrap().unwrap();
    }

    let is_unsupported = |name: &str| {
        let mut refused = variables::UNSUPPORTED.iter();
        variables::IGNORED.contains(&name) || refused.any(|(it, _)| *it == name)
    };
    let read = read.into_inner();
    let read: Vec<_> = read
        .iter()
        .map(String::as_str)
        .filter(|name| name.starts_with("OTEL_") && !is_unsupported(name))
        .collect();
    let mut listed = Settings::variables().to_vec();
    listed.sort_unstable();
    assert_eq!(read, listed);
}

#[test]
fn ratio_of_the_sampler_is_between_0_and_1() {
    for invalid in ["2", "-0.1", "NaN", "half"] {
        let error = with_endpoint(&[
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", invalid),
        ]);
        assert_eq!(
            error.unwrap_err(),
            format!(
                "OTEL_TRACES_SAMPLER_ARG: invalid value {invalid:?}, expected a number from 0 to 1"
            )
        );
    }
}

#[test]
fn errors_and_debug_output_hide_endpoints_and_headers() {
    for (variable, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://me:hush@a.example"),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "https://a.example/?token=hush",
        ),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "hush"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://hush"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "unix:///hush"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hush"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a b=hush"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=hush%0a"),
        ("OTEL_RESOURCE_ATTRIBUTES", "token=hush,x"),
    ] {
        let error = with_endpoint(&[(variable, value)]).unwrap_err();
        assert!(error.starts_with(&format!("{variable}: invalid value, expected")));
        assert!(!error.contains("hush"), "{error}");
    }

    let settings = valid(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://a.example/hush"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hush"),
    ]);
    assert!(!format!("{settings:?}").contains("hush"));
}

fn attribute(settings: &Settings, name: &'static str) -> Option<String> {
    let value = settings.resource.get(&opentelemetry::Key::new(name))?;
    Some(value.to_string())
}

#[test]
fn service_name_has_an_order_of_sources() {
    const FUNCTION: (&str, &str) = ("AWS_LAMBDA_FUNCTION_NAME", "function");
    const ATTRIBUTES: (&str, &str) = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=attribute");
    const NAME: (&str, &str) = ("OTEL_SERVICE_NAME", "name");

    for (variables, expected) in [
        (&[][..], "tollgate"),
        (&[FUNCTION], "function"),
        (&[FUNCTION, ATTRIBUTES], "attribute"),
        (&[FUNCTION, ATTRIBUTES, NAME], "name"),
    ] {
        let settings = valid(variables);
        assert_eq!(
            attribute(&settings, "service.name").as_deref(),
            Some(expected)
        );
    }
}

#[test]
fn resource_of_a_function_has_what_lambda_knows() {
    let settings = valid(&[
        ("AWS_LAMBDA_FUNCTION_NAME", "authorizer"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/30/[$LATEST]abc"),
        ("AWS_REGION", "eu-central-1"),
    ]);

    for (name, value) in [
        ("cloud.provider", "aws"),
        ("cloud.platform", "aws_lambda"),
        ("cloud.region", "eu-central-1"),
        ("faas.name", "authorizer"),
        ("faas.version", "$LATEST"),
        ("faas.instance", "2026/11/30/[$LATEST]abc"),
        ("faas.max_memory", "268435456"),
        ("service.version", "1.2.3"),
        ("telemetry.sdk.name", "opentelemetry"),
    ] {
        assert_eq!(attribute(&settings, name).as_deref(), Some(value), "{name}");
    }
}
