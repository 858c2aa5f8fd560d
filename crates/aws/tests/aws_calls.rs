//! AWS calls over real connections: the pool, retries, call records and endpoint fallback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use aws::{AwsCalls, Deadline, Failure, Fate, Retries, Timeouts};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat as Format};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use support::{Action, Lines, Server, header, refusing};
use telemetry::{ErrorKind, RecordLog};
use tokio::net::TcpListener;

const OK: Action = Action::Reply(200, "", "{}");
const CONDITION: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no"}"#;
const THROTTLED: &str =
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow"}"#;
const INVALID: &str =
    r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"bad"}"#;
const DENIED: &str =
    r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"not authorized"}"#;
const EXPIRED: &str = r#"{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"The security token included in the request is expired"}"#;
const LATE: &str = r#"{"__type":"com.amazon.coral.service#InvalidSignatureException","message":"Signature expired: 20261130T040000Z is now earlier than 20261130T041500Z"}"#;

/// The deadline of calls in tests about something else.
const DEADLINE: Duration = Duration::from_secs(10);

struct Caller {
    aws: AwsCalls,
    log: Lines,
}

impl Caller {
    async fn new(settings: &[(&str, &str)]) -> Self {
        Self::within(DEADLINE, settings).await
    }

    async fn within(deadline: Duration, settings: &[(&str, &str)]) -> Self {
        let fixed = [
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ];
        let lookup = |name: &str| {
            let mut all = fixed.iter().chain(settings);
            all.find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let log = Lines::default();
        let timeouts = Timeouts::within(deadline, 1).unwrap();
        let aws = AwsCalls::load(lookup, timeouts, RecordLog::to(log.clone()))
            .await
            .unwrap();
        Self { aws, log }
    }

    async fn public(server: &Server) -> Self {
        Self::new(&[("AWS_ENDPOINT_URL", &server.url())]).await
    }

    async fn private(private: &str, public: &str, fallback: &str) -> Self {
        let urls = format!(r#"{{"dynamodb":"{private}"}}"#);
        Self::new(&[
            ("AWS_ENDPOINT_URL", public),
            ("USE_VPC_ENDPOINT", "true"),
            ("VPC_ENDPOINT_URLS", &urls),
            ("FALLBACK_TO_PUBLIC", fallback),
        ])
        .await
    }

    fn client(&self, retries: Retries) -> Client {
        aws::client!(self.aws, aws_sdk_dynamodb, "dynamodb", retries)
    }

    /// Makes one call and returns its failure, if any.
    async fn call(&self, retries: Retries) -> Option<Failure> {
        call(&self.client(retries)).await
    }
}

async fn call(client: &Client) -> Option<Failure> {
    let get = client
        .get_item()
        .table_name("t")
        .key("pk", AttributeValue::S("k".into()));
    let error = get.send().await.err()?;

    Some(Failure::of_sdk(&error))
}

#[tokio::test]
async fn first_call_uses_the_connection_opened_ahead() {
    let server = Server::start(|_| OK).await;
    let caller = Caller::public(&server).await;
    caller
        .aws
        .connect_ahead(
            &["dynamodb"],
            Deadline::after(Instant::now(), Duration::from_secs(5)),
        )
        .await;

    assert_eq!(server.connections(), 1);
    assert_eq!(caller.call(Retries::Standard).await, None);
    assert_eq!((server.connections(), server.requests().len()), (1, 2));
    let ahead = &server.requests()[0];
    assert!(ahead.starts_with("GET / HTTP/1.1"), "{ahead}");
    assert_eq!(header(ahead, "authorization"), None);
}

#[tokio::test]
async fn failure_to_connect_ahead_is_only_logged() {
    let caller = Caller::new(&[("AWS_ENDPOINT_URL", &refusing().await)]).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let urls = format!(
        r#"{{"monitoring":"https://{}"}}"#,
        silent.local_addr().unwrap()
    );
    let hanging = Caller::new(&[("USE_VPC_ENDPOINT", "true"), ("VPC_ENDPOINT_URLS", &urls)]).await;
    let deadline = Deadline::after(Instant::now(), Duration::from_millis(100));
    let log = Lines::default();
    let writer = log.clone();
    let subscriber = telemetry::log_to(["aws"], None, move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber);

    caller
        .aws
        .connect_ahead(&["dynamodb", "monitoring"], deadline)
        .await;
    hanging.aws.connect_ahead(&["monitoring"], deadline).await;

    let warnings = log.json_lines();
    let mut services: Vec<_> = warnings.iter().map(|line| &line["service"]).collect();
    services[..2].sort_by_key(|service| service.to_string());
    assert_eq!(services, ["dynamodb", "monitoring", "monitoring"]);
    for warning in &warnings {
        assert_eq!(
            warning["message"],
            "cannot open a connection ahead of the first call"
        );
    }
    let error = warnings[2]["error"].as_str().unwrap();
    assert!(error.starts_with("no response from "), "{error}");
}

#[tokio::test]
async fn connecting_ahead_reads_a_limited_response() {
    let server = Server::start(|_| Action::Endless).await;
    let caller = Caller::public(&server).await;
    let url = server.url().parse().unwrap();
    let deadline = Deadline::after(Instant::now(), Duration::from_secs(60));
    caller.aws.connections().open(&url, deadline).await.unwrap();
}

#[tokio::test]
async fn clients_of_a_process_share_one_connection() {
    let server = Server::start(|_| OK).await;
    let caller = Caller::public(&server).await;
    for retries in [
        Retries::Standard,
        Retries::Off,
        Retries::Standard,
        Retries::Off,
    ] {
        assert_eq!(caller.call(retries).await, None);
    }

    assert_eq!((server.connections(), server.requests().len()), (1, 4));
}

#[tokio::test]
async fn call_with_its_own_timeouts_uses_the_same_connection() {
    let server = Server::start(|_| OK).await;
    let caller = Caller::public(&server).await;
    let client = caller.client(Retries::Off);

    assert_eq!(call(&client).await, None);
    let own = Timeouts::within(Duration::from_secs(2), 1).unwrap();
    let config = aws_sdk_dynamodb::config::Config::builder().timeout_config(own.sdk());
    client
        .list_tables()
        .customize()
        .config_override(config)
        .send()
        .await
        .unwrap();
    assert_eq!((server.connections(), server.requests().len()), (1, 2));
}

#[tokio::test]
async fn call_writes_one_record() {
    let server = Server::start(|_| OK).await;
    let caller = Caller::public(&server).await;

    assert_eq!(caller.call(Retries::Standard).await, None);
    let record = caller.log.record();
    assert_eq!(
        (record["service"].as_str(), record["operation"].as_str()),
        (Some("dynamodb"), Some("GetItem"))
    );
    assert_eq!(
        (record["success"].as_bool(), record["attempts"].as_u64()),
        (Some(true), Some(1))
    );
    assert_eq!(record["endpoint"], "public");
    assert!(record["duration_ms"].as_f64().unwrap() > 0.0);
    assert!(record["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
    assert!(record.get("error_type").is_none());
}

#[tokio::test]
async fn throttled_read_is_retried_and_recorded_once() {
    let server = Server::start(|nth| {
        if nth < 3 {
            Action::Reply(400, "", THROTTLED)
        } else {
            OK
        }
    })
    .await;
    let caller = Caller::public(&server).await;

    assert_eq!(caller.call(Retries::Standard).await, None);
    assert_eq!(server.requests().len(), 3);
    assert_eq!(caller.log.record()["attempts"], 3);
}

#[tokio::test]
async fn throttled_charge_is_not_retried_and_not_applied() {
    let server = Server::start(|_| Action::Reply(400, "", THROTTLED)).await;
    let caller = Caller::public(&server).await;
    let failure = caller.call(Retries::Off).await.unwrap();

    assert_eq!(
        (failure.kind, failure.fate, failure.retryable),
        (ErrorKind::Throttling, Fate::NotApplied, true)
    );
    assert_eq!(server.requests().len(), 1);
    assert_eq!(caller.log.record()["error_type"], "throttling");
}

#[tokio::test]
async fn failed_condition_is_recorded_as_success() {
    let server = Server::start(|_| Action::Reply(400, "", CONDITION)).await;
    let caller = Caller::public(&server).await;
    let failure = caller.call(Retries::Off).await.unwrap();

    assert_eq!(
        (failure.fate, failure.client_error),
        (Fate::NotApplied, true)
    );
    assert_eq!(caller.log.record()["success"], true);
}

#[tokio::test]
async fn invalid_request_is_a_client_error_and_not_retried() {
    let server = Server::start(|_| Action::Reply(400, "", INVALID)).await;
    let caller = Caller::public(&server).await;
    let failure = caller.call(Retries::Standard).await.unwrap();

    assert_eq!(
        (failure.kind, failure.client_error, failure.retryable),
        (ErrorKind::Unknown, true, false)
    );
    assert_eq!(server.requests().len(), 1);
    assert_eq!(caller.log.record()["error_type"], "unknown");
}

#[tokio::test]
async fn denied_call_is_recorded_by_its_error_code() {
    for (body, kind) in [
        (DENIED, "access_denied"),
        (EXPIRED, "expired_credentials"),
        (LATE, "clock_skew"),
    ] {
        let server = Server::start(move |_| Action::Reply(400, "", body)).await;
        let caller = Caller::public(&server).await;
        let failure = caller.call(Retries::Standard).await.unwrap();

        assert_eq!(
            (failure.kind.as_str(), failure.client_error, failure.fate),
            (kind, true, Fate::NotApplied)
        );
        assert_eq!(server.requests().len(), 1, "{kind}");
        assert_eq!(caller.log.record()["error_type"], kind);
    }
}

#[tokio::test]
async fn charge_with_a_server_error_is_not_retried_and_has_unknown_fate() {
    let server = Server::start(|_| Action::Reply(500, "", "{}")).await;
    let caller = Caller::public(&server).await;
    let failure = caller.call(Retries::Off).await.unwrap();

    assert_eq!(
        (failure.kind, failure.fate),
        (ErrorKind::ServerError, Fate::Unknown)
    );
    assert_eq!(server.requests().len(), 1);
    assert_eq!(caller.log.record()["error_type"], "server_error");
}

#[tokio::test]
async fn charge_without_a_response_has_unknown_fate() {
    let server = Server::start(|_| Action::HangUp).await;
    let caller = Caller::public(&server).await;
    let failure = caller.call(Retries::Off).await.unwrap();

    assert_eq!(
        (failure.kind, failure.fate),
        (ErrorKind::Network, Fate::Unknown)
    );
    assert_eq!(server.requests().len(), 1);
    assert_eq!(caller.log.record()["error_type"], "network");
}

#[tokio::test]
async fn charge_over_a_refused_connection_is_not_applied() {
    let caller = Caller::new(&[("AWS_ENDPOINT_URL", &refusing().await)]).await;
    let failure = caller.call(Retries::Off).await.unwrap();

    assert_eq!(
        (failure.kind, failure.fate),
        (ErrorKind::Network, Fate::NotApplied)
    );
    let record = caller.log.record();
    assert_eq!(
        (record["error_type"].as_str(), record["attempts"].as_u64()),
        (Some("network"), Some(1))
    );
}

#[tokio::test]
async fn silent_server_takes_no_longer_than_the_timeout() {
    let server = Server::start(|_| Action::Silence).await;
    let caller = Caller::within(
        Duration::from_millis(200),
        &[("AWS_ENDPOINT_URL", &server.url())],
    )
    .await;
    let began = Instant::now();
    let failure = caller.call(Retries::Off).await.unwrap();
    // Without the deadline, the attempt would take 6 s. The limit leaves room for a busy machine.
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(
        (failure.kind, failure.fate),
        (ErrorKind::Timeout, Fate::Unknown)
    );
    assert_eq!(caller.log.record()["error_type"], "timeout");
}

#[tokio::test]
async fn cancelled_call_is_recorded_as_a_timeout() {
    let server = Server::start(|_| Action::Silence).await;
    let caller = Caller::public(&server).await;
    let outcome = tokio::time::timeout(Duration::from_millis(100), caller.call(Retries::Off)).await;

    assert!(outcome.is_err());
    let record = caller.log.record();
    assert_eq!(
        (record["operation"].as_str(), record["error_type"].as_str()),
        (Some("GetItem"), Some("timeout"))
    );
}

#[tokio::test]
async fn private_address_is_called_and_recorded() {
    let (private, public) = (Server::start(|_| OK).await, Server::start(|_| OK).await);
    let caller = Caller::private(&private.url(), &public.url(), "true").await;
    caller
        .aws
        .connect_ahead(
            &["dynamodb"],
            Deadline::after(Instant::now(), Duration::from_secs(5)),
        )
        .await;

    assert_eq!(caller.call(Retries::Standard).await, None);
    assert_eq!(
        (
            private.requests().len(),
            private.connections(),
            public.connections()
        ),
        (2, 1, 0)
    );
    assert_eq!(caller.log.record()["endpoint"], "vpce");
    assert_signed_for(&private.requests()[1], &private);
}

#[tokio::test]
async fn refusing_private_address_falls_back_within_the_call() {
    let public = Server::start(|_| OK).await;
    for retries in [Retries::Standard, Retries::Off] {
        let caller = Caller::private(&refusing().await, &public.url(), "true").await;
        assert_eq!(caller.call(retries).await, None);
        let record = caller.log.record();
        assert_eq!(
            (record["endpoint"].as_str(), record["attempts"].as_u64()),
            (Some("public"), Some(2))
        );
    }

    assert_signed_for(&public.requests()[0], &public);
}

#[tokio::test]
async fn unresolvable_private_address_falls_back() {
    let public = Server::start(|_| OK).await;
    // The resolver itself rejects a label of 64 characters (RFC 1035, section 2.3.4), so no query
    // is sent.
    let private = format!("http://{}.example", "x".repeat(64));
    let caller = Caller::private(&private, &public.url(), "true").await;

    assert_eq!(caller.call(Retries::Off).await, None);
    assert_eq!(caller.log.record()["endpoint"], "public");
}

#[tokio::test]
async fn silent_private_address_is_tried_once() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let public = Server::start(|_| OK).await;
    let private = format!("https://{}", silent.local_addr().unwrap());
    let urls = format!(r#"{{"dynamodb":"{private}"}}"#);
    let settings = [
        ("AWS_ENDPOINT_URL", public.url()),
        ("USE_VPC_ENDPOINT", "true".to_owned()),
        ("VPC_ENDPOINT_URLS", urls),
        ("FALLBACK_TO_PUBLIC", "true".to_owned()),
    ];
    let settings = settings
        .each_ref()
        .map(|(key, value)| (*key, value.as_str()));
    let caller = Caller::new(&settings).await;
    let client = caller.client(Retries::Off);
    let began = Instant::now();

    assert_eq!(call(&client).await, None);
    let connect = Timeouts::within(DEADLINE, 1).unwrap().connect;
    assert!(began.elapsed() >= connect, "{:?}", began.elapsed());
    assert_eq!(call(&client).await, None);
    let attempts: Vec<_> = caller
        .log
        .records()
        .iter()
        .map(|record| record["attempts"].as_u64())
        .collect();
    assert_eq!(attempts, [Some(2), Some(1)]);
}

#[tokio::test]
async fn error_response_of_a_private_address_does_not_fall_back() {
    let public = Server::start(|_| OK).await;
    for (body, requests) in [(INVALID, 1), (THROTTLED, 1), ("{}", 1)] {
        let private =
            Server::start(move |_| Action::Reply(if body == "{}" { 500 } else { 400 }, "", body))
                .await;
        let caller = Caller::private(&private.url(), &public.url(), "true").await;
        assert!(caller.call(Retries::Off).await.is_some());
        assert_eq!(
            (
                private.requests().len(),
                caller.log.record()["endpoint"].as_str()
            ),
            (requests, Some("vpce"))
        );
    }

    assert_eq!(public.connections(), 0);
}

#[tokio::test]
async fn charge_without_a_response_does_not_fall_back() {
    let (private, public) = (
        Server::start(|_| Action::HangUp).await,
        Server::start(|_| OK).await,
    );
    let caller = Caller::private(&private.url(), &public.url(), "true").await;

    assert_eq!(caller.call(Retries::Off).await.unwrap().fate, Fate::Unknown);
    assert_eq!((private.requests().len(), public.connections()), (1, 0));
}

#[tokio::test]
async fn refusing_private_address_fails_the_call_without_fallback() {
    let public = Server::start(|_| OK).await;
    let caller = Caller::private(&refusing().await, &public.url(), "false").await;
    let failure = caller.call(Retries::Off).await.unwrap();

    assert_eq!(
        (failure.kind, failure.fate),
        (ErrorKind::Network, Fate::NotApplied)
    );
    assert_eq!(caller.log.record()["endpoint"], "vpce");
    assert_eq!(public.connections(), 0);
}

#[tokio::test]
async fn call_is_not_applied_if_both_addresses_refuse() {
    let caller = Caller::private(&refusing().await, &refusing().await, "true").await;
    let failure = caller.call(Retries::Off).await.unwrap();

    assert_eq!(
        (failure.kind, failure.fate),
        (ErrorKind::Network, Fate::NotApplied)
    );
    let record = caller.log.record();
    assert_eq!(
        (record["endpoint"].as_str(), record["attempts"].as_u64()),
        (Some("public"), Some(2))
    );
}

/// Asserts that the request names the server as its host, and that its signature covers that host.
fn assert_signed_for(request: &str, server: &Server) {
    let host = server.address.to_string();
    assert_eq!(header(request, "host").as_ref(), Some(&host));
    let authorization = header(request, "authorization").unwrap();
    let part = |name: &str| {
        authorization
            .split(name)
            .nth(1)
            .unwrap()
            .split(',')
            .next()
            .unwrap()
            .to_owned()
    };
    let signed: Vec<_> = part("SignedHeaders=")
        .split(';')
        .map(str::to_owned)
        .collect();
    assert!(signed.contains(&"host".to_owned()), "{authorization}");
    let is_passed_to_signer = |name: &&String| !["host", "x-amz-date"].contains(&name.as_str());
    let headers: Vec<_> = signed
        .iter()
        .filter(is_passed_to_signer)
        .map(|name| (name, header(request, name).unwrap()))
        .collect();
    let pairs = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let body = request.split_once("\r\n\r\n").unwrap().1;
    let url = format!("http://{host}/");
    let signable =
        SignableRequest::new("POST", &url, pairs, SignableBody::Bytes(body.as_bytes())).unwrap();
    assert_eq!(
        part("Signature="),
        signature(signable, &header(request, "x-amz-date").unwrap())
    );
}

/// Returns the signature of a request at the time in `x-amz-date`, with the test's credentials.
fn signature(request: SignableRequest<'_>, date: &str) -> String {
    let iso = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..8],
        &date[9..11],
        &date[11..13],
        &date[13..15]
    );
    let identity = Credentials::new("test", "test", None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name("dynamodb")
        .time(
            DateTime::from_str(&iso, Format::DateTime)
                .unwrap()
                .try_into()
                .unwrap(),
        )
        .settings(SigningSettings::default())
        .build()
        .unwrap();
    sign(request, &params.into())
        .unwrap()
        .signature()
        .to_owned()
}
