//! Whole runs against servers that speak the real protocols.

use std::sync::Arc;

use testing::load_balancers::Account;
use testing::{DnsResponse, DnsServer, private_addresses};

#[tokio::test(flavor = "multi_thread")]
async fn targets_follow_a_name_in_a_real_group_with_state_in_a_real_table() {
    let account = Account::new().await;
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1, 2, 3]))).await;
    let (function, _) = account.function(&names, 1).await;
    account.run(&function, 0).await.unwrap();
    assert_eq!(
        account.targets().await,
        ["10.0.0.1:8443", "10.0.0.2:8443", "10.0.0.3:8443"]
    );
    names.respond(DnsResponse::Addresses(private_addresses([1, 4])));
    account.run(&function, 1).await.unwrap();
    assert_eq!(account.targets().await.len(), 4);
    // Another instance goes on where this one was.
    let (function, lines) = account.function(&names, 1).await;
    account.run(&function, 2).await.unwrap();
    let answer = account.run(&function, 3).await.unwrap();
    assert_eq!(answer.targets[0].deregistered.len(), 2);
    assert_eq!(account.targets().await, ["10.0.0.1:8443", "10.0.0.4:8443"]);
    // A warm run without changes.
    let before = lines.operations().len();
    assert_eq!(
        account.run(&function, 4).await.unwrap().targets[0]
            .pending
            .len(),
        0
    );
    let mut warm = lines.operations().split_off(before);
    warm.sort();
    assert_eq!(warm, ["DescribeTargetHealth", "GetItem"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_instances_change_the_group_as_one_instance_does() {
    let account = Arc::new(Account::new().await);
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1, 2]))).await;
    let mut running = Vec::new();
    for _ in 0..4 {
        let (account, (function, _)) = (Arc::clone(&account), account.function(&names, 1).await);
        running.push(tokio::spawn(async move { account.run(&function, 0).await }));
    }
    let mut at_work = 0;
    for run in running {
        let outcome = run
            .await
            .unwrap()
            .unwrap_or_else(|failure| failure.0)
            .targets
            .remove(0);
        at_work += usize::from(!outcome.registered.is_empty());
    }
    assert!(at_work >= 1);
    assert_eq!(account.targets().await, ["10.0.0.1:8443", "10.0.0.2:8443"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_target_group_is_reported_by_its_error() {
    let mut account = Account::new().await;
    account.arns[0] += "0";
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1]))).await;
    let (function, _) = account.function(&names, 1).await;
    let failure = account.run(&function, 0).await.unwrap_err();
    assert!(
        failure.0.targets[0]
            .error
            .as_ref()
            .unwrap()
            .contains("TargetGroupNotFound"),
        "{failure}"
    );
}
