//! What leases save, and what they strand.

use std::time::{Duration, Instant};

use aws::Deadline;
use limits::SECOND;

use crate::loads::{Arrivals, Cost, load_of};
use crate::row;
use testing::Emulator;
use testing::store_time::StoreAt as _;
use testing::stores::{TEST_DEADLINE, aws, caller, instance, now, plan};
use testing::{Fault, FaultProxy};

const WORKERS: usize = 16;
const TIME: Duration = Duration::from_secs(8);
/// What one partition takes, whatever the table's mode ("DynamoDB burst and adaptive capacity").
const WRITES_A_SECOND: u32 = 1000;
const QUOTA: u64 = 1_000_000_000;

/// A hot key, leased by 16: one that is ample and one that is not.
pub(crate) async fn hot_keys(url: &str) {
    for (name, rate, burst) in [("ample", 100_000, 200_000), ("saturated", 2000, 2000)] {
        let began = now();
        let (cost, stranded) = hot_key(url, &leasing(rate, burst, 16)).await;
        let allowed = i128::from(burst) + (now() - began) * i128::from(rate) / SECOND;
        let over = (i128::try_from(cost.allowed).unwrap_or(i128::MAX) - allowed).max(0);
        let goal = if name == "ample" { "≤ 0.1" } else { "" };
        let decisions = format!(
            "{:.3} ({} decisions)",
            cost.a_decision(),
            cost.allowed + cost.denied
        );
        row(
            &format!("leased hot key, k = 16, {name} plan, 16 workers"),
            cost.told(decisions),
            goal,
        );
        row(&format!("calls above the limit, {name} plan"), over, "0");
        row(
            &format!("unused leased calls at the end, {name} plan"),
            stranded,
            "≤ 240",
        );
    }
}

/// Decisions a second of a hot key whose store takes no more than a partition does.
pub(crate) async fn capped(server: &Emulator) {
    let proxy = FaultProxy::in_front_of(server.address).await;
    let (mut second, mut writes) = (Instant::now(), 0);
    proxy.fault_by(move |_, operation| {
        if second.elapsed() >= Duration::from_secs(1) {
            (second, writes) = (Instant::now(), 0);
        }
        writes += u32::from(operation == "UpdateItem");
        if writes > WRITES_A_SECOND {
            Fault::Throttle
        } else {
            Fault::None
        }
    });
    let before = proxy.count("UpdateItem");
    let (cost, _) = hot_key(&proxy.url, &leasing(1_000_000, 1_000_000, 100)).await;
    let seconds = TIME.as_secs();
    let writes = (proxy.count("UpdateItem") - before) as u64 / seconds;
    let decisions = format!(
        "{}/s ({writes} writes/s)",
        (cost.allowed + cost.denied) as u64 / seconds
    );
    row(
        "hot key, k = 100, store limited to 1,000 writes/s, 16 workers",
        cost.told(decisions),
        "≥ 10,000/s",
    );
}

fn leasing(rate: u32, burst: u32, lease: u32) -> String {
    format!(
        r#"{{"throttle":{{"rate":{rate},"burst":{burst}}},"quotas":[{{"limit":{QUOTA},"period":"day"}}],"lease":{lease}}}"#
    )
}

/// What it cost, and how many calls were bought and not made.
async fn hot_key(url: &str, json: &str) -> (Cost, u64) {
    let caller = caller();
    let cost = load_of(&caller, url, plan(json), WORKERS, Arrivals::AtOnce, TIME).await;
    let deadline = Deadline::after(Instant::now(), TEST_DEADLINE);
    let look = instance(&aws(url).await, TEST_DEADLINE)
        .peek_at(&caller, &plan(json), None, 1, now(), deadline)
        .await;
    let charged = QUOTA - look.expect("an answer").limits[1].remaining;
    let stranded = charged - cost.allowed as u64;
    (cost, stranded)
}
