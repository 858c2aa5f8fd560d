//! What a delivery costs: lines a second from text to requests that are ready to send, memory,
//! requests, and how far percentiles are off. Takes about a minute.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends at the first surprise"
)]

use std::hint::black_box;
use std::time::Instant;

use jiff::Timestamp;
use metrics_publisher::testing::{Window, request_batches};
use metrics_publisher::{Buckets, Intake};

const NOW_MS: i64 = 1_795_348_830_000;
const LINES: usize = 1_000_000;
const ROUNDS: usize = 5;

/// A generator of our own, so that every run sees the same lines (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Milliseconds with a long tail: log-normal, median 20, by twelve uniform numbers.
    fn latency(&mut self) -> f64 {
        let normal = (0..12).map(|_| self.part()).sum::<f64>() - 6.0;
        20.0 * normal.exp()
    }
}

fn access_lines(number: usize) -> Vec<String> {
    let mut random = Random(7);
    let statuses = ["200", "200", "200", "201", "404", "429", "503"];
    let line = |_| {
        let (route, plan) = (random.next() % 32, random.next() % 4);
        let (latency, status) = (random.latency(), statuses[(random.next() % 7) as usize]);
        let decision = if status == "429" {
            "throttled"
        } else {
            "allowed"
        };
        format!(
            concat!(
                r#"{{"request_id":"JKJaXmPLvHcESHA01=","time_ms":"{}","source_ip":"192.0.2.10","method":"GET","#,
                r#""route_key":"ANY /{{proxy+}}","protocol":"HTTP/1.1","status":"{}","response_bytes":"1432","#,
                r#""response_latency_ms":"{:.0}","integration_latency_ms":"{:.0}","integration_status":"{}","#,
                r#""route":"GET /route-{}/{{id}}","decision":"{}","#,
                r#""reason":"ok","auth":"api_key","plan":"plan-{}","key_id":"key-1","near_limit":"false","authorizer_ms":"{}","#,
                r#""error":"-","integration_error":"-","authorizer_error":"-"}}"#
            ),
            NOW_MS,
            status,
            latency + 4.0,
            latency,
            status,
            route,
            decision,
            plan,
            random.next() % 9
        )
    };
    (0..number).map(line).collect()
}

/// 280 series: 56 operations, each with durations with and without its way, and counts.
fn call_records(number: usize) -> Vec<String> {
    let mut random = Random(11);
    let record = |place: usize| {
        let (operation, success) = (place % 56, !random.next().is_multiple_of(10));
        let way = if success { "vpce" } else { "public" };
        format!(
            r#"{{"service":"service-{}","operation":"Operation{operation}","duration_ms":{:.3},"success":{success},"error_type":{},"timestamp":{NOW_MS},"endpoint":"{way}"}}"#,
            operation % 4,
            random.latency(),
            if success { "null" } else { r#""timeout""# },
        )
    };
    (0..number).map(record).collect()
}

fn intake() -> Intake {
    Intake::new(Window::at(
        Timestamp::from_millisecond(NOW_MS).expect("a time"),
    ))
}

/// Seconds that this thread has computed (`/proc/thread-self/schedstat`), whatever else the machine
/// does; seconds that have passed where there is no such thing.
fn seconds(began: Instant) -> f64 {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let computed = schedstat.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    computed.map_or_else(
        || began.elapsed().as_secs_f64(),
        |nanoseconds| nanoseconds / 1e9,
    )
}

/// Data and requests of a delivery, and how many seconds of computing it took.
fn deliver(
    texts: &[String],
    number: usize,
    count: impl Fn(&mut Intake, usize, &str),
) -> (usize, usize, f64) {
    let start = Instant::now();
    let began = seconds(start);
    let mut intake = intake();
    for (index, text) in texts.iter().cycle().take(number).enumerate() {
        count(&mut intake, index, text);
    }
    assert_eq!(intake.accepted, number as u64, "nothing is rejected");
    let data = intake.sums.into_data();
    let series = data.len();
    let requests = black_box(request_batches(data)).len();
    (series, requests, seconds(start) - began)
}

/// Resident memory in kB (`/proc/self/status`), where there is such a thing.
fn resident_kb() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    })
}

fn row(what: &str, measured: String, goal: &str) {
    println!("| {what} | {measured} | {goal} |");
}

fn speed(lines: &[String]) {
    let best = |lines: &[String], count: &dyn Fn(&mut Intake, usize, &str)| {
        let took = (0..ROUNDS)
            .map(|_| deliver(lines, LINES / 5, count).2)
            .fold(f64::MAX, f64::min);
        (LINES / 5) as f64 / took
    };
    let access = best(lines, &|intake, index, line| {
        intake.line(index, line, None);
    });
    row(
        "access-log lines/s on one core, ready to send",
        format!("{access:.0}"),
        "≥ 500,000",
    );
    let records = call_records(20_000);
    let records = best(&records, &|intake, index, record| {
        intake.record(index, record);
    });
    row(
        "call records/s on one core, ready to send",
        format!("{records:.0}"),
        "–",
    );
}

fn memory(lines: &[String]) {
    let after = |number| {
        let mut intake = intake();
        for (index, line) in lines.iter().cycle().take(number).enumerate() {
            intake.line(index, line, None);
        }
        let resident = resident_kb();
        black_box(&intake);
        resident
    };
    if let (Some(some), Some(many)) = (after(LINES / 10), after(LINES)) {
        row(
            "additional memory for 1,000,000 lines over 100,000",
            format!("{} kB", many - some),
            "flat",
        );
    }
}

fn requests() {
    let records = call_records(100_000);
    let (series, requests, took) = deliver(&records, LINES, |intake, index, record| {
        intake.record(index, record);
    });
    row("1,000,000 records: series", series.to_string(), "≈ 280");
    row("1,000,000 records: requests", requests.to_string(), "≤ 2");
    row("1,000,000 records: time", format!("{:.1} s", took), "–");
    let (series, requests, _) = deliver(&access_lines(1_000), 1_000, |intake, index, line| {
        intake.line(index, line, None);
    });
    row("1,000 access-log lines: series", series.to_string(), "–");
    row(
        "1,000 access-log lines: requests",
        requests.to_string(),
        "1",
    );
}

fn errors() {
    let mut random = Random(3);
    let mut values: Vec<f64> = (0..LINES).map(|_| random.latency()).collect();
    let mut buckets = Buckets::default();
    values.iter().for_each(|value| buckets.add(*value, 1));
    values.sort_unstable_by(f64::total_cmp);
    for part in [0.5, 0.95, 0.99, 0.999] {
        let is = values[(values.len() as f64 * part).ceil() as usize - 1];
        let told = buckets.quantile(part).expect("a value");
        row(
            &format!("error of p{}", part * 100.0),
            format!("{:.1} %", (told - is).abs() / is * 100.0),
            "≤ 5 %",
        );
    }
    row(
        "histogram values for 1,000,000 distinct durations",
        buckets.values().len().to_string(),
        "≤ 150",
    );
}

fn main() {
    println!("| one delivery | measured | goal |\n|---|---|---|");
    let lines = access_lines(20_000);
    speed(&lines);
    memory(&lines);
    requests();
    errors();
}
