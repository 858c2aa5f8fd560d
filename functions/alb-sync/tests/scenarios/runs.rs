//! Runs in which everything answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::Deadline;
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde_json::json;
use testing::dns_server::ResponseCode;

use crate::world::{GROUP, Memory, OTHER, World};
use testing::{DnsQuery, DnsResponse, DnsServer, private_addresses};

fn at(lasts: &[u8]) -> Vec<String> {
    lasts
        .iter()
        .map(|last| format!("10.0.0.{last}:443"))
        .collect()
}

#[tokio::test]
async fn a_warm_run_without_changes_is_one_describe_one_read_and_no_write() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1, 2]))).await;
    let world = World::new(&names);
    world.good().await;
    world.calls();
    let outcome = world.good().await;
    assert_eq!(world.operations(), ["DescribeTargetHealth", "GetItem"]);
    assert_eq!(
        (
            outcome.registered.len(),
            outcome.deregistered.len(),
            outcome.complete
        ),
        (0, 0, true)
    );
}

#[tokio::test]
async fn a_first_run_registers_all_targets_in_one_call_and_writes_its_state() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1, 2, 3]))).await;
    let world = World::new(&names);
    let outcome = world.good().await;
    let registrations: Vec<_> = world
        .calls()
        .into_iter()
        .filter(|(name, _)| *name == "RegisterTargets")
        .collect();
    assert_eq!(registrations, [("RegisterTargets", at(&[1, 2, 3]))]);
    assert_eq!(
        outcome
            .registered
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        at(&[1, 2, 3])
    );
    assert!(world.document(GROUP).unwrap().contains("10.0.0.3:443"));
}

#[tokio::test]
async fn a_missing_target_is_deregistered_with_its_port_in_the_third_interval() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1, 2]))).await;
    let world = World::new(&names);
    world.good().await;
    names.respond(DnsResponse::Addresses(private_addresses([1])));
    for count in [1, 2] {
        let outcome = world.good().await;
        assert_eq!(outcome.pending.into_values().collect::<Vec<_>>(), [count]);
    }
    // Back before its time.
    names.respond(DnsResponse::Addresses(private_addresses([1, 2])));
    assert!(world.good().await.pending.is_empty());
    names.respond(DnsResponse::Addresses(private_addresses([1])));
    world.good().await;
    world.good().await;
    world.calls();
    let outcome = world.good().await;
    assert!(world.calls().contains(&("DeregisterTargets", at(&[2]))));
    assert_eq!((outcome.deregistered.len(), outcome.pending.len()), (1, 0));
    assert_eq!(world.targets(GROUP), at(&[1]));
    // Draining, and never named again.
    world.good().await;
    assert_eq!(world.operations(), ["DescribeTargetHealth", "GetItem"]);
}

