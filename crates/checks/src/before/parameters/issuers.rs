//! The issuers of the policy: whether they can be reached and have usable keys.

use futures_util::future::join_all;
use policy::{IntrospectionServer, Issuer, KeyOrigin, Policy};

use super::policy::unread;
use crate::before::configured_policy::ConfiguredPolicy;
use crate::before::context::Parameters;
use crate::before::issuer_calls::{IssuerCalls, IssuerProblem, resolves};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "issuers-answer",
    group: Group::Parameters,
    title: "Every issuer of the policy has a usable key",
    explanation: "The authorizer fetches the signing keys of an issuer through its discovery \
                  document. If it cannot, requests with a token get 500. The check makes the same \
                  requests from this machine, without credentials. It only resolves the name of an \
                  introspection endpoint.",
    fix: "Compare `issuer` with the `iss` of a token, including a slash at the end. For a private \
          certificate authority, set EXTRA_CA_CERTS for this command and CaBundleLayerArn for the \
          stack: see docs/guides/private-ca.md.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(async { Ok(check(parameters).await) }),
};

async fn check(parameters: &Parameters) -> Verdict {
    let inline = match ConfiguredPolicy::read(parameters) {
        ConfiguredPolicy::Inline(inline) => inline,
        other => return unread(&other),
    };
    let calls = match IssuerCalls::from_lookup(|name| std::env::var(name).ok()) {
        Ok(calls) => calls,
        Err(problem) => return Verdict::error(problem),
    };

    let place = Place {
        text: inline.place.clone(),
        is_in_vpc: parameters.is_true("AuthorizerInVpc"),
        has_ca_bundle: !parameters.text("CaBundleLayerArn").is_empty(),
    };
    answers(&inline.policy, &calls, &place).await
}

/// The policy's place for messages, and where the authorizer will run.
struct Place {
    text: String,
    is_in_vpc: bool,
    has_ca_bundle: bool,
}

async fn answers(policy: &Policy, calls: &IssuerCalls, place: &Place) -> Verdict {
    if policy.issuers.is_empty() && policy.introspection.is_none() {
        return Verdict::not_applicable("the policy has no issuers");
    }

    let issuers = policy.issuers.iter();
    let fetched = issuers
        .map(|(issuer, origin)| async move { (issuer, origin, calls.keys(issuer, origin).await) });
    let fetched = join_all(fetched).await;
    let has_network = is_online(&fetched, calls).await;

    let mut findings = Findings::default();
    let mut known = Vec::new();
    for (index, (issuer, _, result)) in fetched.into_iter().enumerate() {
        let subject = format!("{}: issuers[{index}] `{}`", place.text, issuer.iss());
        match result {
            Ok(Some(keys)) if !keys.serves(&issuer.algorithms) => findings.problem(format!(
                "{subject}: no key has one of the `algorithms` of the policy: {}",
                algorithms(issuer)
            )),
            Ok(Some(_)) => known.push(format!("`{}` has usable keys", issuer.iss())),
            Ok(None) => known.push(format!(
                "the policy contains the keys of `{}`",
                issuer.iss()
            )),
            Err(problem) => add(&mut findings, &subject, &problem, place, has_network),
        }
    }
    if let Some(server) = &policy.introspection {
        add_server(&mut findings, &mut known, server, calls, place).await;
    }
    findings.verdict(if known.is_empty() {
        "no other issuer responded".to_owned()
    } else {
        known.join(", ")
    })
}

type Fetched<'p> = (
    &'p Issuer,
    &'p KeyOrigin,
    Result<Option<policy::KeySet>, IssuerProblem>,
);

/// True if an issuer responded, or names of the internet can be resolved.
async fn is_online(fetched: &[Fetched<'_>], calls: &IssuerCalls) -> bool {
    let has_response = fetched
        .iter()
        .any(|(_, _, result)| !matches!(result, Ok(None) | Err(IssuerProblem::Call(_))));
    has_response || calls.has_network().await
}

fn add(
    findings: &mut Findings,
    subject: &str,
    problem: &IssuerProblem,
    place: &Place,
    has_network: bool,
) {
    match problem {
        IssuerProblem::Compressed { .. } => findings.unproven(format!("{subject}: {problem}")),
        IssuerProblem::Call(error) if error.cause() == "unknown_ca" && place.has_ca_bundle => {
            findings.unchecked(format!(
                "{subject}: this machine does not trust the certificate authority of CaBundleLayerArn: set \
                 EXTRA_CA_CERTS to its file"
            ));
        }
        IssuerProblem::Call(error) if is_unreachable(error.cause()) && !has_network => {
            findings.unchecked(format!("{subject}: there is no network: {error}"));
        }
        IssuerProblem::Call(error) if is_unreachable(error.cause()) && place.is_in_vpc => {
            findings.unchecked(format!(
                "{subject}: this machine does not reach it, and the authorizer in the VPC may: {error}"
            ));
        }
        _ => findings.problem(format!("{subject}: {problem}")),
    }
}

/// True for failures before a connection is established, by their cause.
fn is_unreachable(cause: &str) -> bool {
    matches!(
        cause,
        "dns" | "refused" | "connect" | "connect_timeout" | "timeout"
    )
}

/// Resolves the name of the introspection endpoint. A request would need the client's credentials.
async fn add_server(
    findings: &mut Findings,
    known: &mut Vec<String>,
    server: &IntrospectionServer,
    calls: &IssuerCalls,
    place: &Place,
) {
    let host = server.endpoint.host().unwrap_or_default();
    if resolves(host).await {
        known.push(format!("{host} can be resolved"));
        return;
    }

    let problem = format!(
        "{}: introspection.endpoint: {host} cannot be resolved",
        place.text
    );
    if place.is_in_vpc {
        findings.unchecked(format!(
            "{problem} here, and the authorizer in the VPC may be able to"
        ));
    } else if calls.has_network().await {
        findings.problem(problem);
    } else {
        findings.unchecked(format!("{problem}: there is no network"));
    }
}

fn algorithms(issuer: &Issuer) -> String {
    let names = issuer.algorithms.iter().map(|algorithm| algorithm.name());
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
