//! The lengths of names that the stack makes of its parameters.

use crate::before::context::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

/// The longest name of a stack, and of the API and the VPC link that have its name.
const MAX_STACK_CHARS: usize = 128;
/// The longest domain name and its longest label (RFC 1035, section 2.3.4).
const MAX_DOMAIN_CHARS: usize = 253;
const MAX_LABEL_CHARS: usize = 63;
/// The longest API mapping key (API Gateway, "Working with API mappings").
const MAX_MAPPING_KEY_CHARS: usize = 300;

const CHECK: Check = Check {
    id: "names-fit",
    group: Group::Parameters,
    title: "Names are within the limits of AWS",
    explanation: "The stack gives its name to the API, the VPC link, log groups and alarms. AWS \
                  refuses names that are too long or have other characters, after CloudFormation \
                  has started to create the stack.",
    fix: "Choose a shorter name with the allowed characters.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(async { Ok(check(parameters)) }),
};

fn check(parameters: &Parameters) -> Verdict {
    let mut findings = Findings::default();
    if let Some(name) = parameters.stack_name()
        && !is_stack_name(name)
    {
        findings.problem(format!(
            "`{name}` is not the name of a stack, expected up to {MAX_STACK_CHARS} letters, digits and hyphens, with a \
             letter first"
        ));
    }

    let domain = parameters.text("DomainName");
    if domain.len() > MAX_DOMAIN_CHARS
        || domain.split('.').any(|label| label.len() > MAX_LABEL_CHARS)
    {
        findings.problem(format!(
            "{}: the name is too long, expected up to {MAX_DOMAIN_CHARS} characters, and up to {MAX_LABEL_CHARS} \
             between two dots",
            parameters.place("DomainName")
        ));
    }
    let key = parameters.text("ApiMappingKey");
    if key.len() > MAX_MAPPING_KEY_CHARS {
        findings.problem(format!(
            "{}: the key has {} characters, expected up to {MAX_MAPPING_KEY_CHARS}",
            parameters.place("ApiMappingKey"),
            key.len()
        ));
    }
    findings.verdict(match parameters.stack_name() {
        Some(name) => format!("`{name}` and the names in the parameters are short enough"),
        None => "the names in the parameters are short enough; the name of the stack is not known"
            .to_owned(),
    })
}

fn is_stack_name(name: &str) -> bool {
    let is_first = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    is_first && name.len() <= MAX_STACK_CHARS && name.bytes().all(is_name_byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::before::tests::parameters;
    use crate::verdict::Status;

    fn check_stack(name: &str) -> Verdict {
        check(&parameters("").with_stack_name(name.to_owned()))
    }

    #[test]
    fn names_within_the_limits_pass() {
        assert_eq!(check(&parameters("")).status, Status::Ok);
        assert_eq!(check_stack("tollgate-production").status, Status::Ok);
        assert_eq!(check_stack(&"a".repeat(128)).status, Status::Ok);
    }

    #[test]
    fn name_that_no_stack_can_have_is_reported() {
        for name in ["", "1a", "-a", "a_b", "a.b", "\u{e4}", &"a".repeat(129)] {
            let verdict = check_stack(name);
            assert_eq!(verdict.status, Status::Failed, "{name}");
            assert!(verdict.details[0].contains("is not the name of a stack"));
        }
    }

    #[test]
    fn long_domain_and_mapping_key_are_reported() {
        let label = "a".repeat(64);
        let name = ["a".repeat(63).as_str()].repeat(4).join(".");
        let key = "k".repeat(301);
        for line in [
            format!("DomainName: {label}.example.com"),
            format!("DomainName: {name}"),
            format!("ApiMappingKey: {key}"),
        ] {
            assert_eq!(check(&parameters(&line)).status, Status::Failed, "{line}");
        }
    }
}
