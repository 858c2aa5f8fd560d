//! For any sequence of times, costs and plans the stores decide alike, down to each remaining call.

use limits::{Decision, Plan, Verdict};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use testing::Emulator;
use testing::stores::{NOON, Subject, caller, plan};

/// A call: after so many milliseconds, at this cost, on the route or not.
type Call = (i64, u64, bool);

fn plans() -> impl Strategy<Value = String> {
    let throttle = (1..40_u32, 1..6_u64)
        .prop_map(|(rate, burst)| format!(r#"{{"rate":{rate}e-1,"burst":{burst}}}"#));
    let quota = (0..12_u64).prop_map(|limit| limit.to_string());
    let sliding = (1..20_u64, 0..6_u64)
        .prop_map(|(window_s, limit)| format!(r#""window_s":{window_s},"limit":{limit}"#));
    let parts = (
        throttle.clone(),
        throttle,
        sliding,
        quota.clone(),
        quota,
        0..9_u8,
    );
    parts.prop_map(|(bucket, route, sliding, day, month, parts)| match parts {
        0 => format!(r#"{{"throttle":{bucket}}}"#),
        1 => format!(r#"{{"throttle":{bucket},"routes":{{"GET /a":{route}}}}}"#),
        2 => format!(r#"{{"quotas":[{{"limit":{day},"period":"day"}}],"routes":{{"GET /a":{route}}}}}"#),
        3 => format!(r#"{{"algorithm":"sliding_window",{sliding}}}"#),
        4 => format!(
            r#"{{"algorithm":"sliding_window",{sliding},"routes":{{"GET /a":{route}}},
                 "quotas":[{{"limit":{day},"period":"day","time_zone":"Asia/Kolkata"}}],"shadow":true}}"#
        ),
        5 => format!(
            r#"{{"throttle":{bucket},"quotas":[{{"limit":{day},"period":"week","starts_on":7}},
                 {{"limit":{month},"period":"month","time_zone":"America/New_York","starts_on":31}}]}}"#
        ),
        6 => format!(
            r#"{{"throttle":{bucket},"quotas":[{{"limit":{day},"period":"hour"}},
                 {{"limit":{month},"period":"total","overage":"allow","warn_at":[0.5,1]}}]}}"#
        ),
        7 => format!(
            r#"{{"quotas":[{{"limit":{day},"period":"day","overage":"allow"}},{{"limit":{month},"period":"total"}},
                 {{"limit":{month},"period":"year","time_zone":"Asia/Kolkata"}}],"near_limit":0.5}}"#
        ),
        _ => format!(
            r#"{{"throttle":{bucket},"routes":{{"GET /a":{route}}},
                 "quotas":[{{"limit":{day},"period":"day"}},{{"limit":{month},"period":"month"}}]}}"#
        ),
    })
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    // Now and then half a day passes, so that windows end.
    let step = prop_oneof![9 => 0..2_000_i64, 2 => 2_000..40_000_i64, 1 => Just(43_200_000_i64)];
    proptest::collection::vec((step, 0..4_u64, any::<bool>()), 1..25)
}

async fn decisions(subject: &Subject, plan: &Plan, calls: &[Call]) -> Vec<Decision> {
    let (caller, mut now, mut decisions) = (caller(), NOON, Vec::new());
    let route = plan.route_limit("GET", "/a").map(AsRef::as_ref);
    for (step, cost, on_route) in calls {
        now += i128::from(*step) * 1_000_000;
        let decision = subject
            .call_route(&caller, plan, route.filter(|_| *on_route), *cost, now)
            .await;
        let passes = decision.verdict == Verdict::Allowed && decision.shadowed.is_none();
        assert_eq!(decision.charge.is_some(), passes && *cost > 0);
        // Each charge has a name of its own.
        decisions.push(Decision {
            charge: None,
            ..decision
        });
    }
    decisions
}

fn decide_alike(server: &Emulator, cases: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let embedded = Subject::embedded();
    let dynamodb = runtime.block_on(Subject::dynamodb(
        "dynamodb",
        &format!("http://{}", server.address),
    ));
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&(plans(), calls()), |(json, calls)| {
        let plan = plan(&json);
        let expected = runtime.block_on(decisions(&embedded, &plan, &calls));
        let found = runtime.block_on(decisions(&dynamodb, &plan, &calls));
        prop_assert_eq!(found, expected);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn dynamodb_on_ministack_decides_as_the_embedded_store_does() {
    decide_alike(&Emulator::ministack(), 60);
}

#[test]
fn dynamodb_on_dynalite_decides_as_the_embedded_store_does() {
    decide_alike(&Emulator::dynalite(), 30);
}
