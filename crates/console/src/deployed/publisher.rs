//! The figures that the metrics publisher of a stack has sent to CloudWatch.

use std::collections::BTreeMap;

use checks::aws::{Account, Unread};
use jiff::{SignedDuration, Timestamp};

use super::counts::{StepCounts, count};
use super::metrics::{self, Metric};
use super::window::Window;
use crate::overview::{BreakerState, BreakerStatus, PlanDecisions};

/// The most series that are read. A series costs money with each reading.
const MAX_SERIES: usize = 500;
/// The beginning of the routes of Tollgate itself, which are not counted.
const OWN_ROUTES: &str = "/_tollgate/";
/// The time after which a breaker that opened counts as closed. It begins with the data point.
const OPEN_TIME: SignedDuration = SignedDuration::from_mins(5);
/// The longest data point of a breaker in seconds, so that an opening has about its time.
const MAX_BREAKER_PERIOD_S: u32 = 60;

/// The figures of the metrics publisher.
#[derive(Debug, Default)]
pub(crate) struct PublishedFigures {
    /// `None` if no requests were published yet.
    pub(crate) requests: Option<StepCounts>,
    pub(crate) server_errors: StepCounts,
    pub(crate) throttled: StepCounts,
    pub(crate) decisions: Vec<PlanDecisions>,
    pub(crate) breakers: Vec<BreakerStatus>,
    /// The number of series that were not read.
    pub(crate) unread_series: usize,
}

/// Reads the figures of a window.
///
/// # Errors
/// [`Unread`] if they cannot be read.
pub(crate) async fn read(
    account: &Account,
    namespace: &str,
    window: &Window,
    now: Timestamp,
) -> Result<PublishedFigures, Unread> {
    let (requests, decisions, breakers) = tokio::try_join!(
        metrics::list(account, namespace, "Requests"),
        metrics::list(account, namespace, "Decisions"),
        metrics::list(account, namespace, "BreakerOpen"),
    )?;
    let own = |metric: &Metric| metric.dimension("Route").contains(OWN_ROUTES);
    let requests = requests.into_iter().filter(|metric| !own(metric));
    let mut series: Vec<Metric> = breakers
        .into_iter()
        .chain(decisions)
        .chain(requests)
        .collect();
    let unread_series = series.len().saturating_sub(MAX_SERIES);
    series.truncate(MAX_SERIES);

    let sums = series.iter().cloned().map(|metric| {
        let period_s = match metric.name {
            "BreakerOpen" => window.step_s.min(MAX_BREAKER_PERIOD_S),
            _ => window.step_s,
        };
        metric.sum(period_s)
    });
    let sums: Vec<_> = sums.collect();
    let data = metrics::read(account, window, &sums).await?;
    let mut summary = Summary::new(window, now);
    for (metric, points) in series.iter().zip(&data) {
        summary.add(metric, points);
    }
    Ok(summary.into_figures(unread_series))
}

/// The figures that were added so far.
struct Summary<'w> {
    window: &'w Window,
    now: Timestamp,
    figures: PublishedFigures,
    plans: BTreeMap<String, PlanDecisions>,
}

impl<'w> Summary<'w> {
    fn new(window: &'w Window, now: Timestamp) -> Self {
        let none = StepCounts::none(window);
        Self {
            window,
            now,
            figures: PublishedFigures {
                server_errors: none.clone(),
                throttled: none,
                ..PublishedFigures::default()
            },
            plans: BTreeMap::new(),
        }
    }

    fn add(&mut self, metric: &Metric, points: &BTreeMap<Timestamp, f64>) {
        match metric.name {
            "Requests" => self.add_requests(metric, points),
            "Decisions" => self.add_decisions(metric, points),
            _ => self.add_breaker(metric, points),
        }
    }

    fn add_requests(&mut self, metric: &Metric, points: &BTreeMap<Timestamp, f64>) {
        let window = self.window;
        let requests = &mut self.figures.requests;
        let requests = requests.get_or_insert_with(|| StepCounts::none(window));
        requests.add_points(window, points);
        if metric.dimension("StatusClass") == "5xx" {
            self.figures.server_errors.add_points(window, points);
        }
    }

    fn add_decisions(&mut self, metric: &Metric, points: &BTreeMap<Timestamp, f64>) {
        let plan = metric.dimension("Plan").to_owned();
        let entry = self.plans.entry(plan.clone());
        let plan = entry.or_insert_with(|| PlanDecisions {
            plan,
            ..PlanDecisions::default()
        });
        let total: u64 = points.values().copied().map(count).sum();
        match metric.dimension("Decision") {
            "allowed" => plan.allowed += total,
            "throttled" => {
                plan.throttled += total;
                self.figures.throttled.add_points(self.window, points);
            }
            "unavailable" => plan.unavailable += total,
            "degraded" => plan.degraded += total,
            _ => {}
        }
    }

    /// Adds a breaker that opened. CloudWatch does not say when it closed.
    fn add_breaker(&mut self, metric: &Metric, points: &BTreeMap<Timestamp, f64>) {
        let mut openings = points.iter().filter(|(_, value)| **value > 0.0);
        let Some((at, _)) = openings.next_back() else {
            return;
        };
        let is_recent = self.now.duration_since(*at) < OPEN_TIME;
        self.figures.breakers.push(BreakerStatus {
            service: metric.dimension("Service").to_owned(),
            state: if is_recent {
                BreakerState::Open
            } else {
                BreakerState::Closed
            },
            changed_at: *at,
        });
    }

    fn into_figures(self, unread_series: usize) -> PublishedFigures {
        let sum =
            |plan: &PlanDecisions| plan.allowed + plan.throttled + plan.unavailable + plan.degraded;
        let mut decisions: Vec<_> = self
            .plans
            .into_values()
            .filter(|plan| sum(plan) > 0)
            .collect();
        decisions.sort_by_key(|plan| std::cmp::Reverse(sum(plan)));
        PublishedFigures {
            decisions,
            unread_series,
            ..self.figures
        }
    }
}
