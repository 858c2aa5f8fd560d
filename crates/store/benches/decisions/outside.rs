//! Requests per decision, counted by a proxy: three processes with one store each share a table.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use limits::Caller;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::loads::{Cost, Instance, ratio};
use crate::row;
use testing::stores::{caller, plan};
use testing::{Emulator, FaultProxy};

const PROCESSES: usize = 3;
const SECONDS: u64 = 8;
const AMPLE: &str = r#"{"throttle":{"rate":10000,"burst":20000}}"#;

pub(crate) async fn three_processes(server: &Emulator) {
    for (workers, goal) in [(1, "1.00"), (16, "≤ 1.03"), (100, "≤ 1.08")] {
        let proxy = FaultProxy::in_front_of(server.address).await;
        let caller = caller().to_string();
        let shares = (0..PROCESSES).map(|process| (workers + process) / PROCESSES);
        let processes: Vec<_> = shares
            .filter(|share| *share > 0)
            .map(|share| start(&proxy.url, &caller, share))
            .collect();

        let (mut decisions, mut failed) = (0, 0);
        for process in processes {
            let end = tokio::task::spawn_blocking(|| process.wait_with_output());
            let output = end.await.expect("no panic").expect("an end");
            let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let number = |field: &str| printed[field].as_u64().expect("a number");
            decisions += number("decisions");
            failed += number("unanswered");
        }

        let requests = proxy.count("UpdateItem");
        let decided = usize::try_from(decisions).expect("a count");
        let measured = match failed {
            0 => format!("{:.2} ({decided} decisions)", ratio(requests, decided)),
            some => format!("failed: {some} decisions had no answer"),
        };
        row(
            &format!("counted by a proxy, three processes, ample plan, {workers} workers"),
            measured,
            goal,
        );
    }
}

fn start(url: &str, caller: &str, workers: usize) -> Child {
    let program = std::env::current_exe().expect("a path");
    Command::new(program)
        .args(["process", url, caller, &workers.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process")
}

/// One of the processes: `workers` share its store.
pub(crate) async fn process(url: &str, caller: &str, workers: usize) -> Value {
    let instance = Arc::new(Instance::new(url).await);
    let caller = Caller::Key(caller.to_owned());
    let plan = Arc::new(plan(AMPLE));
    let end = Instant::now() + Duration::from_secs(SECONDS);

    let mut tasks = JoinSet::new();
    for _ in 0..workers {
        let (instance, caller) = (Arc::clone(&instance), caller.clone());
        let plan = Arc::clone(&plan);
        tasks.spawn(async move {
            let mut cost = Cost::default();
            while Instant::now() < end {
                instance.decide(&caller, &plan, &mut cost).await;
            }
            cost
        });
    }

    let mut total = Cost::default();
    while let Some(cost) = tasks.join_next().await {
        total.add(&cost.expect("no panic"));
    }
    json!({"decisions": total.allowed + total.denied, "unanswered": total.unanswered})
}
