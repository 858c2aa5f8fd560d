//! ELBv2 and DynamoDB that remember what they are told and fail as they are told.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alb_sync::{AlbSync, Config, Outcome, Report, RunError};
use aws::Deadline;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::put_item::PutItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_elasticloadbalancingv2::operation::deregister_targets::DeregisterTargetsOutput;
use aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::DescribeTargetGroupsOutput;
use aws_sdk_elasticloadbalancingv2::operation::describe_target_health::DescribeTargetHealthOutput;
use aws_sdk_elasticloadbalancingv2::operation::register_targets::RegisterTargetsOutput;
use aws_sdk_elasticloadbalancingv2::types::{
    TargetDescription, TargetGroup, TargetGroupIpAddressTypeEnum, TargetHealth,
    TargetHealthDescription, TargetHealthStateEnum, TargetTypeEnum,
};
use aws_smithy_mocks::{MockResponse, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::Timestamp;
use telemetry::RecordLog;

use testing::DnsServer;

pub(crate) const GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/a/1";
pub(crate) const OTHER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/b/2";

/// What somebody else does.
type Interference = Box<dyn FnOnce(&mut Memory) + Send>;

/// What both services know, have been asked, and will fail at next.
#[derive(Default)]
pub(crate) struct Memory {
    /// State by target, by group.
    pub(crate) groups: HashMap<String, BTreeMap<(SocketAddr, Option<String>), String>>,
    pub(crate) items: HashMap<String, HashMap<String, AttributeValue>>,
    pub(crate) v6: bool,
    /// `ip` where it is not said.
    pub(crate) kind: Option<TargetTypeEnum>,
    /// The ARNs of the load balancers that send to the groups.
    pub(crate) load_balancers: Vec<String>,
    /// Operation and targets, if it has some.
    pub(crate) calls: Vec<(&'static str, Vec<String>)>,
    /// Codes of errors by operation; the last one stays.
    pub(crate) faults: HashMap<&'static str, VecDeque<&'static str>>,
    /// Done once, before the next write of a state is looked at.
    pub(crate) before_put: Option<Interference>,
}

impl Memory {
    fn fault(&mut self, operation: &'static str) -> Option<HttpResponse> {
        let codes = self.faults.get_mut(operation)?;
        let code = if codes.len() > 1 {
            codes.pop_front()?
        } else {
            *codes.front()?
        };
        if code.is_empty() {
            return None;
        }
        let status = if code.starts_with("Internal") {
            500
        } else {
            400
        };
        let xml = format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>told to</Message></Error></ErrorResponse>"
        );
        let json = format!(
            r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"told to"}}"#
        );
        let body = if operation.ends_with("Item") {
            json
        } else {
            xml
        };
        Some(HttpResponse::new(status.try_into().unwrap(), body.into()))
    }

    fn call(
        &mut self,
        operation: &'static str,
        targets: &[TargetDescription],
    ) -> Option<HttpResponse> {
        self.calls
            .push((operation, targets.iter().map(told).collect()));
        self.fault(operation)
    }

    pub(crate) fn add(&mut self, arn: &str, targets: &[&str], state: &str) {
        let group = self.groups.entry(arn.to_owned()).or_default();
        group.extend(
            targets
                .iter()
                .map(|target| ((target.parse().unwrap(), None), state.to_owned())),
        );
    }
}

fn told(target: &TargetDescription) -> String {
    let zone = target
        .availability_zone()
        .map(|zone| format!("/{zone}"))
        .unwrap_or_default();
    format!("{}:{}{zone}", target.id().unwrap(), target.port().unwrap())
}

fn key(target: &TargetDescription) -> (SocketAddr, Option<String>) {
    let at = SocketAddr::new(
        target.id().unwrap().parse().unwrap(),
        target.port().unwrap().try_into().unwrap(),
    );
    (at, target.availability_zone().map(str::to_owned))
}

/// A function over both, and a DNS server.
pub(crate) struct World {
    pub(crate) memory: Arc<Mutex<Memory>>,
    pub(crate) sync: Arc<AlbSync>,
    pub(crate) now: Mutex<Timestamp>,
    pub(crate) lines: Lines,
}

