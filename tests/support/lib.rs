//! A gateway, a backend and a client for tests, all real, on free ports of this machine.

mod backend;
mod client;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use console::Local as Console;
use gateway::api::{Exchange, LogFormat};
use gateway::local::{self, LocalIssuer, Options, TokenClaims};
use tokio::sync::oneshot;

pub use backend::{Backend, Seen};
pub use client::{Answer, Call, raw};

/// The free key of the built-in seeds.
pub const FREE: &str = "local-free-key-000000000001";
/// The pro key of the built-in seeds.
pub const PRO: &str = "local-pro-key-0000000000001";

/// The plans of the built-in seeds, but the free plan's burst is not refilled during a test.
pub const FIVE_CALLS: &str = r#"{
    "plans": {"free": {"throttle": {"rate": 0.001, "burst": 5}},
              "pro": {"throttle": {"rate": 100, "burst": 200}}},
    "keys": [{"key": "local-free-key-000000000001", "key_id": "local-free", "plan": "free"},
             {"key": "local-pro-key-0000000000001", "key_id": "local-pro", "plan": "pro"}]
}"#;

/// The project's folder.
#[must_use]
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_owned)
        .unwrap_or_default()
}

/// Where the local issuer's key is, for all tests: made once, by whichever comes first.
fn state() -> PathBuf {
    project().join(".tollgate")
}

/// The URL of a server.
fn url(address: SocketAddr) -> http::Uri {
    format!("http://{address}").parse().expect("an address")
}

/// A token of the local issuer.
#[must_use]
pub fn token(sub: &str, scope: Option<&str>, plan: Option<&str>) -> String {
    let claims = TokenClaims {
        sub: sub.to_owned(),
        scope: scope.map(str::to_owned),
        plan: plan.map(str::to_owned),
        expires_in: 600,
    };
    let issuer = LocalIssuer::open(&state()).expect("the local issuer");
    issuer
        .token(&claims, jiff::Timestamp::now())
        .expect("a token")
}

/// How a gateway is to be started; as `cargo run` does where nothing is said.
#[derive(Default)]
pub struct Setup {
    parameters: Vec<(String, String)>,
    backend: Option<SocketAddr>,
    seeds: Option<String>,
    policy: Option<String>,
    compositions: Option<String>,
    services: Vec<(String, SocketAddr)>,
    replacements: Vec<(String, String)>,
    endpoint: Option<String>,
    has_console: bool,
}

impl Setup {
    /// Sets a parameter of the template.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leads integrations there.
    #[must_use]
    pub fn backend(mut self, address: SocketAddr) -> Self {
        self.backend = Some(address);
        self
    }

    /// Plans and keys.
    #[must_use]
    pub fn seeds(mut self, json: &str) -> Self {
        self.seeds = Some(json.to_owned());
        self
    }

    /// The authorizer's policy.
    #[must_use]
    pub fn policy(mut self, json: &str) -> Self {
        self.policy = Some(json.to_owned());
        self
    }

    /// The compositions.
    #[must_use]
    pub fn compositions(mut self, json: &str) -> Self {
        self.compositions = Some(json.to_owned());
        self
    }

    /// The address of a service that compositions call.
    #[must_use]
    pub fn service(mut self, name: &str, address: SocketAddr) -> Self {
        self.services.push((name.to_owned(), address));
        self
    }

    /// Keeps plans, keys and usage behind this address. The decision deadline is long, because a
    /// busy machine can need more than the default for the calls of a first decision.
    #[must_use]
    pub fn endpoint(mut self, url: &str) -> Self {
        self.endpoint = Some(url.to_owned());
        self.parameter("DecisionDeadlineMs", "5000")
    }

    /// Serves the web console too.
    #[must_use]
    pub const fn console(mut self) -> Self {
        self.has_console = true;
        self
    }

    /// Changes the template's text, every time it stands there; once at least.
    #[must_use]
    pub fn replace(mut self, text: &str, with: &str) -> Self {
        self.replacements.push((text.to_owned(), with.to_owned()));
        self
    }

    /// Starts the gateway.
    pub async fn start(self) -> Gateway {
        self.try_start()
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts the gateway, or says why it does not start.
    pub async fn try_start(self) -> Result<Gateway, local::StartError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a temporary file");
            path
        };
        let mut template =
            std::fs::read_to_string(project().join("template.yaml")).expect("template.yaml");
        for (text, with) in &self.replacements {
            assert!(
                template.contains(text),
                "the template does not hold `{text}`"
            );
            template = template.replace(text, with);
        }
        let console = self.has_console.then(|| Console::new("0.0.0"));
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            template: file("template.yaml", &template),
            parameters: self.parameters,
            backend: self.backend.map(url),
            policy: self.policy.map(|json| file("policy.json", &json)),
            compositions: self
                .compositions
                .map(|json| file("compositions.json", &json)),
            services: self
                .services
                .into_iter()
                .map(|(name, address)| (name, url(address)))
                .collect(),
            endpoint: self.endpoint.map(|url| url.parse().expect("an address")),
            seeds: self.seeds.map(|json| file("seeds.json", &json)),
            state: state(),
            pages: console.as_ref().map(Console::pages),
        };
        Gateway::start(options, console.as_deref()).await
    }
}

/// A gateway that runs until it is dropped.
pub struct Gateway {
    /// Where it listens.
    pub address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<()>,
}

impl Gateway {
    async fn start(options: Options, console: Option<&Console>) -> Result<Self, local::StartError> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&lines);
        let started = local::start(
            options,
            Arc::new(move |format: &LogFormat, exchange: &Exchange| {
                log.lock().expect("the log").push(format.line(exchange));
            }),
            std::io::sink(),
        )
        .await?;
        if let Some(console) = console {
            console.set_settings(started.settings.clone());
        }
        let (stop, stopped) = oneshot::channel();
        let address = started.address;
        let served = tokio::spawn(started.serve(async {
            let _ = stopped.await;
        }));
        Ok(Self {
            address,
            lines,
            stop: Some(stop),
            served,
        })
    }

    /// A request to it.
    #[must_use]
    pub fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self.address, method, path)
    }

    /// A `GET`, with a key.
    pub async fn get(&self, path: &str, key: &str) -> Answer {
        self.call("GET", path).header("x-api-key", key).send().await
    }

    /// The access log so far.
    #[must_use]
    pub fn log(&self) -> Vec<serde_json::Value> {
        let lines = self.lines.lock().expect("the log");
        lines
            .iter()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    /// Tells it to stop; the task ends once it has.
    pub fn stop(mut self) -> tokio::task::JoinHandle<()> {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        self.served
    }
}
