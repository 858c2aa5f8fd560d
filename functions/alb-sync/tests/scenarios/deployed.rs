//! The binary as a Lambda function on ministack, behind a rule of EventBridge that fires.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use testing::load_balancers::Account;
use testing::{DnsResponse, DnsServer, private_addresses};

/// A call of an API of JSON. The operation is named by `target`, or by the path.
fn call(server: SocketAddr, path: &str, target: &str, body: &Value) -> Value {
    let mut stream = TcpStream::connect(server).unwrap();
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {server}\r\nx-amz-target: {target}\r\ncontent-type: application/x-amz-json-1.1\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 20"), "{path} {target}: {answer}");
    serde_json::from_str(body).unwrap_or_default()
}

/// The binary as Lambda takes it: zipped, in base64.
fn package() -> String {
    let program = "import base64, io, sys, zipfile\n\
        info = zipfile.ZipInfo('bootstrap')\n\
        info.external_attr, info.compress_type = 0o755 << 16, zipfile.ZIP_DEFLATED\n\
        packed = io.BytesIO()\n\
        with zipfile.ZipFile(packed, 'w', compresslevel=1) as archive:\n    \
            archive.writestr(info, open(sys.argv[1], 'rb').read())\n\
        print(base64.b64encode(packed.getvalue()).decode(), end='')\n";
    let output = Command::new("python3")
        .args(["-c", program, env!("CARGO_BIN_EXE_alb-sync")])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_fires_every_minute_makes_the_group_follow_its_name() {
    let account = Account::new().await;
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1, 2]))).await;
    let variables: serde_json::Map<_, _> = account
        .settings(&names, 1)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect();
    let function = json!({
        "FunctionName": "alb-sync", "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 40,
        "Role": "arn:aws:iam::000000000000:role/alb-sync", "Code": {"ZipFile": package()},
        "Environment": {"Variables": variables},
    });
    let server = account.address();
    let function = call(server, "/2015-03-31/functions", "", &function);
    let rule = json!({"Name": "alb-sync", "ScheduleExpression": "rate(1 minute)"});
    call(server, "/", "AWSEvents.PutRule", &rule);
    let targets =
        json!({"Rule": "alb-sync", "Targets": [{"Id": "1", "Arn": function["FunctionArn"]}]});
    call(server, "/", "AWSEvents.PutTargets", &targets);
    let end = Instant::now() + Duration::from_secs(120);
    while account.targets().await != ["10.0.0.1:8443", "10.0.0.2:8443"] {
        assert!(
            Instant::now() < end,
            "nothing is registered after two minutes"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
