//! DnsServer, over real sockets.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use alb_sync::testing::{Evidence, Family, Resolution, ResolveError, Resolver, ResponseScope};
use testing::dns_server::RecordType;
use testing::dns_server::ResponseCode;

use testing::{DnsResponse, DnsServer, private_addresses};

async fn resolve(
    servers: &[&DnsServer],
    max: u32,
    family: Family,
) -> Result<Resolution, ResolveError> {
    let servers: Vec<_> = servers.iter().map(|server| server.address).collect();
    let until = Instant::now() + Duration::from_secs(3);
    Resolver::new(&servers, max)
        .unwrap()
        .resolve("a.example", family, ResponseScope::Auto, until)
        .await
}

fn set(addresses: Vec<IpAddr>) -> BTreeSet<IpAddr> {
    addresses.into_iter().collect()
}

#[tokio::test]
async fn seven_addresses_take_one_query_and_keep_their_time_to_live() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses(0..7))).await;
    let resolution = resolve(&[&names], 150, Family::V4).await.unwrap();
    assert_eq!(
        (resolution.addresses, resolution.evidence),
        (set(private_addresses(0..7)), Evidence::Whole)
    );
    assert_eq!(
        (resolution.lookups, names.queries().len(), resolution.ttl),
        (1, 1, Duration::from_secs(60))
    );
}

#[tokio::test]
async fn eight_addresses_in_each_response_take_all_allowed_queries() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses(0..8))).await;
    let resolution = resolve(&[&names], 3, Family::V4).await.unwrap();
    assert_eq!((resolution.lookups, names.queries().len()), (3, 3));
    assert!(matches!(
        resolution.evidence,
        Evidence::Sample { answers: 1, .. }
    ));
}

#[tokio::test]
async fn queries_are_repeated_until_eight_of_twenty_cover_all_addresses() {
    let mut random = fastrand::Rng::with_seed(6);
    let names = DnsServer::scripted(move |_| {
        let mut all = private_addresses(0..20);
        random.shuffle(&mut all);
        all.truncate(8);
        DnsResponse::Addresses(all)
    })
    .await;
    let resolution = resolve(&[&names], 150, Family::V4).await.unwrap();
    assert_eq!(
        (resolution.addresses, resolution.evidence),
        (set(private_addresses(0..20)), Evidence::Whole)
    );
    let queries = names.queries().len();
    assert_eq!(usize::try_from(resolution.lookups).unwrap(), queries);
    assert!((20..60).contains(&queries), "{queries}");
}

#[tokio::test]
async fn eight_in_every_answer_of_the_zones_own_server_are_all_after_five() {
    let names = DnsServer::responding(DnsResponse::Authoritative(private_addresses(0..8))).await;
    let resolution = resolve(&[&names], 150, Family::V4).await.unwrap();
    assert_eq!(
        (resolution.lookups, resolution.evidence),
        (5, Evidence::Whole)
    );
}

#[tokio::test]
async fn a_sampling_whose_server_fails_midway_keeps_what_it_saw_as_a_sample() {
    let mut asked = 0;
    let names = DnsServer::scripted(move |_| {
        asked += 1;
        if asked <= 2 {
            DnsResponse::Addresses(private_addresses(0..8))
        } else {
            DnsResponse::Code(ResponseCode::ServFail)
        }
    })
    .await;
    let resolution = resolve(&[&names], 150, Family::V4).await.unwrap();
    assert_eq!(resolution.addresses, set(private_addresses(0..8)));
    assert!(matches!(resolution.evidence, Evidence::Sample { .. }));
}

#[tokio::test]
async fn a_failing_or_silent_server_is_followed_by_the_next() {
    for broken in [
        DnsResponse::Code(ResponseCode::ServFail),
        DnsResponse::Code(ResponseCode::Refused),
        DnsResponse::Silence,
    ] {
        let (bad, good) = (
            DnsServer::responding(broken.clone()).await,
            DnsServer::responding(DnsResponse::Addresses(private_addresses(1..3))).await,
        );
        let resolution = resolve(&[&bad, &good], 150, Family::V4).await.unwrap();
        assert_eq!(
            resolution.addresses,
            set(private_addresses(1..3)),
            "{broken:?}"
        );
    }
}

