//! The text that is printed at startup.

mod keys;
mod token_command;

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use aws::is_loopback;
use composition::Compositions;
use http::Uri;
use jiff::Timestamp;
use otlp::Signal;
use registry::Seeds;

use super::schedule::Schedule;
use crate::api::{Api, Authorization};
use crate::function::Function;
use crate::pages::{METRICS_PATH, Pages};
use sam_template::StandIn;

pub(super) struct Banner<'b> {
    pub(super) address: SocketAddr,
    pub(super) api: &'b Api,
    pub(super) template: &'b Path,
    pub(super) stand_ins: &'b [StandIn],
    pub(super) backend: &'b Uri,
    pub(super) is_echo: bool,
    /// The compositions, if a route has them.
    pub(super) compositions: Option<&'b Compositions>,
    /// The names and URLs of services that are not the backend.
    pub(super) services: &'b [(String, Uri)],
    /// The endpoint of the tables, unless the store is embedded.
    pub(super) endpoint: Option<&'b Uri>,
    pub(super) seeds: &'b Seeds,
    /// False for the keys of a file: only their ids are shown.
    pub(super) are_secrets_shown: bool,
    /// The header that API keys are sent in.
    pub(super) key_header: &'b str,
    /// True if the policy accepts tokens of the local issuer.
    pub(super) is_local_issuer_trusted: bool,
    /// The folder of the local issuer's signing key.
    pub(super) state: &'b Path,
    /// The proxy for requests to issuers.
    pub(super) proxy: Option<String>,
    /// The exported signals, each with the URL of its collector.
    pub(super) collectors: &'b [(Signal, String)],
    pub(super) schedules: &'b [(Schedule, Function)],
    pub(super) pages: Option<&'b Pages>,
}

