//! The circuit breaker, row 35 of the metrics publisher's scenarios; the clock is passed in.

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

fn refused(breaker: &Breaker, now: Instant) -> Option<Duration> {
    match breaker.permit(now) {
        Err(CallError::BreakerOpen { retry_in, .. }) => Some(retry_in),
        _ => None,
    }
}

#[test]
fn five_failures_in_a_row_open_it() {
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
fn four_failures_among_the_last_ten_leave_it_closed() {
    let verdicts = [
        Success, Failure, Success, Failure, Success, Failure, Success, Failure, Success, Success,
    ];
    assert_eq!(
        after(verdicts.repeat(9), Instant::now()).state(),
        State::Closed
    );
}

#[test]
fn fewer_than_ten_calls_open_nothing_by_rate() {
    let verdicts = [
        Failure, Failure, Failure, Failure, Success, Failure, Failure, Failure, Failure,
    ];
    assert_eq!(after(verdicts, Instant::now()).state(), State::Closed);
}

#[test]
fn while_open_it_refuses_for_30_seconds() {
    let now = Instant::now();
    let breaker = after([Failure; 5], now);
    assert_eq!(refused(&breaker, now), Some(Duration::from_secs(30)));
    assert_eq!(
        refused(&breaker, now + Duration::from_millis(29_999)),
        Some(Duration::from_millis(1))
    );
    assert_eq!(refused(&breaker, now + OPEN_DURATION), None);
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
fn one_failed_probe_opens_it_again_and_restarts_its_time() {
    let now = Instant::now();
    let breaker = after([Failure; 5], now);
    let later = now + OPEN_DURATION + Duration::from_secs(7);
    call(&breaker, Success, later);
    call(&breaker, Success, later);
    call(&breaker, Failure, later);
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(
        refused(&breaker, later + Duration::from_secs(29)),
        Some(Duration::from_secs(1))
    );
    assert_eq!(refused(&breaker, later + OPEN_DURATION), None);
}

#[test]
fn one_probe_at_a_time() {
    let now = Instant::now();
    let breaker = after([Failure; 5], now);
    let later = now + OPEN_DURATION;
    let probe = breaker.permit(later).unwrap();
    assert_eq!(refused(&breaker, later), Some(Duration::ZERO));
    probe.settle(Success, later);
    assert_eq!(refused(&breaker, later), None);
}

#[test]
fn a_cancelled_probe_frees_its_place_and_counts_for_nothing() {
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
fn client_errors_do_not_count() {
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
fn a_closed_breaker_begins_its_count_anew() {
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
fn a_call_from_before_it_opened_changes_nothing_afterwards() {
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
        refused(&breaker, later),
        Some(Duration::ZERO),
        "the probe keeps its place"
    );
    probe.settle(Success, later);
}

#[test]
fn a_clock_that_goes_backwards_keeps_it_open() {
    let now = Instant::now() + OPEN_DURATION;
    let breaker = after([Failure; 5], now);
    assert_eq!(
        refused(&breaker, now - Duration::from_secs(5)),
        Some(OPEN_DURATION)
    );
}

#[test]
fn calls_that_fail_in_one_stall_are_one_failure() {
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
fn a_store_that_stays_away_opens_it_after_five_timeouts_whatever_the_load() {
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
fn a_success_within_a_stall_counts_and_ends_a_row() {
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