#[tokio::test]
async fn kinds_of_empty_responses_are_distinguished() {
    for (reply, expected) in [
        (
            DnsResponse::Code(ResponseCode::NXDomain),
            ResolveError::NoSuchName,
        ),
        (DnsResponse::Addresses(vec![]), ResolveError::NoAddress),
        (
            DnsResponse::Code(ResponseCode::ServFail),
            ResolveError::Server("Server Failure".to_owned()),
        ),
        (DnsResponse::Silence, ResolveError::TimedOut),
    ] {
        let names = DnsServer::responding(reply.clone()).await;
        assert_eq!(
            resolve(&[&names], 150, Family::V4).await.unwrap_err(),
            expected,
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn silent_servers_end_within_the_time_limit_of_lookups() {
    let (one, other) = (
        DnsServer::responding(DnsResponse::Silence).await,
        DnsServer::responding(DnsResponse::Silence).await,
    );
    let began = Instant::now();
    assert_eq!(
        resolve(&[&one, &other], 150, Family::V4).await.unwrap_err(),
        ResolveError::TimedOut
    );
    assert!(began.elapsed() < Duration::from_secs(6));
    let queries = [one, other].map(|names| names.queries().len());
    assert!(queries.iter().all(|queries| *queries > 0), "{queries:?}");
}

#[tokio::test]
async fn a_truncated_answer_is_fetched_over_tcp_and_a_late_one_is_waited_for() {
    let names = DnsServer::responding(DnsResponse::Truncated(private_addresses(0..5))).await;
    assert_eq!(
        resolve(&[&names], 150, Family::V4).await.unwrap().addresses,
        set(private_addresses(0..5))
    );
    assert_eq!(
        names
            .queries()
            .iter()
            .map(|query| query.tcp)
            .collect::<Vec<_>>(),
        [false, true]
    );
    let names = DnsServer::responding(DnsResponse::Late(
        Duration::from_millis(300),
        private_addresses(0..5),
    ))
    .await;
    assert_eq!(
        resolve(&[&names], 150, Family::V4).await.unwrap().addresses,
        set(private_addresses(0..5))
    );
}

#[tokio::test]
async fn only_records_of_the_required_type_are_queried() {
    let both = [private_addresses(1..3), vec!["fd00::1".parse().unwrap()]].concat();
    for (family, kind, count) in [
        (Family::V4, RecordType::A, 2),
        (Family::V6, RecordType::AAAA, 1),
    ] {
        let names = DnsServer::responding(DnsResponse::Addresses(both.clone())).await;
        assert_eq!(
            resolve(&[&names], 150, family)
                .await
                .unwrap()
                .addresses
                .len(),
            count
        );
        assert!(
            names
                .queries()
                .iter()
                .all(|query| query.record_type == kind)
        );
    }
}

#[tokio::test]
async fn an_alias_resolves_to_its_target() {
    let names = DnsServer::responding(DnsResponse::Alias(
        "internal-a.elb.example.",
        private_addresses(1..4),
    ))
    .await;
    let resolution = resolve(&[&names], 150, Family::V4).await.unwrap();
    assert_eq!(
        (resolution.addresses, resolution.evidence),
        (set(private_addresses(1..4)), Evidence::Whole)
    );
}

#[tokio::test]
async fn aliases_that_lead_nowhere_are_told_from_names_without_addresses() {
    let in_a_loop = DnsServer::scripted(|query| match query.name.as_str() {
        "a.example" => DnsResponse::Alias("b.example.", vec![]),
        _ => DnsResponse::Alias("a.example.", vec![]),
    });
    let to_itself = DnsServer::scripted(|_| DnsResponse::Alias("a.example.", vec![]));
    for (names, through) in [
        (in_a_loop.await, "a.example"),
        (to_itself.await, "a.example"),
    ] {
        let error = resolve(&[&names], 150, Family::V4).await.unwrap_err();
        assert_eq!(error, ResolveError::AliasLoop(through.to_owned()));
    }

    let without_end = DnsServer::scripted(|query| {
        let number: u8 = query
            .name
            .trim_start_matches('n')
            .split('.')
            .next()
            .unwrap()
            .parse()
            .unwrap_or(0);
        DnsResponse::Alias(CHAIN[usize::from(number + 1) % CHAIN.len()], vec![])
    });
    let error = resolve(&[&without_end.await], 150, Family::V4)
        .await
        .unwrap_err();
    assert_eq!(error, ResolveError::AliasChain(8));

    let to_nothing = DnsServer::scripted(|query| match query.name.as_str() {
        "a.example" => DnsResponse::Alias("b.example.", vec![]),
        _ => DnsResponse::Addresses(vec![]),
    });
    let error = resolve(&[&to_nothing.await], 150, Family::V4)
        .await
        .unwrap_err();
    assert_eq!(error, ResolveError::NoAddress);
}

/// Longer than what is followed.
const CHAIN: [&str; 30] = [
    "n0.example.",
    "n1.example.",
    "n2.example.",
    "n3.example.",
    "n4.example.",
    "n5.example.",
    "n6.example.",
    "n7.example.",
    "n8.example.",
    "n9.example.",
    "n10.example.",
    "n11.example.",
    "n12.example.",
    "n13.example.",
    "n14.example.",
    "n15.example.",
    "n16.example.",
    "n17.example.",
    "n18.example.",
    "n19.example.",
    "n20.example.",
    "n21.example.",
    "n22.example.",
    "n23.example.",
    "n24.example.",
    "n25.example.",
    "n26.example.",
    "n27.example.",
    "n28.example.",
    "n29.example.",
];

#[tokio::test]
async fn queries_of_many_names_keep_below_what_a_resolver_takes() {
    let names = DnsServer::scripted(|query| {
        let number = u8::try_from(query.name.len() % 200).unwrap();
        DnsResponse::Authoritative(private_addresses([number]))
    })
    .await;
    let resolver = std::sync::Arc::new(Resolver::new(&[names.address], 150).unwrap());
    let began = Instant::now();
    let until = began + Duration::from_secs(60);
    let mut asking = tokio::task::JoinSet::new();
    for index in 0..10 {
        let resolver = std::sync::Arc::clone(&resolver);
        let name = format!("name-{index}.example");
        asking.spawn(async move {
            resolver
                .resolve(&name, Family::V4, ResponseScope::Part, until)
                .await
                .map(drop)
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked.unwrap().unwrap();
    }
    // 100 at once, and 500 a second from then on.
    let allowed = 100.0 + 500.0 * began.elapsed().as_secs_f64();
    let queries = names.queries().len();
    assert!(
        queries >= 660 && queries as f64 <= allowed,
        "{queries} queries, {allowed:.0} allowed"
    );
}
