//! The names in the parameter file.

use crate::before::context::Parameters;
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::Verdict;

/// The similarity from which a name is suggested (Jaro-Winkler).
const MIN_SIMILARITY: f64 = 0.85;
const ENDPOINTS: &str = "interface endpoints are a stack of their own, stacks/endpoints.yaml";
const NAMES: &str = "the private zone and Resolver are a stack of their own, stacks/names.yaml";
const NLB: &str = "the NLB is a stack of its own, stacks/nlb.yaml";
/// The parameters of earlier releases, with what replaces them.
const FORMER: [(&str, &str); 33] = [
    ("AlbDnsName", NAMES),
    ("AlbHostedZoneId", NAMES),
    ("CreateEc2Endpoint", ENDPOINTS),
    ("CreateEcrApiEndpoint", ENDPOINTS),
    ("CreateEcrDkrEndpoint", ENDPOINTS),
    ("CreateEcsEndpoint", ENDPOINTS),
    ("CreateElasticLoadBalancingEndpoint", ENDPOINTS),
    ("CreateEventsEndpoint", ENDPOINTS),
    ("CreateKmsEndpoint", ENDPOINTS),
    ("CreateLambdaEndpoint", ENDPOINTS),
    ("CreateLogsEndpoint", ENDPOINTS),
    ("CreateMonitoringEndpoint", ENDPOINTS),
    ("CreateNlb", NLB),
    ("CreatePrivateZone", NAMES),
    ("CreateResolver", NAMES),
    ("CreateS3Endpoint", ENDPOINTS),
    ("CreateSecretsManagerEndpoint", ENDPOINTS),
    ("CreateSsmEndpoint", ENDPOINTS),
    ("CreateStsEndpoint", ENDPOINTS),
    ("CreateXrayEndpoint", ENDPOINTS),
    ("DedicatedVpc", "it has no replacement"),
    ("EndpointClientCidr", ENDPOINTS),
    (
        "MetricsSecurityGroupId",
        "the stack creates the group, see MetricsInVpc",
    ),
    ("NlbClientCidr", NLB),
    ("NlbListenerPort", NLB),
    ("PrivateZoneName", NAMES),
    (
        "ProbeEndpoints",
        "set ProbeServices to the services to probe, such as monitoring,dynamodb",
    ),
    ("ResolverClientCidr", NAMES),
    ("ResolverForwardDomain", NAMES),
    ("ResolverForwardTargets", NAMES),
    ("SyncReservedConcurrency", "it has no replacement"),
    (
        "SyncSecurityGroupId",
        "the stack creates the group, see SyncInVpc",
    ),
    (
        "VpcLinkSecurityGroupIds",
        "the stack creates the group of the VPC link",
    ),
];

const CHECK: Check = Check {
    id: "parameters-known",
    group: Group::Parameters,
    title: "The template has every parameter of the file",
    explanation: "The SAM CLI ignores names that the template does not have. The parameter then \
                  keeps its old value, or its default in a new stack, without an error.",
    fix: "Correct or remove the name. docs/reference/parameters.md lists all parameters.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(async { Ok(check(parameters)) }),
};

fn check(parameters: &Parameters) -> Verdict {
    let names = parameters.file().iter().map(|(name, _)| name);
    let unknown = names.filter(|name| parameters.declaration(name).is_none());
    let problems = unknown.map(|name| {
        let place = parameters.file().place(name);
        format!(
            "{place}: unknown parameter `{name}`{}",
            hint(parameters, name)
        )
    });

    let count = parameters.file().iter().count();
    Verdict::of_problems(
        problems.collect(),
        format!("the template has all {count} parameters"),
    )
}

/// Returns the replacement of a parameter of an earlier release, or a similar name.
fn hint(parameters: &Parameters, name: &str) -> String {
    if let Some((_, replacement)) = FORMER.iter().find(|(former, _)| *former == name) {
        return format!(", which an earlier release had: {replacement}");
    }

    let similarity =
        |known: &str| strsim::jaro_winkler(&known.to_ascii_lowercase(), &name.to_ascii_lowercase());
    parameters
        .declarations()
        .iter()
        .map(|declaration| (similarity(&declaration.name), &declaration.name))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map_or_else(String::new, |(_, known)| {
            format!(", did you mean `{known}`?")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::before::tests::parameters;
    use crate::verdict::Status;

    #[test]
    fn known_names_pass() {
        assert_eq!(check(&parameters("")).status, Status::Ok);
    }

    #[test]
    fn every_unknown_name_is_reported_with_a_hint() {
        let verdict = check(&parameters(
            "CreatAlarms: \"true\"\nProbeEndpoints: \"true\"\nFoo: bar\nvpcid: vpc-0\n",
        ));
        assert_eq!(verdict.status, Status::Failed);
        let expected = [
            "parameters.yaml:5:1: unknown parameter `CreatAlarms`, did you mean `CreateAlarms`?",
            "parameters.yaml:7:1: unknown parameter `Foo`",
            "parameters.yaml:6:1: unknown parameter `ProbeEndpoints`, which an earlier release had: set \
             ProbeServices to the services to probe, such as monitoring,dynamodb",
            "parameters.yaml:8:1: unknown parameter `vpcid`, did you mean `VpcId`?",
        ];
        assert_eq!(verdict.details, expected);
    }

    #[test]
    fn former_names_are_not_in_the_template() {
        let parameters = parameters("");
        for (name, _) in FORMER {
            assert_eq!(parameters.declaration(name), None, "{name}");
        }
    }
}
