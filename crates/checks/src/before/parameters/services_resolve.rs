//! The services of the compositions: whether their names can be resolved.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::compositions;
use crate::before::configured_compositions::ConfiguredCompositions;
use crate::before::context::Parameters;
use crate::before::issuer_calls::resolves;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "composition-services-resolve",
    group: Group::Parameters,
    title: "The names of the services of compositions can be resolved",
    explanation: "The composer resolves the name of a service for each new connection. A part whose \
                  service has no address is missing in every response. The check resolves the names \
                  on this machine, and calls no service. Names of private zones can only be resolved \
                  in the VPC.",
    fix: "Correct the URL of the service. If the name belongs to a private zone, resolve it in the \
          VPC that the composer runs in.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(async { Ok(check(parameters).await) }),
};

async fn check(parameters: &Parameters) -> Verdict {
    let inline = match ConfiguredCompositions::read(parameters) {
        ConfiguredCompositions::Inline(inline) => inline,
        other => return compositions::unread(&other),
    };
    let services = inline.compositions.services().iter();
    let hosts: BTreeSet<&str> = services.filter_map(|service| service.url.host()).collect();

    let looked_up = hosts.iter().map(|host| resolves(host));
    let known = join_all(looked_up).await;
    let mut findings = Findings::default();
    for (host, is_known) in hosts.iter().zip(known) {
        if is_known {
            findings.fact(format!("{host} has an address"));
        } else {
            findings.unproven(format!(
                "{}: this machine cannot resolve `{host}`",
                inline.place
            ));
        }
    }
    findings.into_verdict()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::before::tests::{parameters, without_network};
    use crate::verdict::Status;

    fn with_service(url: &str) -> Parameters {
        parameters(&format!(
            r#"Compositions: '{{"services":{{"default":{{"url":"{url}"}}}},"routes":{{"GET /bff/a":{{"parts":{{"a":{{"get":"/a"}}}}}}}}}}'"#
        ))
    }

    #[tokio::test]
    async fn name_without_an_address_is_not_proven() {
        let found = check(&with_service("http://10.0.0.1:8080")).await;
        assert_eq!(found, Verdict::ok("10.0.0.1 has an address"));

        let found = check(&with_service("http://users.invalid")).await;
        let detail =
            "parameters.yaml:5:1: Compositions: this machine cannot resolve `users.invalid`";
        assert_eq!(found, Verdict::not_proven(detail));
        let found = check(&without_network("")).await;
        assert_eq!(found.status, Status::NotApplicable);
    }
}