/// What is written as lines of JSON.
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
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl World {
    /// One name, followed by one group on port 443.
    pub(crate) fn new(names: &DnsServer) -> Self {
        let targets = format!(
            r#"[{{"name":"a.elb.amazonaws.com","target_group_arn":"{GROUP}","port":443}}]"#
        );
        Self::with(&[
            ("SYNC_TARGETS", &targets),
            ("DNS_SERVERS", &names.address.to_string()),
        ])
    }

    pub(crate) fn with(settings: &[(&str, &str)]) -> Self {
        let lookup = |name: &str| {
            let given = settings
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned());
            given.or_else(|| (name == "USAGE_TABLE").then(|| "usage".to_owned()))
        };
        let (memory, lines) = (Arc::<Mutex<Memory>>::default(), Lines::default());
        let (elb, dynamodb) = (elb(&memory), dynamodb(&memory));
        let config = Config::from_lookup(lookup).unwrap();
        let sync =
            AlbSync::with_clients(config, elb, dynamodb, RecordLog::to(lines.clone())).unwrap();
        let now = Mutex::new("2026-11-22T00:00:00Z".parse().unwrap());
        Self {
            memory,
            sync: Arc::new(sync),
            now,
            lines,
        }
    }

    /// This world's function over what another world remembers.
    pub(crate) fn over(&self, memory: &Arc<Mutex<Memory>>) -> Arc<AlbSync> {
        let config = self.sync.config().clone();
        let records = RecordLog::to(self.lines.clone());
        Arc::new(AlbSync::with_clients(config, elb(memory), dynamodb(memory), records).unwrap())
    }

    /// A run a minute after the last.
    pub(crate) async fn run(&self) -> Result<Report, RunError> {
        let now = {
            let mut now = self.now.lock().unwrap();
            *now += jiff::SignedDuration::from_secs(60);
            *now
        };
        self.run_at(now, Duration::from_secs(25)).await
    }

    pub(crate) async fn run_at(
        &self,
        now: Timestamp,
        budget: Duration,
    ) -> Result<Report, RunError> {
        Arc::clone(&self.sync)
            .handle_at(now, false, Deadline::after(Instant::now(), budget))
            .await
    }

    /// A run that reconciles the first group.
    pub(crate) async fn good(&self) -> Outcome {
        self.run().await.unwrap().targets.remove(0)
    }

    /// A run that does not.
    pub(crate) async fn bad(&self) -> Outcome {
        self.run().await.unwrap_err().0.targets.remove(0)
    }

    /// How often an operation has been called since this was asked last.
    pub(crate) fn calls(&self) -> Vec<(&'static str, Vec<String>)> {
        std::mem::take(&mut self.memory.lock().unwrap().calls)
    }

    /// The names alone.
    pub(crate) fn operations(&self) -> Vec<&'static str> {
        let mut operations: Vec<_> = self
            .calls()
            .into_iter()
            .map(|(operation, _)| operation)
            .collect();
        operations.sort_unstable();
        operations
    }

    pub(crate) fn fail(&self, operation: &'static str, codes: &[&'static str]) {
        self.memory
            .lock()
            .unwrap()
            .faults
            .insert(operation, codes.iter().copied().collect());
    }

    pub(crate) fn heal(&self) {
        self.memory.lock().unwrap().faults.clear();
    }

    /// What is registered in a group.
    pub(crate) fn targets(&self, arn: &str) -> Vec<String> {
        let memory = self.memory.lock().unwrap();
        let group = memory.groups.get(arn).into_iter().flatten();
        group
            .filter(|(_, state)| *state != "draining")
            .map(|((at, _), _)| at.to_string())
            .collect()
    }

    /// The stored document of a group.
    pub(crate) fn document(&self, arn: &str) -> Option<String> {
        let memory = self.memory.lock().unwrap();
        Some(
            memory.items.get(&format!("sync#{arn}"))?["doc"]
                .as_s()
                .unwrap()
                .clone(),
        )
    }
}

