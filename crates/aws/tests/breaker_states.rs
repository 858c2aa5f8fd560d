//! The states of the circuit breaker, with a clock that the test controls.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::{Duration, Instant};

use aws::breaker::{OPEN_DURATION, State};
use aws::{Breaker, CallError, Verdict};

use Verdict::{ClientError, Failure, Success};

fn call(breaker: &Breaker, verdict: Verdict, now: Instant) {
    breaker.permit(now).unwrap().settle(verdict, now);
}

fn after(verdicts: impl IntoIterator<Item = Verdict>, now: Instant) -> Breaker {
    let breaker = Breaker::new("dynamodb");
    verdicts
        .into_iter()
        .for_each(|verdict| call(&breaker, verdict, now));
    breaker
}

fn rejected_for(breaker: &Breaker, now: Instant) -> Option<Duration> {
    match breaker.permit(now) {
        Err(CallError::BreakerOpen { retry_in, .. }) => Some(retry_in),
        _ => None,
    }
}

#[test]
fn five_consecutive_failures_open_it() {
    let now = Instant::now();
    assert_eq!(after([Failure; 4], now).state(), State::Closed);
    assert_eq!(after([Failure; 5], now).state(), State::Open);
}

#[test]
fn five_failures_among_the_last_ten_open_it() {
    let now = Instant::now();

    assert_eq!(
        after([Failure, Success].repeat(5), now).state(),
        State::Open
    );
    assert_eq!(
        after([Success, Failure].repeat(5), now).state(),
        State::Open
    );
}

#[test]
fn four_failures_among_the_last_ten_keep_it_closed() {
    let verdicts = [
        Success, Failure, Success, Failure, Success, Failure, Success, Failure, Success, Success,
    ];

    assert_eq!(
        after(verdicts.repeat(9), Instant::now()).state(),
        State::Closed
    );
}

#[test]
fn failure_rate_needs_ten_calls() {
    let verdicts = [
        Failure, Failure, Failure, Failure, Success, Failure, Failure, Failure, Failure,
    ];
    assert_eq!(after(verdicts, Instant::now()).state(), State::Closed);
}

#[test]
fn open_breaker_rejects_calls_for_30_seconds() {
    let now = Instant::now();
    let breaker = after([Failure; 5], now);

    assert_eq!(rejected_for(&breaker, now), Some(Duration::from_secs(30)));
    assert_eq!(
        rejected_for(&breaker, now + Duration::from_millis(29_999)),
        Some(Duration::from_millis(1))
    );
    assert_eq!(rejected_for(&breaker, now + OPEN_DURATION), None);
}

#[test]
fn three_successful_probes_close_it() {
    let now = Instant::now();
    let breaker = after([Failure; 5], now);
    let later = now + OPEN_DURATION;
    for state in [State::HalfOpen, State::HalfOpen, State::Closed] {
        call(&breaker, Success, later);
        assert_eq!(breaker.state(), state);
    }
    let changes = breaker.changes();

    assert_eq!(
        (changes.opened, changes.half_opened, changes.closed),
        (1, 1, 1)
    );
}

#[test]
fn failed_probe_opens_it_for_another_30_seconds() {
    let now = Instant::now();
    let breaker = after([Failure; 5], now);
    let later = now + OPEN_DURATION + Duration::from_secs(7);
    call(&breaker, Success, later);
    call(&breaker, Success, later);
    call(&breaker, Failure, later);

    assert_eq!(breaker.state(), State::Open);
    assert_eq!(
        rejected_for(&breaker, later + Duration::from_secs(29)),
        Some(Duration::from_secs(1))
    );
    assert_eq!(rejected_for(&breaker, later + OPEN_DURATION), None);
}

#[test]
fn only_one_probe_runs_at_a_time() {
    let now = Instant::now();
    let breaker = after([Failure; 5], now);
    let later = now + OPEN_DURATION;
    let probe = breaker.permit(later).unwrap();

    assert_eq!(rejected_for(&breaker, later), Some(Duration::ZERO));
    probe.settle(Success, later);
    assert_eq!(rejected_for(&breaker, later), None);
}

