//! Elastic Load Balancing and DynamoDB on a server that speaks their protocols.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alb_sync::{AlbSync, Config, Report, RunError};
use aws::{AwsCalls, Deadline, Retries, Timeouts};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_elasticloadbalancingv2::types::TargetTypeEnum;
use telemetry::RecordLog;

use crate::names::Names;
use crate::servers::Server;

/// An account with target groups, ten where nothing is said, and a table for state.
pub(crate) struct Account {
    server: Server,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    pub(crate) arns: Vec<String>,
}

/// The lines of metrics that a function writes.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// The operations of the calls so far.
    pub(crate) fn operations(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines
            .filter_map(|line| Some(line["api_call"]["operation"].as_str()?.to_owned()))
            .collect()
    }
}

impl Account {
    pub(crate) async fn new() -> Self {
        Self::with_groups(10).await
    }

    pub(crate) async fn with_groups(count: usize) -> Self {
        let server = Server::ministack();
        let lookup = |name: &str| setting(&server, name);
        let aws = AwsCalls::load(lookup, Timeouts::default(), RecordLog::to(std::io::sink()))
            .await
            .unwrap();
        let elb = aws::client!(
            aws,
            aws_sdk_elasticloadbalancingv2,
            "elasticloadbalancing",
            Retries::Standard
        );
        let dynamodb = aws::client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Standard);
        let key = KeySchemaElement::builder()
            .attribute_name("id")
            .key_type(KeyType::Hash)
            .build()
            .unwrap();
        let kind = AttributeDefinition::builder()
            .attribute_name("id")
            .attribute_type(ScalarAttributeType::S);
        let table = dynamodb
            .create_table()
            .table_name("usage")
            .billing_mode(BillingMode::PayPerRequest);
        table
            .key_schema(key)
            .attribute_definitions(kind.build().unwrap())
            .send()
            .await
            .unwrap();
        let mut arns = Vec::new();
        for index in 0..count {
            let group = elb
                .create_target_group()
                .name(format!("group-{index}"))
                .target_type(TargetTypeEnum::Ip);
            let group = group.port(443).send().await.unwrap();
            arns.push(
                group.target_groups()[0]
                    .target_group_arn()
                    .unwrap()
                    .to_owned(),
            );
        }
        Self { server, elb, arns }
    }

    /// The environment of a function that has one name followed by some of the groups.
    pub(crate) fn settings(&self, names: &Names, groups: usize) -> Vec<(&'static str, String)> {
        let entry = |arn: &String| {
            format!(r#"{{"name":"a.elb.amazonaws.com","target_group_arn":"{arn}","port":8443}}"#)
        };
        let targets = self
            .arns
            .iter()
            .take(groups)
            .map(entry)
            .collect::<Vec<_>>()
            .join(",");
        let of_server = [
            "AWS_ENDPOINT_URL",
            "AWS_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
        ];
        let of_server = of_server.map(|name| (name, setting(&self.server, name).unwrap()));
        let own = [
            ("SYNC_TARGETS", format!("[{targets}]")),
            ("USAGE_TABLE", "usage".to_owned()),
            ("DNS_SERVERS", names.address.to_string()),
        ];
        of_server.into_iter().chain(own).collect()
    }

    pub(crate) async fn function(&self, names: &Names, groups: usize) -> (Arc<AlbSync>, Lines) {
        let settings = self.settings(names, groups);
        let lookup = |name: &str| {
            settings
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.clone())
        };
        let (config, lines) = (Config::from_lookup(lookup).unwrap(), Lines::default());
        let sync = AlbSync::open(config, lookup, RecordLog::to(lines.clone()))
            .await
            .unwrap();
        (Arc::new(sync), lines)
    }

    /// Where all of its services are.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.server.address
    }

    /// What the first group has.
    pub(crate) async fn targets(&self) -> Vec<String> {
        let health = self
            .elb
            .describe_target_health()
            .target_group_arn(&self.arns[0])
            .send()
            .await
            .unwrap();
        let targets = health
            .target_health_descriptions()
            .iter()
            .map(|one| one.target().unwrap());
        let mut targets: Vec<_> = targets
            .map(|target| format!("{}:{}", target.id().unwrap(), target.port().unwrap()))
            .collect();
        targets.sort();
        targets
    }

    /// A run in some minute.
    pub(crate) async fn run(
        &self,
        function: &Arc<AlbSync>,
        minute: i64,
    ) -> Result<Report, RunError> {
        let now = jiff::Timestamp::from_second(1_795_305_600 + 60 * minute).unwrap();
        Arc::clone(function)
            .handle_at(
                now,
                false,
                Deadline::after(Instant::now(), Duration::from_secs(25)),
            )
            .await
    }
}

fn setting(server: &Server, name: &str) -> Option<String> {
    Some(match name {
        "AWS_ENDPOINT_URL" => format!("http://{}", server.address),
        "AWS_REGION" => "us-east-1".to_owned(),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test".to_owned(),
        _ => return None,
    })
}
