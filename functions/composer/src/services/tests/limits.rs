//! The limit of concurrent calls, timeouts and cancellation.

use std::time::{Duration, Instant};

use composition::Missing;
use futures_util::future::join_all;

use super::{Setup, json_of};
use testing::raw_server::{Action, RawServer, ok};

#[tokio::test]
async fn calls_above_the_limit_wait() {
    let slow = Action::Delay(Duration::from_millis(20), ok("{}"));
    let server = RawServer::always(slow).await;
    let caller = Setup::of(&[("a", &server.url())])
        .max_concurrent_calls(2)
        .caller();

    let replies = join_all((0..10).map(|_| caller.get("a"))).await;
    assert!(replies.iter().all(|reply| json_of(reply) == Ok("{}")));
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn waiting_for_the_whole_time_is_overload() {
    let server = RawServer::always(Action::Silence).await;
    let caller = Setup::of(&[("a", &server.url())])
        .max_concurrent_calls(1)
        .caller();

    let waiting = caller.get_within("a", Duration::from_millis(200));
    let waiting = tokio::select! {
        biased;
        first = caller.get("a") => panic!("{first:?}"),
        waiting = waiting => waiting,
    };
    assert_eq!(
        (json_of(&waiting), waiting.attempts),
        (Err(Missing::Overloaded), 0)
    );
    assert!(server.requests() <= 1);
}

// All calls begin at the same instant, so that the place is free when no time is left.
#[tokio::test(start_paused = true)]
async fn place_that_is_free_too_late_is_overload() {
    let server = RawServer::always(Action::Silence).await;
    let caller = Setup::of(&[("a", &server.url())])
        .max_concurrent_calls(1)
        .timeout_ms(300)
        .caller();

    let calls = join_all((0..3).map(|_| caller.get("a"))).await;
    assert_eq!(json_of(&calls[0]), Err(Missing::Timeout));
    for waiting in &calls[1..] {
        let expected = (Err(Missing::Overloaded), 0);
        assert_eq!((json_of(waiting), waiting.attempts), expected);
    }
}

#[tokio::test]
async fn slow_service_does_not_delay_another() {
    let slow = RawServer::always(Action::Silence).await;
    let fast = RawServer::always(Action::Send(ok("{}"))).await;
    let (slow_url, fast_url) = (slow.url(), fast.url());
    let caller = Setup::of(&[("slow", &slow_url), ("fast", &fast_url)])
        .max_concurrent_calls(2)
        .timeout_ms(2_000)
        .caller();

    let stuck = join_all((0..20).map(|_| caller.get("slow")));
    let served = async {
        let replies = join_all((0..20).map(|_| caller.get("fast"))).await;
        assert!(replies.iter().all(|reply| json_of(reply) == Ok("{}")));
    };
    let began = Instant::now();
    tokio::select! {
        biased;
        _ = stuck => panic!("the slow service responded"),
        () = served => assert!(began.elapsed() < Duration::from_secs(1)),
    }
}

#[tokio::test]
async fn deadline_of_the_composition_ends_a_call() {
    let server = RawServer::always(Action::Silence).await;
    let caller = Setup::of(&[("a", &server.url())]).caller();

    let began = Instant::now();
    let reply = caller.get_within("a", Duration::from_millis(100)).await;
    assert_eq!(json_of(&reply), Err(Missing::Timeout));
    assert!(began.elapsed() < Duration::from_secs(2));

    let reply = caller.get_within("a", Duration::ZERO).await;
    assert_eq!(
        (json_of(&reply), reply.attempts),
        (Err(Missing::Timeout), 0)
    );
    assert!(server.requests() <= 1);
}

#[tokio::test]
async fn cancelled_call_frees_its_place() {
    let server = RawServer::start(|nth| match nth {
        1 => Action::Silence,
        _ => Action::Send(ok("{}")),
    });
    let server = server.await;
    let caller = Setup::of(&[("a", &server.url())])
        .max_concurrent_calls(1)
        .caller();

    let call = tokio::time::timeout(Duration::from_millis(200), caller.get("a"));
    assert!(call.await.is_err());
    server.closed(1).await;
    assert_eq!(json_of(&caller.get("a").await), Ok("{}"));
}

#[tokio::test]
async fn refused_connection_is_unreachable() {
    let server = RawServer::always(Action::Send(ok("{}"))).await;
    let caller = Setup::of(&[("a", &server.url())]).caller();
    server.kill();

    let reply = caller.get("a").await;
    assert_eq!(
        (json_of(&reply), reply.attempts),
        (Err(Missing::Unreachable), 3)
    );
}
