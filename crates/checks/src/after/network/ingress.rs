//! The ways into the load balancer.

mod admission;
mod apis;
mod interfaces;

use serde_json::Value;

use crate::aws::{Account, Call, Service, Unread};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::load_balancer::{self, LoadBalancer, load_balancer_arn};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::{Status, Verdict};

use super::backend::{listener_arn, no_listener};
use super::link;
use admission::{Admission, Source, admissions};

const CHECK: Check = Check {
    id: "alb-ingress",
    group: Group::Network,
    title: "Only the VPC link and the composer can reach the load balancer",
    explanation: "Services trust the headers that API Gateway sets, such as `x-tollgate-user-id`. A \
                  client that reaches the load balancer in another way can claim any identity, and \
                  no limit applies to it. A Network Load Balancer in front of it is such a way. The \
                  composer of the stack, if there is one, is in a security group of its own and sets \
                  the same headers. Anything else in that group is another way in. A \
                  proof of origin, as the parameter `OriginSecretArn` adds it, lets services refuse \
                  these requests.",
    fix: "Remove the inbound rules that are named from the security groups of the load balancer. If \
          another client must reach the services, add a proof of origin: \
          docs/guides/proof-of-origin.md.",
    permissions: &[
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroupRules",
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeLoadBalancers",
        "apigateway:GET",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

/// The ways into the load balancer, as AWS describes them.
struct Ways {
    /// The port of the listener that API Gateway calls.
    port: u16,
    /// The rules that admit connections to any listener of the load balancer. Another listener can
    /// forward to the same services, without the rules for throttled requests.
    admissions: Vec<Admission>,
    /// The groups of the VPC link, or `None` if they could not be read.
    link_groups: Option<Vec<String>>,
    /// The load balancers of the region, to name those in front.
    load_balancers: Vec<LoadBalancer>,
    /// The owners of network interfaces that have a group of the VPC link and are not part of it,
    /// or `None` if they could not be read.
    interfaces: Option<Vec<String>>,
    /// The security group of the stack's composer, if it calls the load balancer.
    composer: Option<String>,
    /// The owners of network interfaces in that group that are no functions, or `None` if they could
    /// not be read.
    strangers: Option<Vec<String>>,
}

/// The answer to the question whether another client than the VPC link can reach the load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OtherWays {
    /// There is another way in.
    Open,
    /// The VPC link is the only way in.
    Closed,
    /// It could not be read.
    Unknown,
}

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let Some(listener) = listener_arn(stack) else {
        return Ok(no_listener());
    };
    let mut findings = Findings::default();
    let ways = read(stack, &listener, &mut findings).await?;
    apis::check(stack, &mut findings).await;

    let verdict = verdict(&ways, findings);
    let has_proof = !stack.parameter("OriginSecretArn").is_empty();
    Ok(if has_proof {
        with_proof_of_origin(verdict, &ways)
    } else {
        verdict
    })
}

impl Ways {
    /// True if something that is not part of the stack has a group that is admitted.
    fn has_strangers(&self) -> bool {
        let all = self.interfaces.iter().chain(&self.strangers).flatten();
        all.count() > 0
    }
}

/// Returns whether another client than the VPC link and the composer can reach the load balancer of a
/// listener.
///
/// # Errors
/// [`Unread`] if the load balancer or its security groups cannot be read.
pub(super) async fn other_ways(stack: &Stack, listener: &str) -> Result<OtherWays, Unread> {
    let ways = read(stack, listener, &mut Findings::default()).await?;
    let is_group = |it: &Admission| matches!(it.source, Source::Group { .. });

    Ok(match (&ways.link_groups, &ways.interfaces) {
        // Without the groups of the link, a group can be that of the link.
        (None, _) if others(&ways).any(|it| !is_group(it)) => OtherWays::Open,
        (None, _) if others(&ways).next().is_some() => OtherWays::Unknown,
        (None, _) => OtherWays::Closed,
        (Some(_), _) if others(&ways).next().is_some() => OtherWays::Open,
        (Some(_), _) if ways.has_strangers() => OtherWays::Open,
        (Some(_), None) => OtherWays::Unknown,
        (Some(_), Some(_)) if ways.strangers.is_none() => OtherWays::Unknown,
        (Some(_), Some(_)) => OtherWays::Closed,
    })
}

