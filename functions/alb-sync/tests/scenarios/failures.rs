//! Runs in which something fails, and others get in the way.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_elasticloadbalancingv2::types::TargetTypeEnum;
use testing::dns_server::ResponseCode;

use crate::world::{GROUP, OTHER, World};
use testing::{DnsResponse, DnsServer, private_addresses};

/// What becomes of a state.
type Break = Box<dyn Fn(&World)>;

/// A group that follows its name, and what it is made of.
async fn settled(lasts: &[u8]) -> (DnsServer, World) {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses(
        lasts.iter().copied(),
    )))
    .await;
    let world = World::new(&names);
    world.good().await;
    world.calls();
    (names, world)
}

#[tokio::test]
async fn a_name_without_addresses_fails_the_group_before_any_call() {
    for (reply, told) in [
        (
            DnsResponse::Code(ResponseCode::NXDomain),
            "a.elb.amazonaws.com does not exist (NXDOMAIN)",
        ),
        (
            DnsResponse::Code(ResponseCode::ServFail),
            "a.elb.amazonaws.com cannot be resolved: the servers answer",
        ),
        (
            DnsResponse::Addresses(vec![]),
            "a.elb.amazonaws.com exists, but has no address of this type (NODATA)",
        ),
    ] {
        let (names, world) = settled(&[1, 2]).await;
        let before = world.document(GROUP);
        names.respond(reply.clone());
        let outcome = world.bad().await;
        assert!(
            outcome
                .error
                .as_ref()
                .is_some_and(|error| error.starts_with(told)),
            "{outcome:?}"
        );
        assert_eq!(
            (world.operations(), world.document(GROUP)),
            (vec![], before),
            "{told}"
        );
        let gauges = world
            .lines
            .json()
            .into_iter()
            .rfind(|line| line.get("_aws").is_some())
            .unwrap();
        assert_eq!(gauges["SyncSucceeded"], 0);
        // The same for a function that does not know its group yet.
        let fresh = World::new(&names);
        fresh.bad().await;
        assert_eq!(fresh.operations(), Vec::<&str>::new(), "{told}");
    }
}

#[tokio::test]
async fn a_public_address_is_refused_and_all_others_are_registered() {
    let (names, world) = settled(&[1, 2]).await;
    names.respond(DnsResponse::Addresses(
        [
            private_addresses([1, 3]),
            vec!["3.5.140.1".parse().unwrap()],
        ]
        .concat(),
    ));
    for _ in 0..4 {
        let outcome = world.bad().await;
        assert!(
            outcome
                .error
                .unwrap()
                .contains("cannot be targets: 3.5.140.1 (public address)")
        );
    }
    // A name that shows something wrong takes nothing out.
    assert_eq!(
        world.targets(GROUP),
        ["10.0.0.1:443", "10.0.0.2:443", "10.0.0.3:443"]
    );
}

#[tokio::test]
async fn a_failed_registration_keeps_the_counters_and_the_next_run_continues() {
    let (names, world) = settled(&[1, 2]).await;
    names.respond(DnsResponse::Addresses(private_addresses([1, 3])));
    world
        .memory
        .lock()
        .unwrap()
        .groups
        .get_mut(GROUP)
        .unwrap()
        .retain(|(at, _), _| at.to_string() != "10.0.0.1:443");
    world.fail("RegisterTargets", &["AccessDenied"]);
    assert_eq!(
        world.bad().await.error.unwrap(),
        "RegisterTargets: AccessDenied: told to"
    );
    assert!(!world.document(GROUP).unwrap().contains("misses"));
    assert!(
        world
            .calls()
            .iter()
            .all(|(operation, _)| *operation != "DeregisterTargets")
    );
    world.heal();
    assert_eq!(world.good().await.registered.len(), 2);
}

#[tokio::test]
async fn a_group_that_cannot_be_described_is_not_treated_as_empty() {
    for code in ["HealthUnavailable", "AccessDenied", "TargetGroupNotFound"] {
        let (_names, world) = settled(&[1, 2]).await;
        world.fail("DescribeTargetHealth", &[code]);
        let outcome = world.bad().await;
        assert_eq!(
            outcome.error.unwrap(),
            format!("DescribeTargetHealth: {code}: told to")
        );
        assert_eq!(world.operations(), ["DescribeTargetHealth", "GetItem"]);
    }
}

