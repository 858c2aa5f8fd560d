//! The regions of the ARNs.

use crate::before::context::Parameters;
use crate::before::regions::named;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "regions-agree",
    group: Group::Parameters,
    title: "All ARNs are in the region of the stack",
    explanation: "A load balancer, a certificate, a key, a layer and an alarm topic must be in the \
                  region of the stack. Only the secrets of a policy can be in another one. A \
                  certificate in us-east-1 is for CloudFront and does not fit a stack elsewhere.",
    fix: "Create the resource in the region of the stack, and set the parameter to its ARN.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(async { Ok(check(parameters)) }),
};

fn check(parameters: &Parameters) -> Verdict {
    let Some(region) = parameters.region() else {
        return Verdict::not_applicable("no parameter names a region");
    };
    let mut findings = Findings::default();
    for (name, other) in named(parameters).filter(|(_, other)| *other != region) {
        findings.problem(format!(
            "{}: the ARN is in {other}, expected {region}, the region of {}",
            parameters.place(name),
            origin(parameters)
        ));
    }
    findings.verdict(format!("all ARNs are in {region}"))
}

/// Returns what names the region of the stack.
fn origin(parameters: &Parameters) -> &str {
    match parameters.account() {
        Some(_) => "the credentials",
        None => named(parameters)
            .next()
            .map_or("the stack", |(name, _)| name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::before::tests::{parameters, without_network};
    use crate::verdict::Status;

    #[test]
    fn one_region_passes() {
        assert_eq!(
            check(&parameters("")),
            Verdict::ok("all ARNs are in us-east-1")
        );
        assert_eq!(check(&without_network("")).status, Status::NotApplicable);
    }

    #[test]
    fn tracing_without_a_layer_names_no_region() {
        for value in [
            "Active",
            "PassThrough",
            "https://collector.example.com:4318",
        ] {
            let verdict = check(&parameters(&format!("Tracing: {value}\n")));
            assert_eq!(verdict, Verdict::ok("all ARNs are in us-east-1"), "{value}");
        }
    }

    #[test]
    fn every_other_region_is_reported() {
        let verdict = check(&parameters(
            "KmsKeyArn: arn:aws:kms:eu-west-1:123456789012:key/0a\n\
             AlarmTopicArn: arn:aws:sns:eu-central-1:123456789012:alarms\n\
             Tracing: arn:aws:lambda:eu-west-2:123456789012:layer:collector:7\n\
             SecretArns: arn:aws:ssm:eu-north-1:123456789012:parameter/a\n\
             PermissionsBoundaryArn: arn:aws:iam::123456789012:policy/boundary\n",
        ));
        assert_eq!(verdict.status, Status::Failed);
        let expected = [
            "parameters.yaml:7:1: Tracing: the ARN is in eu-west-2, expected us-east-1, the region of AlbListenerArn",
            "parameters.yaml:5:1: KmsKeyArn: the ARN is in eu-west-1, expected us-east-1, the region of AlbListenerArn",
            "parameters.yaml:6:1: AlarmTopicArn: the ARN is in eu-central-1, expected us-east-1, the region of \
             AlbListenerArn",
        ];
        assert_eq!(verdict.details, expected);
    }
}