/// Reads what leads into the load balancer of a listener. What cannot be read is added to the
/// findings.
async fn read(stack: &Stack, listener: &str, findings: &mut Findings) -> Result<Ways, Unread> {
    let account = stack.account();
    let arn = load_balancer_arn(listener);
    let load_balancer = load_balancer::load_balancer(account, &arn).await?;
    check_parameter(stack, &load_balancer, findings);

    let read = load_balancer::listener(account, listener).await;
    let port = match findings.take("the listener", read) {
        Some(listener) => listener.port,
        None => stack.parameter("AlbListenerPort").parse().unwrap_or(80),
    };
    let read = load_balancer::listeners(account, &arn).await;
    let listeners = findings.take("the listeners of the load balancer", read);
    let mut ports: Vec<u16> = listeners.iter().flatten().map(|it| it.port).collect();
    ports.push(port);

    let rules = rules_of(account, &load_balancer.groups).await?;
    let link_groups = findings.take("the VPC link", link::groups(stack).await);
    let interfaces = match &link_groups {
        Some(groups) => other_owners(stack, groups, findings).await,
        None => None,
    };
    let composer = composer_group(stack);
    let strangers = match &composer {
        Some(group) => {
            let read = interfaces::without_functions(account, group).await;
            findings.take("the network interfaces of the composer", read)
        }
        None => Some(Vec::new()),
    };
    let load_balancers = load_balancer::load_balancers(account).await;
    Ok(Ways {
        port,
        admissions: admissions(&rules, &load_balancer.groups, &ports),
        link_groups,
        // They only add names to the findings.
        load_balancers: load_balancers.unwrap_or_default(),
        interfaces,
        composer,
        strangers,
    })
}

/// Returns the security group of the composer, if the stack admits it.
fn composer_group(stack: &Stack) -> Option<String> {
    stack.resource("AlbFromComposer")?;
    let group = stack.resource("ComposerSecurityGroup")?;
    Some(group.id.clone())
}

/// Returns what else has a group of the VPC link, or `None` if it could not be read.
async fn other_owners(
    stack: &Stack,
    groups: &[String],
    findings: &mut Findings,
) -> Option<Vec<String>> {
    let account = stack.account();
    let read = interfaces::read(account, groups).await;
    let interfaces = findings.take("the network interfaces", read)?;
    for interface in interfaces.of_unknown_owner {
        findings.unproven(format!(
            "network interface {interface} has a security group of the VPC link. Its type does not \
             show that it is part of the link"
        ));
    }

    let read = link::others_with_groups(stack, groups).await;
    let links = findings.take("the VPC links", read)?;
    let mut owners = interfaces.of_others;
    owners.extend(links);
    Some(owners)
}

/// Adds a problem if the stack opens a group that the load balancer does not have.
fn check_parameter(stack: &Stack, load_balancer: &LoadBalancer, findings: &mut Findings) {
    let group = stack.parameter("AlbSecurityGroupId");
    if group.is_empty() || load_balancer.groups.contains(&group) {
        return;
    }
    let groups = load_balancer.groups.join(", ");
    findings.problem(format!(
        "AlbSecurityGroupId is {group}, but the load balancer has {groups}"
    ));
}

