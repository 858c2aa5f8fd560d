//! AWS calls over real connections: one pool, retries, records, and the ways past a VPC endpoint.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use aws::{AwsCalls, Deadline, Failure, Fate, Retries, Timeouts, was_not_applied};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat as Format};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use support::{Answer, Lines, Server, header, refusing};
use telemetry::{ErrorKind, RecordLog};
use tokio::net::TcpListener;

const OK: Answer = Answer::Reply(200, "", "{}");
const CONDITION: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no"}"#;
const THROTTLED: &str =
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow"}"#;
const INVALID: &str =
    r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"bad"}"#;

/// What a call may take where the test is not about that.
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

    /// Makes one call; its failure, if it is one.
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
    assert_eq!(
        was_not_applied(&error),
        Failure::of_sdk(&error).fate == Fate::NotApplied
    );
    Some(Failure::of_sdk(&error))
}

#[tokio::test]
async fn a_connection_opened_ahead_is_the_one_that_the_first_call_uses() {
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
async fn a_connection_that_cannot_be_opened_ahead_is_no_failure() {
    let caller = Caller::new(&[("AWS_ENDPOINT_URL", &refusing().await)]).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let urls = format!(
        r#"{{"monitoring":"https://{}"}}"#,
        silent.local_addr().unwrap()
    );
    let hanging = Caller::new(&[("USE_VPC_ENDPOINT", "true"), ("VPC_ENDPOINT_URLS", &urls)]).await;
    let deadline = Deadline::after(Instant::now(), Duration::from_millis(100));
    caller
        .aws
        .connect_ahead(&["dynamodb", "monitoring"], deadline)
        .await;
    hanging.aws.connect_ahead(&["monitoring"], deadline).await;
}

#[tokio::test]
async fn connecting_ahead_reads_no_answer_without_end() {
    let server = Server::start(|_| Answer::Endless).await;
    let caller = Caller::public(&server).await;
    let url = server.url().parse().unwrap();
    let deadline = Deadline::after(Instant::now(), Duration::from_secs(60));
    caller.aws.connections().open(&url, deadline).await.unwrap();
}

#[tokio::test]
async fn all_clients_of_a_process_share_one_connection() {
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
async fn a_call_with_time_outs_of_its_own_uses_the_same_connection() {
    let server = Server::start(|_| OK).await;
    let caller = Caller::public(&server).await;
    let client = caller.client(Retries::Off);
    assert_eq!(call(&client).await, None);
    let own = Timeouts::within(Duration::from_millis(400), 1).unwrap();
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
async fn a_call_leaves_one_record() {
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
async fn a_throttled_read_is_tried_three_times_and_recorded_once() {
    let server = Server::start(|nth| {
        if nth < 3 {
            Answer::Reply(400, "", THROTTLED)
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
async fn a_throttled_charge_is_made_once_and_surely_not_applied() {
    let server = Server::start(|_| Answer::Reply(400, "", THROTTLED)).await;
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
async fn a_failed_condition_is_recorded_as_an_answer() {
    let server = Server::start(|_| Answer::Reply(400, "", CONDITION)).await;
    let caller = Caller::public(&server).await;
    let failure = caller.call(Retries::Off).await.unwrap();
    assert_eq!(
        (failure.fate, failure.client_error),
        (Fate::NotApplied, true)
    );
    assert_eq!(caller.log.record()["success"], true);
}

#[tokio::test]
async fn a_refused_request_is_the_callers_fault_and_not_retried() {
    let server = Server::start(|_| Answer::Reply(400, "", INVALID)).await;
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
async fn a_charge_that_broke_down_at_the_server_is_made_once_and_may_have_happened() {
    let server = Server::start(|_| Answer::Reply(500, "", "{}")).await;
    let caller = Caller::public(&server).await;
    let failure = caller.call(Retries::Off).await.unwrap();
    assert_eq!(
        (failure.kind, failure.fate),
        (ErrorKind::Unknown, Fate::Unknown)
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_leaves_it_unknown_whether_a_charge_happened() {
    let server = Server::start(|_| Answer::HangUp).await;
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
async fn a_refused_connection_surely_carried_no_charge() {
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
async fn a_silent_server_costs_no_more_than_the_time_out() {
    let server = Server::start(|_| Answer::Silence).await;
    let caller = Caller::within(
        Duration::from_millis(200),
        &[("AWS_ENDPOINT_URL", &server.url())],
    )
    .await;
    let began = Instant::now();
    let failure = caller.call(Retries::Off).await.unwrap();
    // The table's attempt would be 6 s; the rest is room for a busy machine.
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
async fn a_call_that_its_caller_gave_up_is_recorded_all_the_same() {
    let server = Server::start(|_| Answer::Silence).await;
    let caller = Caller::public(&server).await;
    let given_up =
        tokio::time::timeout(Duration::from_millis(100), caller.call(Retries::Off)).await;
    assert!(given_up.is_err());
    let record = caller.log.record();
    assert_eq!(
        (record["operation"].as_str(), record["error_type"].as_str()),
        (Some("GetItem"), Some("timeout"))
    );
}

#[tokio::test]
async fn a_private_address_is_called_and_recorded_as_such() {
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
async fn a_private_address_that_refuses_is_passed_over_in_the_same_call() {
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
async fn a_private_address_that_no_name_server_knows_is_passed_over() {
    let public = Server::start(|_| OK).await;
    // A label of 64 characters is refused by the resolver itself (RFC 1035, section 2.3.4): nothing
    // is asked.
    let private = format!("http://{}.example", "x".repeat(64));
    let caller = Caller::private(&private, &public.url(), "true").await;
    assert_eq!(caller.call(Retries::Off).await, None);
    assert_eq!(caller.log.record()["endpoint"], "public");
}

#[tokio::test]
async fn a_private_address_that_does_not_answer_is_waited_for_once() {
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
async fn an_answer_of_a_private_address_stands_whatever_it_says() {
    let public = Server::start(|_| OK).await;
    for (answer, requests) in [(INVALID, 1), (THROTTLED, 1), ("{}", 1)] {
        let private = Server::start(move |_| {
            Answer::Reply(if answer == "{}" { 500 } else { 400 }, "", answer)
        })
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
async fn a_charge_whose_answer_was_lost_does_not_go_to_the_public_address() {
    let (private, public) = (
        Server::start(|_| Answer::HangUp).await,
        Server::start(|_| OK).await,
    );
    let caller = Caller::private(&private.url(), &public.url(), "true").await;
    assert_eq!(caller.call(Retries::Off).await.unwrap().fate, Fate::Unknown);
    assert_eq!((private.requests().len(), public.connections()), (1, 0));
}

#[tokio::test]
async fn without_fallback_a_private_address_that_refuses_fails_the_call() {
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
async fn both_addresses_refusing_is_a_failure_that_surely_changed_nothing() {
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

/// The request names the server as its host, and its signature is the one that the server would
/// compute.
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
    let kept = |name: &&String| !["host", "x-amz-date"].contains(&name.as_str());
    let headers: Vec<_> = signed
        .iter()
        .filter(kept)
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

/// The signature of a request at the time of its `x-amz-date`, by the test's credentials.
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