#[test]
fn cancelled_probe_is_not_counted() {
    let now = Instant::now();
    let breaker = after([Failure; 5], now);
    let later = now + OPEN_DURATION;
    drop(breaker.permit(later).unwrap());

    assert_eq!(breaker.state(), State::HalfOpen);
    [Success; 3]
        .into_iter()
        .for_each(|verdict| call(&breaker, verdict, later));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn client_errors_are_not_counted() {
    let now = Instant::now();

    assert_eq!(after([ClientError; 50], now).state(), State::Closed);
    let mixed = [
        Failure,
        ClientError,
        Failure,
        ClientError,
        Failure,
        ClientError,
        Failure,
        ClientError,
        Failure,
    ];
    assert_eq!(
        after(mixed, now).state(),
        State::Open,
        "nor do they end a row of failures"
    );
    let breaker = after([Failure; 5], now);
    [ClientError; 9]
        .into_iter()
        .for_each(|verdict| call(&breaker, verdict, now + OPEN_DURATION));
    assert_eq!(
        breaker.state(),
        State::HalfOpen,
        "nor are they successful probes"
    );
}

#[test]
fn closing_resets_the_counts() {
    let now = Instant::now();
    let breaker = after([Failure; 5], now);
    let later = now + OPEN_DURATION;
    [Success; 3]
        .into_iter()
        .for_each(|verdict| call(&breaker, verdict, later));
    [Failure; 4]
        .into_iter()
        .for_each(|verdict| call(&breaker, verdict, later));

    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn calls_from_an_earlier_phase_are_not_counted() {
    let now = Instant::now();
    let breaker = Breaker::new("dynamodb");
    let (late, later) = (breaker.permit(now).unwrap(), now + OPEN_DURATION);
    [Failure; 5]
        .into_iter()
        .for_each(|verdict| call(&breaker, verdict, now));
    let probe = breaker.permit(later).unwrap();
    late.settle(Failure, later);

    assert_eq!(breaker.state(), State::HalfOpen);
    assert_eq!(
        rejected_for(&breaker, later),
        Some(Duration::ZERO),
        "the probe keeps its place"
    );
    probe.settle(Success, later);
}

#[test]
fn clock_that_goes_backwards_keeps_it_open() {
    let now = Instant::now() + OPEN_DURATION;
    let breaker = after([Failure; 5], now);

    assert_eq!(
        rejected_for(&breaker, now - Duration::from_secs(5)),
        Some(OPEN_DURATION)
    );
}

#[test]
fn overlapping_failures_count_once() {
    let now = Instant::now();
    let at = |ms| now + Duration::from_millis(ms);
    let breaker = Breaker::new("dynamodb");
    for stall in 0..5 {
        assert_eq!(breaker.state(), State::Closed, "{stall}");
        let calls: Vec<_> = (0..20)
            .map(|call| breaker.permit(at(stall * 1000 + call)).unwrap())
            .collect();
        for (call, permit) in (0..).zip(calls) {
            permit.settle(Failure, at(stall * 1000 + 200 + call));
        }
    }

    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn lasting_outage_opens_it_after_five_timeouts_at_any_load() {
    let now = Instant::now();
    let at = |ms| now + Duration::from_millis(ms);
    let breaker = Breaker::new("dynamodb");
    // A call begins each 10 ms, and each times out after 200 ms.
    let mut calls = std::collections::VecDeque::new();
    let opened = (0..1000).map(|step| step * 10).find(|ms| {
        if calls.front().is_some_and(|(began, _)| ms - began >= 200) {
            let (_, permit): (u64, aws::Permit<'_>) = calls.pop_front().unwrap();
            permit.settle(Failure, at(*ms));
        }
        match breaker.permit(at(*ms)) {
            Ok(permit) => calls.push_back((*ms, permit)),
            Err(_) => return true,
        }
        false
    });

    assert_eq!(opened, Some(1000));
}

#[test]
fn success_during_a_stall_resets_consecutive_failures() {
    let now = Instant::now();
    let at = |ms| now + Duration::from_millis(ms);
    let breaker = after([Failure; 4], now);
    let (slow, quick) = (
        breaker.permit(at(1)).unwrap(),
        breaker.permit(at(1)).unwrap(),
    );
    quick.settle(Success, at(2));
    slow.settle(Failure, at(3));

    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn overlapping_failures_can_count_each() {
    let (breaker, now) = (Breaker::counting_each_failure("users"), Instant::now());
    let permits: Vec<_> = (0..8).map(|_| breaker.permit(now).unwrap()).collect();

    for (nth, permit) in permits.into_iter().enumerate() {
        let expected = if nth < 5 { State::Closed } else { State::Open };
        assert_eq!(breaker.state(), expected, "{nth}");
        permit.settle(Failure, now);
    }
    assert_eq!(breaker.changes().opened, 1);
}
