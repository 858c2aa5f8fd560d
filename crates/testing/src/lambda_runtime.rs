//! Lambda's runtime interface for one process: it hands out events and receives the responses.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A message from a function to its runtime interface.
#[derive(Debug, PartialEq)]
pub enum RuntimeMessage {
    /// The function waits for an event.
    Ready,
    /// The response to an event.
    Response(serde_json::Value),
    /// The error that an event caused.
    Error(serde_json::Value),
}

/// A runtime interface and the process that uses it. Dropping it ends the process.
pub struct LambdaRuntime {
    process: Child,
    events: UnboundedSender<String>,
    messages: UnboundedReceiver<RuntimeMessage>,
}

impl LambdaRuntime {
    /// Starts a program as Lambda does. Its standard output goes to `output`.
    ///
    /// # Panics
    /// If the program cannot be started.
    pub async fn start(mut program: Command, output: Stdio) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (events, waiting) = unbounded_channel();
        let (sender, messages) = unbounded_channel();
        tokio::spawn(serve(listener, Arc::new(Mutex::new(waiting)), sender));
        let process = program
            .envs(environment(address))
            .stdin(Stdio::null())
            .stdout(output)
            .spawn()
            .unwrap();
        Self {
            process,
            events,
            messages,
        }
    }

    /// Returns the next message of the function.
    ///
    /// # Panics
    /// If none arrives within 60 seconds, or the process has ended.
    pub async fn next(&mut self) -> RuntimeMessage {
        tokio::time::timeout(Duration::from_secs(60), self.messages.recv())
            .await
            .unwrap()
            .unwrap()
    }

    /// Sends an event and returns the response or error, once the function waits again.
    ///
    /// # Panics
    /// If the function does not respond within 60 seconds.
    pub async fn invoke(&mut self, event: &str) -> RuntimeMessage {
        self.events.send(event.to_owned()).unwrap();
        let response = self.next().await;
        assert_eq!(self.next().await, RuntimeMessage::Ready);
        response
    }

    /// Ends the process as Lambda ends a function with an extension, and returns its exit code.
    ///
    /// # Panics
    /// If the process cannot be signaled.
    pub async fn terminate(mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        let signaled = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(signaled.success());

        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Returns the peak memory of the process, in KiB.
    ///
    /// # Panics
    /// If `/proc` does not show it, as on systems other than Linux.
    #[must_use]
    pub fn peak_memory_kib(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for LambdaRuntime {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn environment(address: SocketAddr) -> [(&'static str, String); 6] {
    [
        ("AWS_LAMBDA_RUNTIME_API", address.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", "alb-sync".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "l".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "s".to_owned()),
    ]
}

async fn serve(
    listener: TcpListener,
    events: Arc<Mutex<UnboundedReceiver<String>>>,
    messages: UnboundedSender<RuntimeMessage>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, Arc::clone(&events), messages.clone()));
    }
}

async fn connection(
    mut stream: TcpStream,
    events: Arc<Mutex<UnboundedReceiver<String>>>,
    messages: UnboundedSender<RuntimeMessage>,
) -> Option<()> {
    loop {
        let (path, body) = request(&mut stream).await?;
        let response = if path.ends_with("/invocation/next") {
            messages.send(RuntimeMessage::Ready).ok()?;
            let event = events.lock().await.recv().await?;
            let deadline =
                SystemTime::now().duration_since(UNIX_EPOCH).ok()? + Duration::from_secs(40);
            format!(
                "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: run-1\r\nlambda-runtime-deadline-ms: {}\r\n\
                 lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:123456789012:function:alb-sync\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{event}",
                deadline.as_millis(),
                event.len()
            )
        } else {
            let body = serde_json::from_slice(&body).unwrap_or_default();
            messages
                .send(if path.ends_with("/response") {
                    RuntimeMessage::Response(body)
                } else {
                    RuntimeMessage::Error(body)
                })
                .ok()?;
            "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_owned()
        };
        stream.write_all(response.as_bytes()).await.ok()?;
    }
}

/// Reads one request and returns its path and body.
async fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| {
                line.strip_prefix("content-length:")?
                    .trim()
                    .parse::<usize>()
                    .ok()
            });
            let end_of_body = end + 4 + length.unwrap_or(0);
            if bytes.len() >= end_of_body {
                let path = head.split_whitespace().nth(1)?.to_owned();
                return Some((path, bytes[end + 4..end_of_body].to_vec()));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