fn elb(memory: &Arc<Mutex<Memory>>) -> aws_sdk_elasticloadbalancingv2::Client {
    use aws_sdk_elasticloadbalancingv2::Client;
    let of = || Arc::clone(memory);
    let known = of();
    let groups = mock!(Client::describe_target_groups).then_compute_response(move |_| {
        let mut memory = known.lock().unwrap();
        if let Some(fault) = memory.call("DescribeTargetGroups", &[]) {
            return MockResponse::Http(fault);
        }
        let kind = if memory.v6 {
            TargetGroupIpAddressTypeEnum::Ipv6
        } else {
            TargetGroupIpAddressTypeEnum::Ipv4
        };
        let group = TargetGroup::builder().ip_address_type(kind);
        let group = group.target_type(memory.kind.clone().unwrap_or(TargetTypeEnum::Ip));
        let group = group
            .set_load_balancer_arns(Some(memory.load_balancers.clone()))
            .build();
        MockResponse::Output(
            DescribeTargetGroupsOutput::builder()
                .target_groups(group)
                .build(),
        )
    });
    let known = of();
    let health = mock!(Client::describe_target_health).then_compute_response(move |input| {
        let mut memory = known.lock().unwrap();
        if let Some(fault) = memory.call("DescribeTargetHealth", &[]) {
            return MockResponse::Http(fault);
        }
        let group = memory
            .groups
            .get(input.target_group_arn().unwrap())
            .into_iter()
            .flatten();
        let described = group
            .map(|((at, zone), state)| describe(*at, zone.clone(), state))
            .collect();
        let output =
            DescribeTargetHealthOutput::builder().set_target_health_descriptions(Some(described));
        MockResponse::Output(output.build())
    });
    let known = of();
    let register = mock!(Client::register_targets).then_compute_response(move |input| {
        let mut memory = known.lock().unwrap();
        if let Some(fault) = memory.call("RegisterTargets", input.targets()) {
            return MockResponse::Http(fault);
        }
        let group = memory
            .groups
            .entry(input.target_group_arn().unwrap().to_owned())
            .or_default();
        group.extend(
            input
                .targets()
                .iter()
                .map(|target| (key(target), "healthy".to_owned())),
        );
        MockResponse::Output(RegisterTargetsOutput::builder().build())
    });
    let known = of();
    let deregister = mock!(Client::deregister_targets).then_compute_response(move |input| {
        let mut memory = known.lock().unwrap();
        if let Some(fault) = memory.call("DeregisterTargets", input.targets()) {
            return MockResponse::Http(fault);
        }
        let group = memory
            .groups
            .entry(input.target_group_arn().unwrap().to_owned())
            .or_default();
        for key in input.targets().iter().map(key) {
            group
                .entry(key)
                .and_modify(|state| "draining".clone_into(state));
        }
        MockResponse::Output(DeregisterTargetsOutput::builder().build())
    });
    mock_client!(
        aws_sdk_elasticloadbalancingv2,
        RuleMode::MatchAny,
        [&groups, &health, &register, &deregister]
    )
}

fn describe(at: SocketAddr, zone: Option<String>, state: &str) -> TargetHealthDescription {
    let target = TargetDescription::builder()
        .id(at.ip().to_string())
        .port(at.port().into());
    let health = TargetHealth::builder()
        .state(TargetHealthStateEnum::from(state))
        .build();
    let target = target.set_availability_zone(zone).build();
    TargetHealthDescription::builder()
        .target(target)
        .target_health(health)
        .build()
}

fn dynamodb(memory: &Arc<Mutex<Memory>>) -> aws_sdk_dynamodb::Client {
    use aws_sdk_dynamodb::Client;
    let known = Arc::clone(memory);
    let get = mock!(Client::get_item).then_compute_response(move |input| {
        let mut memory = known.lock().unwrap();
        assert_eq!(input.consistent_read(), Some(true));
        if let Some(fault) = memory.call("GetItem", &[]) {
            return MockResponse::Http(fault);
        }
        let id = input.key().unwrap()["id"].as_s().unwrap();
        MockResponse::Output(
            GetItemOutput::builder()
                .set_item(memory.items.get(id).cloned())
                .build(),
        )
    });
    let known = Arc::clone(memory);
    let put = mock!(Client::put_item).then_compute_response(move |input| {
        let mut memory = known.lock().unwrap();
        if let Some(fault) = memory.call("PutItem", &[]) {
            return MockResponse::Http(fault);
        }
        if let Some(before) = memory.before_put.take() {
            before(&mut memory);
        }
        let item = input.item().unwrap().clone();
        let id = item["id"].as_s().unwrap().clone();
        let stored = memory.items.get(&id).map(|item| item["version"].clone());
        let read = input.expression_attribute_values().and_then(|values| values.get(":read")).cloned();
        if stored != read {
            let body =
                r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no"}"#;
            return MockResponse::Http(HttpResponse::new(400.try_into().unwrap(), body.into()));
        }
        memory.items.insert(id, item);
        MockResponse::Output(PutItemOutput::builder().build())
    });
    mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&get, &put])
}
