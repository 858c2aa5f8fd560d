//! A proxy on a free port, in front of a server with scripted responses.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admin_client::{AdminClient, TargetOptions};
use console::Deployed;
use console::proxy::{Clock, Limits, Listener, Moment, Proxy};
use serde_json::{Value, json};
use testing::{HttpReply, HttpServer};
use tokio::task::JoinHandle;

use crate::call::{Call, Reply};

pub(crate) const TARGET: &str = "/_tollgate/console/api/target";
pub(crate) const PAGE: &str = "/_tollgate/console/";
pub(crate) const SESSION: &str = "/_tollgate/console/api/session";
pub(crate) const PLANS: &str = "/_tollgate/v1/plans";

/// A running proxy, its target, and its clock.
pub(crate) struct Setup {
    pub(crate) server: HttpServer,
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) address: SocketAddr,
    clock: Arc<Mutex<Moment>>,
    serving: JoinHandle<()>,
}

/// The options of a proxy.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) write: bool,
    pub(crate) limits: Limits,
    /// The URL of the target instead of the server with scripted responses.
    pub(crate) url: Option<String>,
}

impl Setup {
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn writing() -> Self {
        let options = Options {
            write: true,
            ..Options::default()
        };
        Self::with(options).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let server = HttpServer::start();
        let plans = json!({"items": [], "next_cursor": null});
        server.reply(&format!("GET {PLANS}"), HttpReply::json(200, &plans));
        let target = TargetOptions {
            url: Some(options.url.unwrap_or_else(|| server.url())),
            ..TargetOptions::default()
        };
        let client = AdminClient::connect(&target).await.unwrap();
        let api = Deployed::new(client, target, None, "0.0.0", options.write);

        let clock = Arc::new(Mutex::new(Moment::now()));
        let now = Arc::clone(&clock);
        let listener = Listener::bind(None).await.unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.port()));
        let proxy = Proxy::new(api, listener.port())
            .unwrap()
            .with_limits(options.limits)
            .with_clock(Clock::of(move || *now.lock().unwrap()));

        let proxy = Arc::new(proxy);
        let serving = Arc::clone(&proxy);
        Self {
            server,
            address,
            clock,
            serving: tokio::spawn(async move { serving.serve(&listener).await }),
            proxy,
        }
    }

    /// Sets the clock forward.
    pub(crate) fn wait(&self, time: Duration) {
        let mut now = self.clock.lock().unwrap();
        now.monotonic += time;
        now.wall += time;
    }

    /// Returns the name and the port of the page.
    pub(crate) fn host(&self) -> String {
        let url = self.proxy.page_url();
        url.split('/').nth(2).unwrap().to_owned()
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.host())
    }

    /// Returns a new one-time code.
    pub(crate) fn code(&self) -> String {
        let url = self.proxy.new_page_url().unwrap();
        let (page, code) = url.split_once("#code=").unwrap();
        assert_eq!(page, format!("{}{PAGE}", self.origin()));
        code.to_owned()
    }

    /// Returns a request with the headers that a browser adds for the page.
    pub(crate) fn sent_by_page(&self, method: &str, target: &str, session: &str) -> Call {
        Call::bare(method, target, &self.host())
            .header("origin", &self.origin())
            .header("sec-fetch-site", "same-origin")
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-dest", "empty")
            .header("x-tollgate-console", session)
    }

    /// Exchanges a code, as the page does.
    pub(crate) async fn exchange(&self, code: &str) -> Reply {
        let call = self.sent_by_page("POST", SESSION, "local");
        call.json(&json!({"code": code})).send(self.address).await
    }

    /// Opens a session and returns it.
    pub(crate) async fn session(&self) -> String {
        let reply = self.exchange(&self.code()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["session"].as_str().unwrap().to_owned()
    }

    /// Sends a request of the page with a session of its own.
    pub(crate) async fn page_sends(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Reply {
        let call = self.sent_by_page(method, target, &self.session().await);
        let call = match body {
            Some(body) => call.json(body),
            None => call,
        };
        call.send(self.address).await
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