impl Banner<'_> {
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "Tollgate listens on http://{}. Ctrl-C finishes the requests in progress and stops.",
            self.address
        )?;
        if !self.address.ip().is_loopback() {
            writeln!(
                text,
                "Warning: the gateway can be reached from other machines."
            )?;
        }

        self.write_connections(text)?;
        self.write_routes(text)?;
        self.write_compositions(text)?;
        self.write_schedules(text)?;
        self.write_stand_ins(text)?;
        self.write_keys(text)?;
        if self.are_secrets_shown && self.is_echo {
            self.write_examples(text)
        } else {
            writeln!(text)
        }
    }

    fn write_connections(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text)?;
        if let Some(pages) = self.pages {
            self.write_pages(text, pages)?;
        }
        let kind = if self.is_echo { ", built-in echo" } else { "" };
        writeln!(text, "Backend  {}{kind}", without_slash(self.backend))?;

        if self.compositions.is_some() {
            writeln!(text, "Services {}", self.services_of_compositions())?;
        }
        match self.endpoint {
            Some(endpoint) => writeln!(text, "Store    DynamoDB at {}", without_slash(endpoint))?,
            None => writeln!(
                text,
                "Store    embedded; plans, keys and usage are lost when this process ends"
            )?,
        }
        if let Some(proxy) = &self.proxy {
            writeln!(
                text,
                "Proxy    {proxy}, for requests to issuers and authorization servers"
            )?;
        }
        if !self.collectors.is_empty() {
            let to = |(signal, url): &(Signal, String)| format!("{} to {url}", signal.as_str());
            let collectors: Vec<_> = self.collectors.iter().map(to).collect();
            writeln!(text, "OTLP     {}", collectors.join(", "))?;
        }
        writeln!(
            text,
            "Metrics  http://{}{METRICS_PATH}, and as a table at the end",
            self.address
        )
    }

    fn services_of_compositions(&self) -> String {
        let named = self.services.iter();
        let named: Vec<_> = named
            .map(|(name, url)| format!("{name} at {}", without_slash(url)))
            .collect();

        match named.as_slice() {
            [] => "all services of compositions are the backend".to_owned(),
            named => format!("{}; all others are the backend", named.join(", ")),
        }
    }

    fn write_pages(&self, text: &mut String, pages: &Pages) -> std::fmt::Result {
        let (name, path) = (pages.name, pages.path);
        match self.local_address() {
            Some(address) => writeln!(
                text,
                "{name:<8} http://{address}{path}, for browsers on this machine"
            ),
            None => writeln!(
                text,
                "{name:<8} not available: {} is not a loopback address",
                self.address.ip()
            ),
        }
    }

    /// Returns the address for programs on this machine, or `None` if the gateway does not listen
    /// on loopback.
    fn local_address(&self) -> Option<SocketAddr> {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        address.ip().is_loopback().then_some(address)
    }

    fn write_routes(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "\nRoutes of {}", self.template.display())?;
        for (key, route) in self.api.routes.iter() {
            let access = match &route.authorization {
                Authorization::None => "public",
                Authorization::Iam => "IAM: this machine only",
                Authorization::Custom(function) => function,
            };
            writeln!(
                text,
                "  {:<8} {:<24} {access}",
                key.method().unwrap_or("ANY"),
                key.path()
            )?;
        }

        Ok(())
    }

    fn write_compositions(&self, text: &mut String) -> std::fmt::Result {
        let Some(compositions) = self.compositions else {
            return Ok(());
        };

        writeln!(text, "\nCompositions")?;
        for route in compositions.routes() {
            let parts: Vec<_> = route.parts.iter().map(|part| &*part.name).collect();
            writeln!(
                text,
                "  {:<8} {:<24} {}",
                route.key.method().unwrap_or("ANY"),
                route.key.path(),
                parts.join(", ")
            )?;
        }
        Ok(())
    }

    fn write_schedules(&self, text: &mut String) -> std::fmt::Result {
        if !self.schedules.is_empty() {
            writeln!(text, "\nSchedules")?;
        }

        let mut schedules = self.schedules.iter();
        schedules.try_for_each(|(schedule, _)| {
            writeln!(
                text,
                "  {:<8} every {:?}",
                schedule.package, schedule.interval
            )
        })
    }

    fn write_stand_ins(&self, text: &mut String) -> std::fmt::Result {
        if self.stand_ins.is_empty() {
            return Ok(());
        }

        writeln!(
            text,
            "\nMade-up values of parameters without a default (--parameter NAME=VALUE sets one)"
        )?;
        self.stand_ins
            .iter()
            .try_for_each(|stand_in| writeln!(text, "  {} = {}", stand_in.name, stand_in.value))
    }

    fn write_keys(&self, text: &mut String) -> std::fmt::Result {
        match self.endpoint {
            Some(_) if !self.are_seeds_used() => {
                return writeln!(
                    text,
                    "\nKeys\n  those in the tables; nothing is written to tables on other machines"
                );
            }
            Some(_) => writeln!(
                text,
                "\nKeys, unless the tables already contain other keys with these ids"
            )?,
            None => writeln!(text, "\nKeys")?,
        }
        keys::write(text, self.seeds, self.are_secrets_shown, Timestamp::now())
    }

    /// True if the seeds are written to the store. Tables on other machines are not changed.
    fn are_seeds_used(&self) -> bool {
        self.endpoint
            .is_none_or(|endpoint| is_loopback(endpoint.host().unwrap_or_default()))
    }

    fn write_examples(&self, text: &mut String) -> std::fmt::Result {
        let (url, header) = (format!("http://{}", self.address), self.key_header);
        if !self.is_local_issuer_trusted {
            writeln!(
                text,
                "\nTokens of `tollgate token` are not accepted: the policy does not name the local issuer."
            )?;
        }

        writeln!(text, "\nTry")?;
        let mut keys = self.api.routes.iter().map(|(key, _)| key);
        if keys.any(|key| key.path() == "/health") {
            writeln!(text, "  curl -i {url}/health")?;
        }
        writeln!(text, "  curl -i {url}/orders")?;
        if !self.are_seeds_used() {
            return writeln!(text);
        }

        writeln!(
            text,
            "  curl -i -H '{header}: local-pro-key-0000000000001' {url}/orders"
        )?;
        if self.is_local_issuer_trusted {
            let program = std::env::args().next();
            let is_under_cargo = std::env::var_os("CARGO").is_some();
            let command =
                token_command::token_command(program.as_deref(), is_under_cargo, self.state);
            writeln!(
                text,
                "  curl -i -H \"authorization: Bearer $({command})\" {url}/orders"
            )?;
        }
        writeln!(
            text,
            "  for i in 1 2 3 4 5 6; do curl -si -H '{header}: local-free-key-000000000001' {url}/orders | head -1; done"
        )?;
        writeln!(text)
    }
}

fn without_slash(uri: &Uri) -> String {
    uri.to_string().trim_end_matches('/').to_owned()
}
