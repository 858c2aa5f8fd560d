//! The rules of the template.

use crate::before::context::Parameters;
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "rules-pass",
    group: Group::Parameters,
    title: "The values fit together",
    explanation: "The template has rules for values that are valid only together. CloudFormation \
                  checks them when it creates the change set.",
    fix: "Change one of the parameters that the rule names.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(async { Ok(check(parameters)) }),
};

fn check(parameters: &Parameters) -> Verdict {
    let failed = parameters
        .evaluated()
        .and_then(|template| template.failed_rules());
    match failed {
        Ok(failed) => Verdict::of_problems(failed, "all rules of the template pass"),
        Err(error) => Verdict::not_checked(format!("a value is not valid: {}", error.problem))
            .with_fix("First correct the values that parameters-valid reports."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::before::tests::{of_yaml, parameters, without_network};
    use crate::verdict::Status;

    #[test]
    fn values_that_fit_pass() {
        assert_eq!(check(&parameters("")).status, Status::Ok);
        assert_eq!(check(&without_network("")).status, Status::Ok);
    }

    #[test]
    fn every_failed_rule_is_reported() {
        let verdict = check(&parameters(
            "AlbListenerPort: 443\nJwtIssuer: https://a.example\n",
        ));
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(verdict.details.len(), 2, "{:?}", verdict.details);
        assert!(verdict.details[0].starts_with("OnePolicy: JwtIssuer requires JwtAudience."));
        assert!(verdict.details[1].starts_with("NameOfTheBackend: AlbListenerPort 443 requires"));
    }

    #[test]
    fn missing_network_is_reported() {
        let verdict = check(&of_yaml("Environment: staging"));
        assert!(verdict.details[0].starts_with("NetworkOfTheVpcLink: A VPC link requires"));
    }

    #[test]
    fn rules_need_valid_values() {
        let verdict = check(&parameters("Environment: prod\n"));
        assert_eq!(verdict.status, Status::NotChecked);
        assert!(verdict.details[0].starts_with("a value is not valid: parameter Environment"));
    }
}