#[tokio::test]
async fn without_state_a_run_counts_from_one_and_deregisters_nothing() {
    let (names, world) = settled(&[1, 2]).await;
    world.memory.lock().unwrap().items.clear();
    names.respond(DnsResponse::Addresses(private_addresses([1])));
    let outcome = world.good().await;
    assert_eq!(
        (
            outcome.pending.into_values().collect::<Vec<_>>(),
            outcome.deregistered.len()
        ),
        (vec![1], 0)
    );
}

#[tokio::test]
async fn an_unreadable_or_invalid_state_changes_nothing() {
    let corrupt = |name: &'static str, value: AttributeValue| {
        move |world: &World| {
            let mut memory = world.memory.lock().unwrap();
            memory
                .items
                .get_mut(&format!("sync#{GROUP}"))
                .unwrap()
                .insert(name.to_owned(), value.clone());
        }
    };
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |text: &str| AttributeValue::N(text.to_owned());
    let breaks: Vec<(Break, &str)> = vec![
        (
            Box::new(|world: &World| world.fail("GetItem", &["AccessDeniedException"])),
            "GetItem: AccessDeniedException: told to (table ",
        ),
        (Box::new(corrupt("doc", text("{"))), "is invalid (EOF"),
        (
            Box::new(corrupt("doc", text(r#"{"targets":7}"#))),
            "is invalid (invalid type",
        ),
        (
            Box::new(corrupt("v", number("2"))),
            "unknown schema version 2, expected 1",
        ),
        (
            Box::new(corrupt("version", text("1"))),
            "invalid version, expected an integer from 1",
        ),
    ];
    for (breaks, told) in breaks {
        let (names, world) = settled(&[1, 2]).await;
        breaks(&world);
        names.respond(DnsResponse::Addresses(private_addresses([3])));
        for _ in 0..4 {
            let outcome = world.bad().await;
            assert!(
                outcome.error.as_ref().unwrap().contains(told),
                "{outcome:?}"
            );
        }
        assert!(
            world
                .calls()
                .iter()
                .all(|(operation, _)| !operation.ends_with("Targets") && *operation != "PutItem")
        );
    }
}

#[tokio::test]
async fn a_state_that_cannot_be_written_fails_the_run_and_nothing_is_done_twice() {
    let (names, world) = settled(&[1]).await;
    names.respond(DnsResponse::Addresses(private_addresses([1, 2])));
    world.fail("PutItem", &["", "AccessDeniedException"]);
    let outcome = world.bad().await;
    assert!(
        outcome
            .error
            .unwrap()
            .starts_with("PutItem: AccessDeniedException: told to (table ")
    );
    assert_eq!(
        (outcome.registered.len(), world.targets(GROUP).len()),
        (1, 2)
    );
    world.heal();
    world.calls();
    let outcome = world.good().await;
    assert!(outcome.registered.is_empty() && !world.operations().contains(&"RegisterTargets"));
    // Before anything is done, it is the state that says who is ours.
    names.respond(DnsResponse::Addresses(private_addresses([1, 2, 3])));
    world.fail("PutItem", &["AccessDeniedException"]);
    world.bad().await;
    assert_eq!(world.targets(GROUP).len(), 2);
}

#[tokio::test]
async fn of_two_concurrent_runs_the_loser_changes_nothing() {
    let (names, world) = settled(&[1, 2]).await;
    names.respond(DnsResponse::Addresses(private_addresses([1, 3])));
    world.memory.lock().unwrap().before_put = Some(Box::new(|memory| {
        let item = memory.items.get_mut(&format!("sync#{GROUP}")).unwrap();
        item.insert("version".to_owned(), AttributeValue::N("99".to_owned()));
    }));
    let outcome = world.good().await;
    assert!(outcome.metrics.left_to_another && !outcome.complete && outcome.registered.is_empty());
    assert_eq!(world.targets(GROUP), ["10.0.0.1:443", "10.0.0.2:443"]);
}

#[tokio::test]
async fn concurrent_runs_count_a_miss_once() {
    let (names, world) = settled(&[1, 2]).await;
    names.respond(DnsResponse::Addresses(private_addresses([1])));
    let now = *world.now.lock().unwrap() + jiff::SignedDuration::from_secs(60);
    let at_once = || world.run_at(now, Duration::from_secs(25));
    let (one, two, three) = tokio::join!(at_once(), at_once(), at_once());
    let late = world
        .run_at(
            now + jiff::SignedDuration::from_secs(5),
            Duration::from_secs(25),
        )
        .await;
    assert!([one, two, three].iter().all(Result::is_ok));
    assert_eq!(
        late.unwrap().targets[0]
            .pending
            .values()
            .collect::<Vec<_>>(),
        [&1]
    );
}

#[tokio::test]
async fn one_groups_failure_never_touches_another() {
    let names = DnsServer::scripted(|query| {
        if query.name == "a.elb.amazonaws.com" {
            DnsResponse::Code(ResponseCode::NXDomain)
        } else {
            DnsResponse::Addresses(private_addresses([1]))
        }
    })
    .await;
    let targets = [(GROUP, "a"), (OTHER, "b")].map(|(arn, name)| {
        format!(r#"{{"name":"{name}.elb.amazonaws.com","target_group_arn":"{arn}","port":443}}"#)
    });
    let (targets, server) = (
        format!("[{}]", targets.join(",")),
        names.address.to_string(),
    );
    let world = World::with(&[("SYNC_TARGETS", &targets), ("DNS_SERVERS", &server)]);
    let answer = world.run().await.unwrap_err().0;
    assert_eq!(
        answer
            .targets
            .iter()
            .map(|target| target.error.is_some())
            .collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(
        (world.targets(GROUP).len(), world.targets(OTHER).len()),
        (0, 1)
    );
}

#[tokio::test]
async fn a_run_past_its_time_limit_ends_and_reports_it() {
    let (_names, world) = settled(&[1]).await;
    let now = *world.now.lock().unwrap();
    let outcome = world
        .run_at(now, Duration::ZERO)
        .await
        .unwrap_err()
        .0
        .targets
        .remove(0);
    assert!(
        outcome
            .error
            .unwrap()
            .starts_with("a.elb.amazonaws.com cannot be resolved in time")
    );
    assert_eq!(world.operations(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_group_that_takes_no_addresses_is_told_by_its_type_and_left_alone() {
    for (kind, name) in [
        (TargetTypeEnum::Instance, "instance"),
        (TargetTypeEnum::Lambda, "lambda"),
    ] {
        let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1, 2]))).await;
        let world = World::new(&names);
        world.memory.lock().unwrap().kind = Some(kind);
        let error = world.bad().await.error.unwrap();
        assert!(
            error.starts_with(&format!("unsupported target type `{name}`")),
            "{error}"
        );
        assert_eq!(world.operations(), ["DescribeTargetGroups"]);
    }
}

#[tokio::test]
async fn a_name_that_leads_back_to_the_load_balancer_is_refused() {
    let names = DnsServer::scripted(|query| match query.name.as_str() {
        "nlb-1.elb.eu-central-1.amazonaws.com" => DnsResponse::Addresses(private_addresses([7, 8])),
        _ => DnsResponse::Alias(
            "nlb-1.elb.eu-central-1.amazonaws.com.",
            private_addresses([7, 8]),
        ),
    })
    .await;
    let world = World::new(&names);
    let arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/net/nlb/1";
    world.memory.lock().unwrap().load_balancers = vec![arn.to_owned()];
    let error = world.bad().await.error.unwrap();
    assert!(
        error.contains("10.0.0.7 (address of this group's own load balancer)"),
        "{error}"
    );
    assert!(world.targets(GROUP).is_empty());
}

#[tokio::test]
async fn a_state_with_the_largest_version_changes_nothing() {
    let (names, world) = settled(&[1]).await;
    names.respond(DnsResponse::Addresses(private_addresses([2])));
    let version = AttributeValue::N(u64::MAX.to_string());
    let key = format!("sync#{GROUP}");
    world
        .memory
        .lock()
        .unwrap()
        .items
        .get_mut(&key)
        .unwrap()
        .insert("version".to_owned(), version);
    assert!(
        world
            .bad()
            .await
            .error
            .unwrap()
            .contains("invalid version, expected an integer from 1 to 9223372036854775807")
    );
    assert_eq!(world.targets(GROUP), ["10.0.0.1:443"]);
}
