//! Signed requests: which are signed, with which credentials, and what happens if there are none.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;
use testing::{HttpReply, HttpRequest, HttpServer};

use crate::program::{text, tollgate};

const KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// A folder with AWS configuration files, and a server with an empty list of plans.
pub(crate) struct Account {
    folder: tempfile::TempDir,
    pub(crate) server: HttpServer,
}

impl Account {
    pub(crate) fn new() -> Self {
        let server = HttpServer::start();
        let plans = json!({"items": [], "next_cursor": null});
        server.reply("GET /_tollgate/v1/plans", HttpReply::json(200, &plans));
        Self {
            folder: tempfile::tempdir().unwrap(),
            server,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn configure(&self, config: &str) {
        std::fs::write(self.path().join("config"), config).unwrap();
    }

    /// Returns `plans list --json` in an environment without credentials.
    pub(crate) fn list(&self, arguments: &[&str]) -> Command {
        self.command(&[&["plans", "list", "--json"], arguments].concat())
    }

    /// Returns a command in an environment without credentials.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tollgate(arguments);
        for (name, _) in std::env::vars() {
            if name.starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command
            .env("HOME", self.path())
            .env("AWS_CONFIG_FILE", self.path().join("config"))
            .env(
                "AWS_SHARED_CREDENTIALS_FILE",
                self.path().join("credentials"),
            )
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Returns the error of a list that fails with exit code 2.
    fn failure(&self, arguments: &[&str]) -> String {
        let url = self.server.url();
        let arguments = [&["--url", &url, "--region", "eu-west-1"], arguments].concat();
        let output = self.list(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(self.server.requests().is_empty(), "nothing is sent");
        text(&output.stderr)
    }
}

fn listed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    output
}

/// Signs a received request again, at the same instant, and compares the signatures.
pub(crate) fn assert_is_signed(received: &HttpRequest, region: &str, token: Option<&str>) {
    let date = &received.headers["x-amz-date"];
    let instant = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", date).unwrap();
    let instant = instant.to_datetime().unwrap().in_tz("UTC").unwrap();
    let seconds = u64::try_from(instant.timestamp().as_second()).unwrap();

    let url = format!("http://{}{}", received.headers["host"], received.target);
    let mut request = http::Request::builder().method(&*received.method).uri(url);
    if let Some(content_type) = received.headers.get("content-type") {
        request = request.header("content-type", content_type);
    }
    let mut request = request.body(received.body.clone().into()).unwrap();
    let token = token.map(str::to_owned);
    let credentials = aws_credential_types::Credentials::new(KEY_ID, SECRET, token, None, "test");
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    aws::sign(&mut request, &credentials, "execute-api", region, time).unwrap();

    let expected = request.headers()["authorization"].to_str().unwrap();
    assert_eq!(received.headers["authorization"], expected);
    assert!(
        expected.contains(&format!("/{region}/execute-api/aws4_request")),
        "{expected}"
    );
}

#[test]
fn signature_is_valid_for_what_is_sent() {
    let account = Account::new();
    let path = "/_aws/execute-api/abc/$default";
    let route = format!("GET {path}/_tollgate/v1/plans");
    let plans = json!({"items": [], "next_cursor": null});
    account.server.reply(&route, HttpReply::json(200, &plans));
    let url = format!("{}{path}/", account.server.url());

    let mut command = account.list(&["--url", &url, "--region", "eu-west-1"]);
    command
        .env("AWS_ACCESS_KEY_ID", KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_SESSION_TOKEN", "session");
    listed(&mut command);

    let received = account.server.requests().remove(0);
    assert_eq!(received.headers["x-amz-security-token"], "session");
    assert_is_signed(&received, "eu-west-1", Some("session"));
}

#[test]
fn requests_to_this_machine_are_signed_only_with_profile_or_region() {
    let account = Account::new();
    let url = account.server.url();
    let with_keys = |arguments: &[&str]| {
        let mut command = account.list(&["--url", &url]);
        command
            .args(arguments)
            .env("AWS_ACCESS_KEY_ID", KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_REGION", "eu-west-1");
        listed(&mut command);
        account.server.requests().pop().unwrap()
    };

    assert_eq!(with_keys(&[]).headers.get("authorization"), None);
    assert_is_signed(&with_keys(&["--region", "us-east-1"]), "us-east-1", None);
}

#[test]
fn profile_of_the_command_line_beats_the_environment() {
    let account = Account::new();
    account.configure(&format!(
        "[profile dev]\nregion = ap-south-1\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n"
    ));
    let mut command = account.list(&["--url", &account.server.url(), "--profile", "dev"]);
    command
        .env("AWS_ACCESS_KEY_ID", "AKIDOTHER")
        .env("AWS_SECRET_ACCESS_KEY", "other");
    listed(&mut command);
    assert_is_signed(&account.server.requests().remove(0), "ap-south-1", None);
}

#[test]
fn credential_process_provides_credentials_or_says_why_not() {
    let account = Account::new();
    let printed = json!({"Version": 1, "AccessKeyId": KEY_ID, "SecretAccessKey": SECRET});
    std::fs::write(account.path().join("keys.json"), printed.to_string()).unwrap();
    account.configure(&format!(
        "[profile good]\ncredential_process = cat {}/keys.json\n\
         [profile bad]\ncredential_process = sh -c 'echo connect the VPN first >&2; exit 3'\n",
        account.path().display()
    ));

    let failure = account.failure(&["--profile", "bad"]);
    assert!(
        failure.contains("credential process of the profile `bad` failed"),
        "{failure}"
    );
    assert!(failure.contains("connect the VPN first"), "{failure}");

    let url = account.server.url();
    let region = ["--url", &url, "--profile", "good", "--region", "eu-west-1"];
    listed(&mut account.list(&region));
    assert_is_signed(&account.server.requests().remove(0), "eu-west-1", None);
}

#[test]
fn places_without_credentials_are_named() {
    let failure = Account::new().failure(&[]);
    assert!(
        failure.starts_with("tollgate: no AWS credentials found."),
        "{failure}"
    );
    for place in [
        "AWS_ACCESS_KEY_ID",
        "profile `default`",
        "EC2",
        "--profile NAME",
    ] {
        assert!(failure.contains(place), "{place}: {failure}");
    }
}

#[test]
fn unknown_profile_is_named_with_the_files() {
    let account = Account::new();
    account.configure("[profile dev]\nregion = eu-west-1\n");
    let failure = account.failure(&["--profile", "prod"]);
    let files = ["config", "credentials"].map(|name| account.path().join(name));
    assert_eq!(
        failure,
        format!(
            "tollgate: --profile prod: this profile is neither in {} nor in {}\n",
            files[0].display(),
            files[1].display()
        )
    );

    let empty = account.failure(&["--profile", "dev"]);
    assert_eq!(
        empty,
        "tollgate: --profile dev: this profile has no credentials\n"
    );
}

#[test]
fn expired_sso_session_names_the_command_that_starts_one() {
    let account = Account::new();
    let profile = "sso_account_id = 123456789012\nsso_role_name = Admin\nsso_session = corp\n";
    account.configure(&format!(
        "[profile dev]\n{profile}[sso-session corp]\nsso_region = eu-west-1\n\
         sso_start_url = https://corp.awsapps.com/start\n"
    ));
    let expected = "tollgate: the SSO session has expired or does not exist. Log in with `aws sso login --profile dev`\n";
    assert_eq!(
        account.failure(&["--profile", "dev"]),
        expected,
        "no session"
    );

    let cache = account.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    let session = json!({"accessToken": "hush", "expiresAt": "2020-01-01T00:00:00Z"});
    // The name of the file is the SHA-1 of the name of the session.
    let name = "ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
    std::fs::write(cache.join(name), session.to_string()).unwrap();
    let failure = account.failure(&["--profile", "dev"]);
    assert_eq!(failure, expected, "expired session");
}

#[test]
fn session_of_aws_login_names_the_command_that_exports_it() {
    let account = Account::new();
    account.configure("[profile dev]\nlogin_session = arn:aws:iam::123456789012:user/ann\n");
    let failure = account.failure(&["--profile", "dev"]);
    assert!(
        failure.contains("aws configure export-credentials --profile dev --format env"),
        "{failure}"
    );
}

#[test]
fn missing_region_is_an_error() {
    let account = Account::new();
    account.configure(&format!(
        "[profile dev]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n"
    ));
    let output = account.list(&["--url", "https://api.example", "--profile", "dev"]);
    let output = { output }.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).starts_with("tollgate: no AWS region"),
        "{output:?}"
    );
}

#[test]
fn denied_access_names_permission_and_identity() {
    let account = Account::new();
    let sts = HttpServer::start();
    let identity = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                    <GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/ann</Arn>\
                    </GetCallerIdentityResult></GetCallerIdentityResponse>";
    sts.reply("POST /", HttpReply::text(200, "text/xml", identity));
    let forbidden = HttpReply::json(403, &json!({"message": "Forbidden"}));
    account
        .server
        .reply("GET /denied/_tollgate/v1/plans", forbidden);

    let url = format!("{}/denied", account.server.url());
    let output = account
        .list(&["--url", &url, "--region", "eu-west-1"])
        .env("AWS_ACCESS_KEY_ID", KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_ENDPOINT_URL_STS", sts.url())
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(1));
    let failure = text(&output.stderr);
    assert!(
        failure.contains(
            "Expected the permission execute-api:Invoke on arn:aws:execute-api:eu-west-1:"
        ),
        "{failure}"
    );
    assert!(
        failure.contains("for arn:aws:iam::123456789012:user/ann"),
        "{failure}"
    );
    assert!(!failure.contains(SECRET), "{failure}");
}