#[tokio::test]
async fn one_failing_name_does_not_stop_the_other() {
    let mut broken = false;
    let (sender, receiver) = std::sync::mpsc::channel::<bool>();
    let names = DnsServer::scripted(move |query: &DnsQuery| {
        broken = receiver.try_iter().last().unwrap_or(broken);
        match (query.name.as_str(), broken) {
            ("a.elb.amazonaws.com", false) => DnsResponse::Addresses(private_addresses([1, 2])),
            ("a.elb.amazonaws.com", true) => DnsResponse::Addresses(private_addresses([1, 3])),
            (_, false) => DnsResponse::Addresses(private_addresses([8, 9])),
            (_, true) => DnsResponse::Code(ResponseCode::ServFail),
        }
    })
    .await;
    let targets = ["a", "b"].map(|name| {
        format!(r#"{{"name":"{name}.elb.amazonaws.com","target_group_arn":"{GROUP}","port":443}}"#)
    });
    let (targets, server) = (
        format!("[{}]", targets.join(",")),
        names.address.to_string(),
    );
    let world = World::with(&[("SYNC_TARGETS", &targets), ("DNS_SERVERS", &server)]);
    world.good().await;
    sender.send(true).unwrap();
    for _ in 0..2 {
        let outcome = world.bad().await;
        assert!(
            outcome
                .error
                .unwrap()
                .starts_with("b.elb.amazonaws.com cannot be resolved")
        );
        assert!(
            !outcome.complete
                && outcome
                    .pending
                    .keys()
                    .all(|target| target.to_string() == at(&[2])[0])
        );
    }
    world.bad().await;
    assert_eq!(world.targets(GROUP), at(&[1, 3, 8, 9]));
}

#[tokio::test]
async fn an_ipv6_group_follows_aaaa_records() {
    let both = [private_addresses([1]), vec!["fd00::1".parse().unwrap()]].concat();
    let names = DnsServer::responding(DnsResponse::Addresses(both)).await;
    let world = World::new(&names);
    world.memory.lock().unwrap().v6 = true;
    world.good().await;
    assert_eq!(world.targets(GROUP), ["[fd00::1]:443"]);
    let world = World::new(&names);
    world.good().await;
    assert_eq!(world.targets(GROUP), at(&[1]));
}

#[tokio::test]
async fn targets_that_others_registered_stay() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1]))).await;
    let world = World::new(&names);
    world
        .memory
        .lock()
        .unwrap()
        .add(GROUP, &["10.0.0.9:443", "10.0.0.1:80"], "healthy");
    for _ in 0..6 {
        world.good().await;
    }
    assert_eq!(
        world.targets(GROUP),
        ["10.0.0.1:80", "10.0.0.1:443", "10.0.0.9:443"]
    );
}

#[tokio::test]
async fn a_draining_target_that_returns_is_registered_at_once() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1]))).await;
    let world = World::new(&names);
    world
        .memory
        .lock()
        .unwrap()
        .add(GROUP, &["10.0.0.1:443"], "draining");
    assert_eq!(world.good().await.registered.len(), 1);
}

#[tokio::test]
async fn a_target_for_all_zones_is_registered_and_deregistered_with_all() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1, 2]))).await;
    let targets = format!(
        r#"[{{"name":"a.elb.amazonaws.com","target_group_arn":"{GROUP}","port":443,"availability_zone":"all"}}]"#
    );
    let server = names.address.to_string();
    let settings = [
        ("SYNC_TARGETS", targets.as_str()),
        ("DNS_SERVERS", &server),
        ("MISSES_BEFORE_DEREGISTRATION", "1"),
    ];
    let world = World::with(&settings);
    world.good().await;
    names.respond(DnsResponse::Addresses(private_addresses([1])));
    world.good().await;
    let changes: Vec<_> = world
        .calls()
        .into_iter()
        .filter(|(_, targets)| !targets.is_empty())
        .collect();
    let with_zone = |lasts: &[u8]| {
        at(lasts)
            .into_iter()
            .map(|target| target + "/all")
            .collect::<Vec<_>>()
    };
    assert_eq!(
        changes,
        [
            ("RegisterTargets", with_zone(&[1, 2])),
            ("DeregisterTargets", with_zone(&[2]))
        ]
    );
}

#[tokio::test]
async fn three_of_four_targets_are_deregistered_in_two_steps() {
    let names =
        DnsServer::responding(DnsResponse::Addresses(private_addresses([1, 2, 3, 4]))).await;
    let world = World::new(&names);
    world.good().await;
    names.respond(DnsResponse::Addresses(private_addresses([1])));
    world.good().await;
    world.good().await;
    let outcome = world.good().await;
    assert_eq!(
        (outcome.deregistered.len(), outcome.metrics.withheld),
        (2, 1)
    );
    let outcome = world.good().await;
    assert_eq!(
        (outcome.deregistered.len(), outcome.metrics.withheld),
        (1, 0)
    );
    assert_eq!(world.targets(GROUP), at(&[1]));
}

