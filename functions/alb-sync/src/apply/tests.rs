use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::operation::deregister_targets::DeregisterTargetsOutput;
use aws_sdk_elasticloadbalancingv2::operation::register_targets::{
    RegisterTargetsInput, RegisterTargetsOutput,
};
use aws_smithy_mocks::{MockResponse, Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::*;

/// The targets of each call, as `id:port/zone`.
type Calls = Arc<Mutex<Vec<Vec<String>>>>;

fn at(last: u16) -> SocketAddr {
    let [high, low] = last.to_be_bytes();
    SocketAddr::from(([10, 0, high, low], 443))
}

fn joining(lasts: impl IntoIterator<Item = u16>, zone: Zone) -> Changes {
    let register = lasts
        .into_iter()
        .map(|last| Registration {
            address: at(last),
            zone,
        })
        .collect();
    Changes {
        register,
        ..Changes::default()
    }
}

fn leaving(lasts: impl IntoIterator<Item = u16>) -> Vec<Target> {
    lasts
        .into_iter()
        .map(|last| Target {
            address: at(last),
            zone: None,
        })
        .collect()
}

fn refused(code: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    )
}

fn told(targets: &[aws_sdk_elasticloadbalancingv2::types::TargetDescription]) -> Vec<String> {
    let tell = |target: &aws_sdk_elasticloadbalancingv2::types::TargetDescription| {
        let zone = target
            .availability_zone()
            .map(|zone| format!("/{zone}"))
            .unwrap_or_default();
        format!("{}:{}{zone}", target.id().unwrap(), target.port().unwrap())
    };
    targets.iter().map(tell).collect()
}

/// Registers unless `problem` names the code of an error.
fn registers(
    calls: &Calls,
    problem: impl Fn(&RegisterTargetsInput) -> Option<&'static str> + Send + Sync + 'static,
) -> Rule {
    let calls = Arc::clone(calls);
    mock!(Client::register_targets).then_compute_response(move |input| {
        calls.lock().unwrap().push(told(input.targets()));
        match problem(input) {
            Some(code) => MockResponse::Http(HttpResponse::new(
                400.try_into().unwrap(),
                refused(code).into(),
            )),
            None => MockResponse::Output(RegisterTargetsOutput::builder().build()),
        }
    })
}

fn deregisters(calls: &Calls) -> Rule {
    let calls = Arc::clone(calls);
    mock!(Client::deregister_targets).then_compute_response(move |input| {
        calls.lock().unwrap().push(told(input.targets()));
        MockResponse::Output(DeregisterTargetsOutput::builder().build())
    })
}

async fn apply(rules: &[&Rule], changes: &Changes) -> AppliedChanges {
    let groups = TargetGroups::new(mock_client!(
        aws_sdk_elasticloadbalancingv2,
        RuleMode::MatchAny,
        rules
    ));
    let deadline = Deadline::after(Instant::now(), Duration::from_secs(25));
    Executor::new(&groups, "arn", deadline).run(changes).await
}

