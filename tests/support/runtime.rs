//! Lambda's runtime interface for one process and one event, with a watch in hand.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Long enough for a busy machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process from its start to its first answer.
pub struct FirstAnswer {
    /// From the start to the first request for an event.
    pub start_up: Duration,
    /// From the start to the answer.
    pub answered: Duration,
    /// The answer.
    pub answer: Value,
    /// The most memory that the process has had (`VmHWM`), in KiB, once it waited for a second event.
    pub peak_memory_kib: u64,
}

enum Told {
    Ready(Instant),
    Answer(Instant, Value),
    Error(String),
}

/// Starts a function as Lambda does, with an event that waits for it already, and ends it when it asks for another.
pub async fn first_answer(mut program: Command, event: &str) -> FirstAnswer {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (teller, mut told) = unbounded_channel();
    let serving = tokio::spawn(serve(listener, Arc::new(Mutex::new(Some(event.to_owned()))), teller));
    program.envs(environment(address)).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let began = Instant::now();
    let mut process = program.spawn().expect("the function starts");
    let Told::Ready(ready) = next(&mut process, &mut told).await else { panic!("an answer before an event") };
    let Told::Answer(answered, answer) = next(&mut process, &mut told).await else { panic!("no answer to the event") };
    let Told::Ready(_) = next(&mut process, &mut told).await else { panic!("a second answer to one event") };
    let peak_memory_kib = peak_memory_kib(process.id().expect("it runs"));
    process.kill().await.expect("the function ends");
    serving.abort();
    FirstAnswer { start_up: ready - began, answered: answered - began, answer, peak_memory_kib }
}

async fn next(process: &mut Child, told: &mut UnboundedReceiver<Told>) -> Told {
    let told = tokio::select! {
        told = told.recv() => told.expect("the interface is there"),
        ended = process.wait() => panic!("the function ended: {ended:?}"),
        () = tokio::time::sleep(PATIENCE) => panic!("nothing from the function in {PATIENCE:?}"),
    };
    if let Told::Error(error) = told {
        panic!("the function answered with an error: {error}");
    }
    told
}

fn peak_memory_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("what Linux says of a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak memory");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

/// What Lambda sets for every function, as far as runtimes ask for it.
fn environment(address: SocketAddr) -> [(&'static str, String); 6] {
    [
        ("AWS_LAMBDA_RUNTIME_API", address.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", "function".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "group".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "stream".to_owned()),
    ]
}

async fn serve(listener: TcpListener, event: Arc<Mutex<Option<String>>>, teller: UnboundedSender<Told>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, Arc::clone(&event), teller.clone()));
    }
}

async fn connection(
    mut stream: TcpStream,
    event: Arc<Mutex<Option<String>>>,
    teller: UnboundedSender<Told>,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    loop {
        let (path, body) = request(&mut stream).await?;
        let now = Instant::now();
        if path.ends_with("/invocation/next") {
            teller.send(Told::Ready(now)).ok()?;
            let event = event.lock().expect("the event").take();
            let Some(event) = event else {
                // There is no second event: nothing comes until the process ends.
                let _ = stream.read_u8().await;
                return None;
            };
            stream.write_all(invocation(&event).as_bytes()).await.ok()?;
        } else {
            let text = String::from_utf8_lossy(&body).into_owned();
            let answer = path.ends_with("/response").then(|| serde_json::from_str(&text).ok()).flatten();
            teller.send(answer.map_or(Told::Error(text), |answer| Told::Answer(now, answer))).ok()?;
            stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await.ok()?;
        }
    }
}

fn invocation(event: &str) -> String {
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970") + PATIENCE;
    format!(
        "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: invocation-1\r\nlambda-runtime-deadline-ms: {}\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:123456789012:function:function\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{event}",
        deadline.as_millis(),
        event.len()
    )
}

/// Path and body of one request, `None` where the process has closed the connection.
async fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            let body = end + 4..end + 4 + length.unwrap_or(0);
            if bytes.len() >= body.end {
                return Some((head.split_whitespace().nth(1)?.to_owned(), bytes[body].to_vec()));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
