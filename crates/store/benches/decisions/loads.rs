//! Instances that call a DynamoDB store, and what each decision cost in requests.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws::{AwsCalls, Deadline, Timeouts};
use limits::{Caller, Plan, Verdict};
use store::DynamoDbStore;
use telemetry::RecordLog;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use testing::store_time::StoreAt as _;
use testing::stores::{TEST_DEADLINE, caller, instance, lookup, now};

/// One instance, which knows how many requests it has made.
pub(crate) struct Instance {
    pub(crate) store: DynamoDbStore,
    requests: Arc<AtomicUsize>,
}

/// Counts call records: a line each, and with retries off a request each.
struct Lines(Arc<AtomicUsize>);

/// What a load cost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) allowed: usize,
    pub(crate) denied: usize,
    /// Those that the server did not answer in time.
    pub(crate) unanswered: usize,
    allowed_requests: usize,
    denied_requests: usize,
    /// The most requests that one decision took.
    pub(crate) most: usize,
}

/// Who calls how often: each instance again as soon as it has its answer, or at instants of a
/// Poisson process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arrivals {
    AtOnce,
    Poisson { a_second: f64 },
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Cost {
    pub(crate) fn a_decision(&self) -> f64 {
        ratio(self.requests(), self.allowed + self.denied)
    }

    pub(crate) fn an_allowed_decision(&self) -> f64 {
        ratio(self.allowed_requests, self.allowed)
    }

    pub(crate) fn a_denied_decision(&self) -> f64 {
        ratio(self.denied_requests, self.denied)
    }

    pub(crate) fn requests(&self) -> usize {
        self.allowed_requests + self.denied_requests
    }

    /// What was measured, unless some of it was not.
    pub(crate) fn told(&self, measured: String) -> String {
        match self.unanswered {
            0 => measured,
            some => format!(
                "failed: {some} of {} decisions had no answer",
                some + self.allowed + self.denied
            ),
        }
    }

    fn count(&mut self, verdict: &Verdict, requests: usize) {
        let (decisions, sum) = match verdict {
            Verdict::Allowed => (&mut self.allowed, &mut self.allowed_requests),
            _ => (&mut self.denied, &mut self.denied_requests),
        };
        *decisions += 1;
        *sum += requests;
        self.most = self.most.max(requests);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.unanswered += other.unanswered;
        self.allowed_requests += other.allowed_requests;
        self.denied_requests += other.denied_requests;
        self.most = self.most.max(other.most);
    }
}

pub(crate) fn ratio(part: usize, whole: usize) -> f64 {
    f64::from(u32::try_from(part).unwrap_or(u32::MAX))
        / f64::from(u32::try_from(whole.max(1)).unwrap_or(u32::MAX))
}

impl Instance {
    pub(crate) async fn new(url: &str) -> Self {
        let requests = Arc::new(AtomicUsize::new(0));
        let records = RecordLog::to(Lines(Arc::clone(&requests)));
        let aws = AwsCalls::load(lookup(url), Timeouts::default(), records)
            .await
            .expect("good settings");
        Self {
            store: instance(&aws, TEST_DEADLINE),
            requests,
        }
    }

    /// Returns the number of requests that this instance has made.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) async fn decide(&self, caller: &Caller, plan: &Plan, cost: &mut Cost) {
        let before = self.requests();
        let path = if fastrand::bool() { "/a" } else { "/b" };
        let route = plan.route_limit("GET", path).map(AsRef::as_ref);
        let deadline = Deadline::after(Instant::now(), TEST_DEADLINE);
        let decision = self
            .store
            .charge_at(caller, plan, route, 1, now(), deadline)
            .await
            .expect("a decision");
        if decision.degraded {
            cost.unanswered += 1;
        } else {
            cost.count(&decision.verdict, self.requests() - before);
        }
    }
}

/// Loads one caller's plan from `workers` instances for `time`.
pub(crate) async fn load(
    url: &str,
    plan: Plan,
    workers: usize,
    arrivals: Arrivals,
    time: Duration,
) -> Cost {
    load_of(&caller(), url, plan, workers, arrivals, time).await
}

/// The same for a caller that is asked about afterwards.
pub(crate) async fn load_of(
    caller: &Caller,
    url: &str,
    plan: Plan,
    workers: usize,
    arrivals: Arrivals,
    time: Duration,
) -> Cost {
    let plan = Arc::new(plan);
    let mut instances = Vec::with_capacity(workers);
    for _ in 0..workers {
        instances.push(Instance::new(url).await);
    }
    let (end, mut tasks, mut inboxes) = (Instant::now() + time, JoinSet::new(), Vec::new());
    for instance in instances {
        let (outbox, inbox) = mpsc::channel(1000);
        inboxes.push(outbox);
        tasks.spawn(work(
            instance,
            caller.clone(),
            Arc::clone(&plan),
            arrivals,
            inbox,
            end,
        ));
    }
    if let Arrivals::Poisson { a_second } = arrivals {
        arrive(&inboxes, a_second, end).await;
    }
    drop(inboxes);
    let mut cost = Cost::default();
    while let Some(more) = tasks.join_next().await {
        cost.add(&more.expect("no panic"));
    }
    cost
}

async fn work(
    instance: Instance,
    caller: Caller,
    plan: Arc<Plan>,
    arrivals: Arrivals,
    mut inbox: mpsc::Receiver<()>,
    end: Instant,
) -> Cost {
    let mut cost = Cost::default();
    match arrivals {
        Arrivals::Poisson { .. } => {
            while inbox.recv().await.is_some() {
                instance.decide(&caller, &plan, &mut cost).await;
            }
        }
        Arrivals::AtOnce => {
            while Instant::now() < end {
                instance.decide(&caller, &plan, &mut cost).await;
                // A denial from memory does not wait for anything.
                tokio::task::yield_now().await;
            }
        }
    }
    cost
}

async fn arrive(inboxes: &[mpsc::Sender<()>], a_second: f64, end: Instant) {
    let mut next = Instant::now();
    while next < end {
        tokio::time::sleep_until(next.into()).await;
        // A full inbox is an instance that is further behind than the load's end.
        let _ = inboxes[fastrand::usize(..inboxes.len())].try_send(());
        next += Duration::from_secs_f64(-(1.0 - fastrand::f64()).ln() / a_second);
    }
}
