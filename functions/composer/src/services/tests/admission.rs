//! Admissions, which are given before a call is charged.

use std::time::Duration;

use aws::Deadline;
use aws::breaker::{CONSECUTIVE_FAILURES, OPEN_DURATION};
use composition::{Missing, Part};
use testing::raw_server::{Action, RawServer, ok, reply};
use tokio::time::Instant;

use super::{Caller, Setup, json_of};

fn part(caller: &Caller) -> &Part {
    &caller
        .compositions
        .find("GET", "/bff/x")
        .unwrap()
        .value
        .parts[0]
}

fn within(time: Duration) -> Deadline {
    Deadline::after(Instant::now().into_std(), time)
}

#[tokio::test]
async fn admission_that_is_dropped_frees_its_place() {
    let server = RawServer::always(Action::Send(ok("{}"))).await;
    let caller = Setup::of(&[("a", &server.url())])
        .max_concurrent_calls(1)
        .caller();
    let part = part(&caller);
    let destination = caller.services.destination(part).unwrap();

    let brief = || within(Duration::from_millis(50));
    let first = destination.admit(part, brief()).await.unwrap();
    let second = destination.admit(part, brief()).await;
    assert_eq!(second.unwrap_err(), Missing::Overloaded);
    drop(first);

    assert!(destination.admit(part, brief()).await.is_ok());
    assert_eq!(json_of(&caller.get("a").await), Ok("{}"));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn open_breaker_admits_no_call_and_then_one_probe() {
    let server = RawServer::always(Action::Send(reply(500, "", ""))).await;
    let caller = Setup::of(&[("a", &server.url())]).caller();
    let part = part(&caller);
    for _ in 0..CONSECUTIVE_FAILURES {
        caller.get("a").await;
    }
    let destination = caller.services.destination(part).unwrap();
    let ample = || within(Duration::from_secs(6));
    let refused = destination.admit(part, ample()).await;
    assert_eq!(refused.unwrap_err(), Missing::CircuitOpen);

    tokio::time::pause();
    tokio::time::advance(OPEN_DURATION).await;
    let probe = destination.admit(part, ample()).await.unwrap();
    let refused = destination.admit(part, ample()).await;
    assert_eq!(refused.unwrap_err(), Missing::CircuitOpen);

    // A charge that is refused makes no call, so that the next caller may test the service.
    drop(probe);
    assert!(destination.admit(part, ample()).await.is_ok());
}