fn has(input: &RegisterTargetsInput, address: &str) -> bool {
    input
        .targets()
        .iter()
        .any(|target| target.id() == Some(address))
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_is_throttled_twice_succeeds() {
    for code in ["Throttling", "ThrottlingException"] {
        let register = mock!(Client::register_targets)
            .sequence()
            .http_status(400, Some(refused(code)))
            .times(2)
            .output(|| RegisterTargetsOutput::builder().build())
            .build();
        let applied = apply(&[&register], &joining([1], Zone::None)).await;
        assert_eq!(
            (applied.failure, applied.registered, register.num_calls()),
            (None, leaving([1]), 3),
            "{code}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_target_leaves_if_a_registration_stays_throttled() {
    let throttled = mock!(Client::register_targets)
        .sequence()
        .http_status(400, Some(refused("Throttling")))
        .repeatedly();
    let (throttled, calls) = (throttled.build(), Calls::default());
    let changes = Changes {
        deregister: leaving([2]),
        ..joining([1], Zone::None)
    };
    let applied = apply(&[&throttled, &deregisters(&calls)], &changes).await;
    assert_eq!(
        applied.failure.unwrap().to_string(),
        "RegisterTargets: Throttling: no"
    );
    assert_eq!(
        (
            applied.registered,
            applied.deregistered,
            throttled.num_calls()
        ),
        (vec![], vec![], 8)
    );
    assert!(calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn targets_are_registered_and_deregistered_in_batches_of_200() {
    let (came, left) = (Calls::default(), Calls::default());
    let changes = Changes {
        deregister: leaving(1_000..1_450),
        ..joining(0..450, Zone::None)
    };
    let applied = apply(
        &[&registers(&came, |_| None), &deregisters(&left)],
        &changes,
    )
    .await;
    for calls in [came, left] {
        let sizes: Vec<usize> = calls.lock().unwrap().iter().map(Vec::len).collect();
        assert_eq!(sizes, [200, 200, 50]);
    }
    assert_eq!(
        (
            applied.registered.len(),
            applied.deregistered.len(),
            applied.failure
        ),
        (450, 450, None)
    );
}

#[tokio::test]
async fn one_bad_target_never_costs_its_batch() {
    let calls = Calls::default();
    let bad = |input: &RegisterTargetsInput| has(input, "10.0.0.77").then_some("InvalidTarget");
    let applied = apply(&[&registers(&calls, bad)], &joining(0..200, Zone::None)).await;
    assert_eq!((applied.registered.len(), applied.failure), (199, None));
    assert_eq!(
        applied.refused,
        [(
            leaving([77]).remove(0),
            "RegisterTargets: InvalidTarget: no".to_owned()
        )]
    );
    assert!(calls.lock().unwrap().len() <= 17);
}

#[tokio::test]
async fn a_run_ends_after_its_maximum_number_of_calls() {
    let calls = Calls::default();
    let applied = apply(
        &[&registers(&calls, |_| Some("InvalidTarget"))],
        &joining(0..200, Zone::None),
    )
    .await;
    assert_eq!(calls.lock().unwrap().len(), 64);
    assert!(
        applied
            .failure
            .unwrap()
            .to_string()
            .contains("limit of 64 calls")
    );
}

#[tokio::test]
async fn targets_are_registered_in_the_configured_zone() {
    for (zone, expected) in [
        (Zone::None, "10.0.0.1:443"),
        (Zone::All, "10.0.0.1:443/all"),
    ] {
        let calls = Calls::default();
        apply(&[&registers(&calls, |_| None)], &joining([1], zone)).await;
        assert_eq!(*calls.lock().unwrap(), [[expected]]);
    }
}

#[tokio::test]
async fn auto_registers_for_all_zones_only_if_refused_without_a_zone() {
    let calls = Calls::default();
    let outside = |input: &RegisterTargetsInput| {
        let wrong = |target: &aws_sdk_elasticloadbalancingv2::types::TargetDescription| {
            (target.id() == Some("10.0.0.2")) != (target.availability_zone() == Some("all"))
        };
        input.targets().iter().any(wrong).then_some("InvalidTarget")
    };
    let mut applied = apply(&[&registers(&calls, outside)], &joining([1, 2], Zone::Auto)).await;
    applied.registered.sort();
    let all = Target {
        address: at(2),
        zone: Some("all".to_owned()),
    };
    assert_eq!(
        (applied.registered, applied.refused, applied.failure),
        (vec![leaving([1]).remove(0), all], vec![], None)
    );
}

#[tokio::test]
async fn a_full_group_lets_the_dead_go_first() {
    let (came, left) = (Calls::default(), Calls::default());
    let gone = Arc::clone(&left);
    let full =
        move |_: &RegisterTargetsInput| gone.lock().unwrap().is_empty().then_some("TooManyTargets");
    let changes = Changes {
        deregister: leaving([2]),
        ..joining([1], Zone::None)
    };
    let applied = apply(&[&registers(&came, full), &deregisters(&left)], &changes).await;
    assert_eq!(
        (applied.registered, applied.deregistered, applied.failure),
        (leaving([1]), leaving([2]), None)
    );
    let changes = joining([3], Zone::None);
    let applied = apply(&[&registers(&came, |_| Some("TooManyTargets"))], &changes).await;
    assert!(
        applied
            .failure
            .unwrap()
            .to_string()
            .starts_with("the target group is full")
    );
}

#[tokio::test]
async fn a_public_address_outside_the_vpc_is_not_registered_for_all_zones_by_default() {
    let global: SocketAddr = "[2600:1f18::1]:443".parse().unwrap();
    for (zone, registered) in [(Zone::Auto, 0), (Zone::None, 0), (Zone::All, 1)] {
        let calls = Calls::default();
        let outside = |input: &RegisterTargetsInput| {
            let is_wrong = input
                .targets()
                .iter()
                .any(|target| target.availability_zone() != Some("all"));
            is_wrong.then_some("ValidationError")
        };
        let register = vec![Registration {
            address: global,
            zone,
        }];
        let applied = apply(
            &[&registers(&calls, outside)],
            &Changes {
                register,
                ..Changes::default()
            },
        )
        .await;
        assert_eq!(
            (applied.registered.len(), applied.refused.len()),
            (registered, 1 - registered),
            "{zone:?}"
        );
    }
}
