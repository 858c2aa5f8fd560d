//! What the gateway says when it starts.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use http::Uri;
use usage::{PlanDocument, Seeds};

use super::METRICS_PATH;
use super::schedule::Schedule;
use crate::api::{Api, Authorization};
use crate::function::Function;
use crate::template::StandIn;

pub(super) struct Facts<'f> {
    pub(super) address: SocketAddr,
    pub(super) api: &'f Api,
    pub(super) template: &'f Path,
    pub(super) stand_ins: &'f [StandIn],
    pub(super) backend: &'f Uri,
    pub(super) built_in: bool,
    /// Where the tables are, unless the store is embedded.
    pub(super) endpoint: Option<&'f Uri>,
    pub(super) seeds: &'f Seeds,
    /// Keys of a file are somebody's, so only their ids are shown.
    pub(super) keys_shown: bool,
    pub(super) schedules: &'f [(Schedule, Function)],
}

impl Facts<'_> {
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let kind = if self.built_in { ", built-in echo" } else { "" };
        writeln!(text, "Tollgate listens on http://{}. Ctrl-C finishes requests under way and stops.", self.address)?;
        if !self.address.ip().is_loopback() {
            writeln!(text, "Others than this machine may reach it there.")?;
        }
        writeln!(text, "\nBackend  {}{kind}", self.backend.to_string().trim_end_matches('/'))?;
        match self.endpoint {
            Some(endpoint) => writeln!(text, "Store    DynamoDB at {}", endpoint.to_string().trim_end_matches('/'))?,
            None => writeln!(text, "Store    embedded; plans, keys and usage are gone when this process ends")?,
        }
        writeln!(text, "Metrics  http://{}{METRICS_PATH}, and a table at the end", self.address)?;
        self.write_routes(text)?;
        self.write_schedules(text)?;
        self.write_stand_ins(text)?;
        self.write_keys(text)?;
        if self.keys_shown && self.built_in { self.write_examples(text) } else { writeln!(text) }
    }

    fn write_routes(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "\nRoutes of {}", self.template.display())?;
        for (key, route) in self.api.routes.iter() {
            let who = match &route.authorization {
                Authorization::None => "public",
                Authorization::Iam => "IAM: this machine only",
                Authorization::Custom(function) => function,
            };
            writeln!(text, "  {:<8} {:<24} {who}", key.method().unwrap_or("ANY"), key.path())?;
        }
        Ok(())
    }

    fn write_schedules(&self, text: &mut String) -> std::fmt::Result {
        if !self.schedules.is_empty() {
            writeln!(text, "\nSchedules")?;
        }
        let mut schedules = self.schedules.iter();
        schedules.try_for_each(|(schedule, _)| writeln!(text, "  {:<8} every {:?}", schedule.package, schedule.every))
    }

    fn write_stand_ins(&self, text: &mut String) -> std::fmt::Result {
        if self.stand_ins.is_empty() {
            return Ok(());
        }
        writeln!(text, "\nStand-ins for parameters without a default (--parameter NAME=VALUE sets one)")?;
        self.stand_ins.iter().try_for_each(|stand_in| writeln!(text, "  {} = {}", stand_in.name, stand_in.value))
    }

    fn write_keys(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "\nKeys")?;
        for key in &self.seeds.keys {
            let plan = self.seeds.plans.get(&key.plan).map(limits).unwrap_or_default();
            let shown = if self.keys_shown { &key.key } else { &key.key_id };
            writeln!(text, "  {shown}   plan {}: {plan}", key.plan)?;
        }
        Ok(())
    }

    fn write_examples(&self, text: &mut String) -> std::fmt::Result {
        let url = format!("http://{}", self.address);
        writeln!(text, "\nTry")?;
        writeln!(text, "  curl -i {url}/health")?;
        writeln!(text, "  curl -i {url}/orders")?;
        writeln!(text, "  curl -i -H 'x-api-key: local-pro-key-0000000000001' {url}/orders")?;
        writeln!(text, "  curl -i -H \"authorization: Bearer $(cargo run -q -- token --plan pro)\" {url}/orders")?;
        writeln!(
            text,
            "  for i in 1 2 3 4 5 6; do curl -si -H 'x-api-key: local-free-key-000000000001' {url}/orders | head -1; done\n"
        )
    }
}

fn limits(plan: &PlanDocument) -> String {
    let throttle = plan.throttle.iter().map(|throttle| format!("{}/s, burst {}", throttle.rate, throttle.burst));
    let quotas = plan.quotas.iter().map(|quota| format!("{} a {}", quota.limit, quota.period));
    let all: Vec<String> = throttle.chain(quotas).collect();
    if all.is_empty() { "no limit".to_owned() } else { all.join(", ") }
}