fn verdict(ways: &Ways, mut findings: Findings) -> Verdict {
    let link_groups = ways.link_groups.as_deref().unwrap_or_default();
    let link = expected_sources(ways);
    if ways.link_groups.is_some() && !is_link_admitted(ways) {
        let link = link_groups.join(", ");
        findings.problem(format!(
            "no rule admits {link} (the VPC link), so requests do not reach the load balancer"
        ));
    }

    for admission in others(ways) {
        let front = front(admission, &ways.load_balancers);
        match (&ways.link_groups, &admission.source) {
            (None, Source::Group { .. }) => findings.unproven(format!(
                "{admission}{front}, which may be the group of the VPC link"
            )),
            (None, _) => findings.problem(format!("{admission}, expected only the VPC link")),
            (Some(_), _) => {
                findings.problem(format!("{admission}{front}, expected only {link}"));
            }
        }
    }
    check_composer(ways, &mut findings);
    for interface in ways.interfaces.iter().flatten() {
        findings.problem(format!(
            "{interface} has a security group of the VPC link ({}), expected only the link itself",
            link_groups.join(", ")
        ));
    }
    if ways.link_groups.is_some() {
        findings.verdict(format!("the load balancer admits only {link}"))
    } else {
        findings.fact("the load balancer admits no range of addresses and no prefix list");
        findings.into_verdict()
    }
}

/// Returns the sources that the stack admits, with their meaning.
fn expected_sources(ways: &Ways) -> String {
    let link = ways.link_groups.as_deref().unwrap_or_default().join(", ");
    match &ways.composer {
        Some(composer) => format!("{link} (the VPC link) and {composer} (the composer)"),
        None => format!("{link} (the VPC link)"),
    }
}

/// Reviews the rule of the composer, and what else has its group.
fn check_composer(ways: &Ways, findings: &mut Findings) {
    let Some(composer) = &ways.composer else {
        return;
    };
    let group = std::slice::from_ref(composer);
    let mut admissions = ways.admissions.iter();
    if !admissions.any(|it| it.is_of_group(group) && it.admits(ways.port)) {
        findings.problem(format!(
            "no rule admits {composer} (the composer), so its calls do not reach the load balancer"
        ));
    }
    for stranger in ways.strangers.iter().flatten() {
        findings.problem(format!(
            "{stranger} has the security group of the composer ({composer}), expected only functions"
        ));
    }
}

/// Returns the verdict if a secret proves the origin of requests: other ways in are a warning.
fn with_proof_of_origin(verdict: Verdict, ways: &Ways) -> Verdict {
    if verdict.status != Status::Failed || !is_link_admitted(ways) {
        return verdict;
    }
    let mut details = verdict.details;
    details.push(
        "OriginSecretArn is set, so services or rules that check x-tollgate-origin refuse requests \
         that come another way"
            .to_owned(),
    );
    Verdict {
        status: Status::Warning,
        details,
        fix: None,
    }
}

fn is_link_admitted(ways: &Ways) -> bool {
    let groups = ways.link_groups.as_deref().unwrap_or_default();
    let mut admissions = ways.admissions.iter();
    admissions.any(|admission| admission.is_of_group(groups) && admission.admits(ways.port))
}

/// Returns the admissions of other sources than the VPC link and the composer.
fn others(ways: &Ways) -> impl Iterator<Item = &Admission> {
    let link_groups = ways.link_groups.as_deref().unwrap_or_default();
    let composer = ways.composer.as_slice();
    ways.admissions.iter().filter(move |admission| {
        !admission.is_of_group(link_groups) && !admission.is_of_group(composer)
    })
}

/// Returns the name of a load balancer that has the admitted group, as an addition to a sentence.
fn front(admission: &Admission, load_balancers: &[LoadBalancer]) -> String {
    let Source::Group { id, .. } = &admission.source else {
        return String::new();
    };
    let with_group = |found: &&LoadBalancer| found.groups.contains(id);
    match load_balancers.iter().find(with_group) {
        Some(LoadBalancer { name, kind, .. }) => format!(" ({kind} load balancer {name})"),
        None => String::new(),
    }
}

async fn rules_of(account: &Account, groups: &[String]) -> Result<Vec<Value>, Unread> {
    let call = Call::query(
        Service::Ec2,
        "DescribeSecurityGroupRules",
        &[("Filter.1.Name", "group-id")],
    )
    .with_list("Filter.1.Value", groups.iter().map(String::as_str));
    account.read_all(&call, "/securityGroupRuleSet").await
}

#[cfg(test)]
mod tests;
