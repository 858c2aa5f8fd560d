//! Whole runs against servers that speak the real protocols.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alb_sync::{AlbSync, Answer, Config, NotReconciled};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_elasticloadbalancingv2::types::TargetTypeEnum;
use calls::{AwsCalls, Deadline, RecordLog, Retries, Timeouts};

use crate::names::{Names, Reply, private};
use crate::servers::Server;

struct Account {
    server: Server,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    arn: String,
}

fn setting(server: &Server, name: &str) -> Option<String> {
    Some(match name {
        "AWS_ENDPOINT_URL" => format!("http://{}", server.address),
        "AWS_REGION" => "us-east-1".to_owned(),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test".to_owned(),
        _ => return None,
    })
}

impl Account {
    async fn new() -> Self {
        let server = Server::ministack();
        let lookup = |name: &str| setting(&server, name);
        let aws = AwsCalls::load(lookup, Timeouts::default(), RecordLog::to(std::io::sink())).await.unwrap();
        let elb = calls::client!(aws, aws_sdk_elasticloadbalancingv2, "elasticloadbalancing", Retries::Standard);
        let dynamodb = calls::client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Standard);
        let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap();
        let kind = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
        let table = dynamodb.create_table().table_name("usage").billing_mode(BillingMode::PayPerRequest);
        table.key_schema(key).attribute_definitions(kind.build().unwrap()).send().await.unwrap();
        let group = elb.create_target_group().name("a").target_type(TargetTypeEnum::Ip).port(443).send().await.unwrap();
        let arn = group.target_groups()[0].target_group_arn().unwrap().to_owned();
        Self { server, elb, arn }
    }

    async fn function(&self, names: &Names) -> Arc<AlbSync> {
        let targets = format!(r#"[{{"name":"a.example","target_group_arn":"{}","port":8443}}]"#, self.arn);
        let own = [
            ("SYNC_TARGETS", targets),
            ("USAGE_TABLE", "usage".to_owned()),
            ("DNS_SERVERS", names.address.to_string()),
        ];
        let lookup = |name: &str| {
            let given = own.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
            given.or_else(|| setting(&self.server, name))
        };
        let config = Config::from_lookup(lookup).unwrap();
        Arc::new(AlbSync::open(config, lookup, RecordLog::to(std::io::sink())).await.unwrap())
    }

    async fn targets(&self) -> Vec<String> {
        let health = self.elb.describe_target_health().target_group_arn(&self.arn).send().await.unwrap();
        let targets = health.target_health_descriptions().iter().map(|one| one.target().unwrap());
        let mut targets: Vec<_> =
            targets.map(|target| format!("{}:{}", target.id().unwrap(), target.port().unwrap())).collect();
        targets.sort();
        targets
    }
}

async fn run(function: &Arc<AlbSync>, minute: i64) -> Result<Answer, NotReconciled> {
    let now = jiff::Timestamp::from_second(1_795_305_600 + 60 * minute).unwrap();
    Arc::clone(function).handle_at(now, Deadline::after(Instant::now(), Duration::from_secs(25))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_follow_a_name_in_a_real_group_with_state_in_a_real_table() {
    let account = Account::new().await;
    let names = Names::of(Reply::Addresses(private([1, 2, 3]))).await;
    let function = account.function(&names).await;
    run(&function, 0).await.unwrap();
    assert_eq!(account.targets().await, ["10.0.0.1:8443", "10.0.0.2:8443", "10.0.0.3:8443"]);
    names.now(Reply::Addresses(private([1, 4])));
    run(&function, 1).await.unwrap();
    assert_eq!(account.targets().await.len(), 4);
    // Another instance goes on where this one was.
    let function = account.function(&names).await;
    run(&function, 2).await.unwrap();
    let answer = run(&function, 3).await.unwrap();
    assert_eq!(answer.targets[0].deregistered.len(), 2);
    assert_eq!(account.targets().await, ["10.0.0.1:8443", "10.0.0.4:8443"]);
    assert_eq!(run(&function, 4).await.unwrap().targets[0].pending.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s29_of_instances_at_once_exactly_one_registers() {
    let account = Account::new().await;
    let names = Names::of(Reply::Addresses(private([1, 2]))).await;
    let mut instances = Vec::new();
    for _ in 0..4 {
        instances.push(account.function(&names).await);
    }
    let runs: Vec<_> = instances.into_iter().map(|one| tokio::spawn(async move { run(&one, 0).await })).collect();
    let mut registered = 0;
    for one in runs {
        let answer = one.await.unwrap().unwrap_or_else(|failure| failure.0);
        registered += usize::from(!answer.targets[0].registered.is_empty());
    }
    assert!(registered >= 1);
    assert_eq!(account.targets().await, ["10.0.0.1:8443", "10.0.0.2:8443"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s24_a_group_that_does_not_exist_is_told_by_its_error() {
    let mut account = Account::new().await;
    account.arn += "0";
    let names = Names::of(Reply::Addresses(private([1]))).await;
    let failure = run(&account.function(&names).await, 0).await.unwrap_err();
    assert!(failure.0.targets[0].error.as_ref().unwrap().contains("TargetGroupNotFound"), "{failure}");
}
