//! Target groups and a state table on ministack, and alb-sync functions that use them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alb_sync::{AlbSync, Config, Report, RunError};
use aws::{AwsCalls, Deadline, Retries, Timeouts};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_elasticloadbalancingv2::types::TargetTypeEnum;
use telemetry::RecordLog;

use crate::{DnsServer, Emulator, LogBuffer};

/// Target groups and a table for state, on an emulator of their own.
pub struct Account {
    server: Emulator,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    /// The ARNs of the target groups.
    pub arns: Vec<String>,
}

impl Account {
    /// Creates ten target groups.
    pub async fn new() -> Self {
        Self::with_groups(10).await
    }

    /// Creates `count` target groups.
    ///
    /// # Panics
    /// If the emulator does not start or refuses a call.
    pub async fn with_groups(count: usize) -> Self {
        let server = Emulator::ministack();
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

    /// Returns the environment of a function in which the first `groups` groups follow one name.
    pub fn settings(&self, names: &DnsServer, groups: usize) -> Vec<(&'static str, String)> {
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

    /// Returns a function with these settings, and the buffer for its call records.
    ///
    /// # Panics
    /// If alb-sync rejects the settings.
    pub async fn function(&self, names: &DnsServer, groups: usize) -> (Arc<AlbSync>, LogBuffer) {
        let settings = self.settings(names, groups);
        let lookup = |name: &str| {
            settings
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.clone())
        };
        let (config, lines) = (Config::from_lookup(lookup).unwrap(), LogBuffer::default());
        let sync = AlbSync::open(config, lookup, RecordLog::to(lines.clone()))
            .await
            .unwrap();
        (Arc::new(sync), lines)
    }

    /// Returns the address of all services.
    #[must_use]
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address
    }

    /// Returns the targets of the first group as sorted `address:port`.
    ///
    /// # Panics
    /// If the emulator refuses the call.
    pub async fn targets(&self) -> Vec<String> {
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

    /// Runs a function at a minute, counted from a fixed time.
    ///
    /// # Errors
    /// As [`AlbSync::handle_at`].
    ///
    /// # Panics
    /// If the minute is out of range.
    pub async fn run(&self, function: &Arc<AlbSync>, minute: i64) -> Result<Report, RunError> {
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

fn setting(server: &Emulator, name: &str) -> Option<String> {
    Some(match name {
        "AWS_ENDPOINT_URL" => format!("http://{}", server.address),
        "AWS_REGION" => "us-east-1".to_owned(),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test".to_owned(),
        _ => return None,
    })
}
