//! What a run costs: calls, lookups, start-up and memory, beside the goals. Needs what `make tools`
//! installs.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends at the first surprise"
)]

mod sampled;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use alb_sync::testing::{Family, Resolver, ResponseScope};
use lambda_runtime::{LambdaEvent, run, service_fn};
use serde_json::Value;

use testing::load_balancers::Account;
use testing::{DnsResponse, DnsServer, private_addresses};
use testing::{LambdaRuntime, RuntimeMessage};

/// This program, told to be a function that does nothing.
const EMPTY: &str = "TOLLGATE_BENCH_EMPTY_FUNCTION";
const STARTS: usize = 15;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    if std::env::var_os(EMPTY).is_some() {
        let nothing = service_fn(|_: LambdaEvent<Value>| async {
            Ok::<_, lambda_runtime::Error>(Value::Null)
        });
        return runtime.block_on(async { run(nothing).await.expect("a function") });
    }
    println!("| one run | measured | goal |\n|---|---|---|");
    runtime.block_on(async {
        calls().await;
        growth().await;
        coverage().await;
        starts().await;
    });
}

fn row(what: &str, measured: impl std::fmt::Display, goal: &str) {
    println!("| {what} | {measured} | {goal} |");
}

/// Counted by call records.
async fn calls() {
    let account = Account::new().await;
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses(1..4))).await;
    let (function, lines) = account.function(&names, 1).await;
    account.run(&function, 0).await.expect("a first run");
    let before = lines.operations().len();
    account.run(&function, 1).await.expect("a warm run");
    let warm = &lines.operations()[before..];
    let count = |named: &[&str]| {
        warm.iter()
            .filter(|operation| named.contains(&operation.as_str()))
            .count()
    };
    row(
        "warm, without changes: Describe",
        count(&["DescribeTargetHealth", "DescribeTargetGroups"]),
        "1",
    );
    row(
        "warm, without changes: reads of state",
        count(&["GetItem"]),
        "≤ 1",
    );
    row(
        "warm, without changes: writes",
        count(&["PutItem", "RegisterTargets", "DeregisterTargets"]),
        "0",
    );
}

/// Warm runs by groups, up to as many as there may be, and nodes, on an emulator that takes one
/// call after another; medians of five.
async fn growth() {
    let account = Account::with_groups(100).await;
    for nodes in [8, 100] {
        let names =
            DnsServer::scripted(move |_| DnsResponse::Authoritative(private_addresses(0..nodes)))
                .await;
        for groups in [1, 10, 100] {
            let (function, _) = account.function(&names, groups).await;
            account.run(&function, 2).await.expect("a run");
            let mut times = Vec::new();
            for minute in 3..8 {
                let began = Instant::now();
                account.run(&function, minute).await.expect("a warm run");
                times.push(began.elapsed());
            }
            times.sort_unstable();
            let what = format!("warm, nodes: {nodes}, groups: {groups}");
            row(
                &what,
                format!("{:.0} ms", times[times.len() / 2].as_secs_f64() * 1e3),
                "concurrent",
            );
        }
    }
}

async fn coverage() {
    for nodes in [20, 50, 100] {
        let found = sampled::runs(nodes, 20_000);
        let what = format!("{nodes} nodes, independent responses: all addresses found");
        row(
            &what,
            format!(
                "{:.2} % of 20,000, {:.0} lookups",
                found.whole_percent, found.lookups
            ),
            "≥ 99.9 %",
        );
    }
    let mut random = fastrand::Rng::new();
    let names = DnsServer::scripted(move |_| {
        let mut all = private_addresses(0..100);
        random.shuffle(&mut all);
        all.truncate(8);
        DnsResponse::Addresses(all)
    })
    .await;
    let resolver = Resolver::new(&[names.address], 150).expect("a resolver");
    let began = Instant::now();
    let until = began + Duration::from_secs(3);
    let resolution = resolver
        .resolve("a.example", Family::V4, ResponseScope::Auto, until)
        .await
        .expect("addresses");
    let took = began.elapsed();
    row(
        "100 nodes on the wire",
        format!("{} found in {took:.0?}", resolution.addresses.len()),
        "≤ 3 s",
    );
}

async fn starts() {
    let account = Account::new().await;
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses(1..100))).await;
    let function = || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_alb-sync"));
        program.env_clear().envs(account.settings(&names, 1));
        program
    };
    let empty = || {
        let mut program = Command::new(std::env::current_exe().expect("this program"));
        program.env_clear().env(EMPTY, "1");
        program
    };
    let (ours, nothing) = (start_up(function).await, start_up(empty).await);
    let ratio = ours.as_secs_f64() / nothing.as_secs_f64();
    row(
        "startup, compared with an empty function",
        format!("{ours:.1?} / {nothing:.1?} = {ratio:.2}"),
        "≤ 2",
    );
    let mut runtime = LambdaRuntime::start(function(), Stdio::null()).await;
    runtime.next().await;
    for _ in 0..20 {
        assert!(
            matches!(runtime.invoke("{}").await, RuntimeMessage::Response(_)),
            "a run fails"
        );
    }
    let mib = f64::from(u32::try_from(runtime.peak_memory_kib()).expect("a size")) / 1024.0;
    row(
        "peak memory after 20 runs with 99 targets",
        format!("{mib:.0} MiB"),
        "≤ 40 MiB",
    );
}

/// From the process's start to its asking for an event; the median.
async fn start_up(program: impl Fn() -> Command) -> Duration {
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let began = Instant::now();
        let mut runtime = LambdaRuntime::start(program(), Stdio::null()).await;
        assert_eq!(runtime.next().await, RuntimeMessage::Ready);
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times[STARTS / 2]
}