#[tokio::test]
async fn two_groups_of_one_name_share_a_lookup_and_count_separately() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1, 2]))).await;
    let targets = [(GROUP, 443), (OTHER, 80)].map(|(arn, port)| {
        format!(r#"{{"name":"a.elb.amazonaws.com","target_group_arn":"{arn}","port":{port}}}"#)
    });
    let (targets, server) = (
        format!("[{}]", targets.join(",")),
        names.address.to_string(),
    );
    let world = World::with(&[("SYNC_TARGETS", &targets), ("DNS_SERVERS", &server)]);
    world.good().await;
    assert_eq!(names.queries().len(), 1);
    names.respond(DnsResponse::Addresses(private_addresses([1])));
    world
        .memory
        .lock()
        .unwrap()
        .groups
        .get_mut(OTHER)
        .unwrap()
        .retain(|(at, _), _| at.to_string() != "10.0.0.2:80");
    let answer = world.run().await.unwrap();
    assert_eq!(
        answer
            .targets
            .iter()
            .map(|target| target.pending.len())
            .collect::<Vec<_>>(),
        [1, 0]
    );
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1]))).await;
    let targets =
        format!(r#"[{{"name":"a.elb.amazonaws.com","target_group_arn":"{GROUP}","port":443}}]"#);
    let server = names.address.to_string();
    let world = World::with(&[
        ("SYNC_TARGETS", &targets),
        ("DNS_SERVERS", &server),
        ("DRY_RUN", "true"),
    ]);
    let answer = world.run().await.unwrap();
    assert_eq!(
        (answer.dry_run, answer.targets[0].registered.len()),
        (true, 1)
    );
    assert_eq!(
        world.operations(),
        ["DescribeTargetGroups", "DescribeTargetHealth", "GetItem"]
    );
}

#[tokio::test]
async fn gauges_are_log_lines_in_the_configured_namespace() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1, 2]))).await;
    let world = World::new(&names);
    world.good().await;
    let lines = world.lines.json();
    let line = lines
        .iter()
        .find(|line| line.get("_aws").is_some())
        .unwrap();
    assert_eq!(
        line["_aws"]["CloudWatchMetrics"][0]["Namespace"],
        "CustomApp/NetworkMetrics"
    );
    for (gauge, value) in [
        ("ResolvedAddresses", 2),
        ("RegisteredTargets", 2),
        ("PendingTargets", 0),
        ("SyncSucceeded", 1),
    ] {
        assert_eq!(line[gauge], value, "{gauge}");
    }
}

#[tokio::test]
async fn an_event_can_ask_for_a_dry_run_and_a_doubtful_one_starts_no_run() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1]))).await;
    let world = World::new(&names);
    let run = async |event: serde_json::Value| {
        let deadline = Deadline::after(Instant::now(), Duration::from_secs(25));
        Arc::clone(&world.sync).handle(&event, deadline).await
    };
    let answer = run(json!({"dry_run": true})).await.unwrap();
    assert_eq!(
        (answer.dry_run, answer.targets[0].registered.len()),
        (true, 1)
    );
    assert_eq!(
        world.operations(),
        ["DescribeTargetGroups", "DescribeTargetHealth", "GetItem"]
    );

    for event in [json!({"dry_run": "true"}), json!({"DryRun": true})] {
        let failure = run(event.clone()).await.unwrap_err();
        assert_eq!(
            Diagnostic::from(failure).error_type,
            "InvalidEvent",
            "{event}"
        );
        assert!(world.operations().is_empty(), "{event}");
    }

    let answer = run(json!({"dry_run": false})).await.unwrap();
    assert_eq!((answer.dry_run, world.targets(GROUP)), (false, at(&[1])));
}

#[tokio::test]
async fn an_event_cannot_make_a_real_run_of_a_function_that_is_set_to_dry_runs() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1]))).await;
    let targets =
        format!(r#"[{{"name":"a.elb.amazonaws.com","target_group_arn":"{GROUP}","port":443}}]"#);
    let server = names.address.to_string();
    let world = World::with(&[
        ("SYNC_TARGETS", &targets),
        ("DNS_SERVERS", &server),
        ("DRY_RUN", "true"),
    ]);
    let deadline = Deadline::after(Instant::now(), Duration::from_secs(25));
    let answer = Arc::clone(&world.sync)
        .handle(&json!({"dry_run": false}), deadline)
        .await
        .unwrap();
    assert!(answer.dry_run && world.targets(GROUP).is_empty());
}

