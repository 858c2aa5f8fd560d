//! An admin API with scripted responses.

use std::collections::BTreeMap;
use std::sync::Mutex;

use admin_client::{AdminClient, TargetOptions};
use serde_json::{Value, json};
use testing::{HttpReply, HttpServer};

use super::Configuration;
use crate::aws::Unread;
use crate::stack::Stack;
use crate::verdict::Verdict;

/// The instant of the checks.
const NOW: &str = "2026-11-29T20:00:00Z";

/// An admin API with two plans, two keys, and a policy with a candidate.
pub(super) struct Api {
    pub(super) server: HttpServer,
    replies: Mutex<BTreeMap<String, HttpReply>>,
}

impl Api {
    pub(super) fn healthy() -> Self {
        let policy = json!({"rules": [{"match": "GET /open", "auth": "none", "plan": "free", "limit_by": "ip"}]});
        let plans = [
            json!({"name": "free", "plan": {}}),
            json!({"name": "pro", "plan": {"enabled": true}}),
        ];
        let keys = [
            json!({"key_id": "a", "plan": "free"}),
            json!({"key_id": "b", "plan": "pro"}),
        ];
        let candidate = json!({"at": "2026-11-28T00:00:00Z", "action": "candidate.put"});
        let description = json!({"info": {"version": env!("CARGO_PKG_VERSION")}});

        let api = Self {
            server: HttpServer::start(),
            replies: Mutex::default(),
        };
        api.replace("plans", list(&plans));
        api.replace("keys", list(&keys));
        api.replace(
            "policies",
            list(&[json!({"name": "main", "candidate": true})]),
        );
        api.replace("policies/main", document(&policy));
        api.replace("policies/main/candidate", document(&policy));
        api.replace("audit", list(&[candidate]));
        api.replace("openapi", HttpReply::json(200, &description));
        api
    }

    /// Returns the API with another response.
    pub(super) fn with(path: &str, reply: HttpReply) -> Self {
        let api = Self::healthy();
        api.replace(path, reply);
        api
    }

    /// Replaces a response.
    pub(super) fn replace(&self, path: &str, reply: HttpReply) {
        self.replies.lock().unwrap().insert(path.to_owned(), reply);
    }

    /// Returns the configuration of the API.
    pub(super) async fn configuration(&self) -> Configuration {
        self.connect(None).await
    }

    /// Returns the configuration of the API of a stack.
    pub(super) async fn configuration_of(&self, stack: Stack) -> Configuration {
        self.connect(Some(stack)).await
    }

    async fn connect(&self, stack: Option<Stack>) -> Configuration {
        for (path, reply) in std::mem::take(&mut *self.replies.lock().unwrap()) {
            let route = match path.as_str() {
                "openapi" => "GET /_tollgate/openapi.json".to_owned(),
                path => format!("GET /_tollgate/v1/{path}"),
            };
            self.server.reply(&route, reply);
        }
        let options = TargetOptions {
            url: Some(self.server.url()),
            ..TargetOptions::default()
        };
        let client = AdminClient::connect(&options).await.unwrap();
        Configuration::new(client, stack).at(NOW.parse().unwrap())
    }
}

/// Returns the response with a list.
pub(super) fn list(items: &[Value]) -> HttpReply {
    HttpReply::json(200, &json!({"items": items, "next_cursor": null}))
}

/// Returns the response with a policy.
pub(super) fn document(policy: &Value) -> HttpReply {
    HttpReply::json(200, policy).header("etag", "\"1\"")
}

/// Returns the verdict of a check.
pub(super) fn verdict(result: Result<Verdict, Unread>) -> Verdict {
    result.unwrap_or_else(Verdict::from)
}