#[tokio::test]
async fn no_live_target_of_a_name_that_answers_with_one_of_its_addresses_leaves() {
    let mut random = fastrand::Rng::with_seed(7);
    let names =
        DnsServer::scripted(move |_| DnsResponse::Addresses(private_addresses([random.u8(1..=3)])))
            .await;
    let targets =
        format!(r#"[{{"name":"reader.example","target_group_arn":"{GROUP}","port":443}}]"#);
    let server = names.address.to_string();
    let world = World::with(&[("SYNC_TARGETS", &targets), ("DNS_SERVERS", &server)]);
    for _ in 0..20 {
        let outcome = world.good().await;
        assert!(outcome.deregistered.is_empty() && !outcome.complete);
    }
    assert_eq!(world.targets(GROUP), at(&[1, 2, 3]));
}

#[tokio::test]
async fn a_name_whose_answers_are_whole_loses_its_ninth_target_in_three_intervals() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses(1..=9))).await;
    let targets = format!(
        r#"[{{"name":"static.example","target_group_arn":"{GROUP}","port":443,"answers":"whole"}}]"#
    );
    let server = names.address.to_string();
    let world = World::with(&[("SYNC_TARGETS", &targets), ("DNS_SERVERS", &server)]);
    assert!(world.good().await.complete);
    names.respond(DnsResponse::Addresses(private_addresses(1..=8)));
    for _ in 0..3 {
        world.good().await;
    }
    assert_eq!(world.targets(GROUP), at(&[1, 2, 3, 4, 5, 6, 7, 8]));
}

#[tokio::test]
async fn targets_follow_an_entry_to_its_new_port() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1, 2]))).await;
    let server = names.address.to_string();
    let on_port = |port: u16| {
        let targets = format!(
            r#"[{{"name":"a.elb.amazonaws.com","target_group_arn":"{GROUP}","port":{port}}}]"#
        );
        World::with(&[("SYNC_TARGETS", &targets), ("DNS_SERVERS", &server)])
    };
    let before = on_port(443);
    before.good().await;
    let world = World {
        sync: on_port(8443).over(&before.memory),
        ..before
    };
    for _ in 0..4 {
        world.good().await;
    }
    assert_eq!(world.targets(GROUP), ["10.0.0.1:8443", "10.0.0.2:8443"]);
}

#[tokio::test]
async fn a_state_that_is_not_written_otherwise_has_its_expiry_put_off() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1]))).await;
    let world = World::new(&names);
    let expiry = || {
        let memory = world.memory.lock().unwrap();
        memory.items[&format!("sync#{GROUP}")]["ttl"]
            .as_n()
            .unwrap()
            .parse::<i64>()
            .unwrap()
    };
    let day = 86_400;
    world.good().await;
    let begin = world.now.lock().unwrap().as_second();
    assert_eq!(expiry(), begin + 180 * day);

    for (days, put_off) in [(1, false), (29, false), (31, true)] {
        let now = Timestamp::from_second(begin + days * day).unwrap();
        world.run_at(now, Duration::from_secs(25)).await.unwrap();
        let expected = if put_off {
            begin + (180 + days) * day
        } else {
            begin + 180 * day
        };
        assert_eq!(expiry(), expected, "after {days} days");
    }
    // A release that knows no expiry writes none.
    let written_before = |memory: &mut Memory| {
        drop(
            memory
                .items
                .get_mut(&format!("sync#{GROUP}"))
                .unwrap()
                .remove("ttl"),
        )
    };
    written_before(&mut world.memory.lock().unwrap());
    world.good().await;
    assert!(expiry() > begin);
}
