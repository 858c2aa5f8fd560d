//! The compositions: whether they are valid, and their warnings.

use crate::before::configured_compositions::ConfiguredCompositions;
use crate::before::context::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

const VALID: Check = Check {
    id: "compositions-valid",
    group: Group::Parameters,
    title: "The compositions are valid",
    explanation: "CloudFormation checks only that Compositions looks like a JSON object. With an \
                  invalid document the composer does not start, and every request below \
                  CompositionsPrefix fails.",
    fix: "Correct the field. docs/reference/compositions.md describes each one, and `tollgate \
          compose check` makes the same check of a file.",
    permissions: &[],
    evidence: None,
};

const WARNINGS: Check = Check {
    id: "compositions-warnings",
    group: Group::Parameters,
    title: "The compositions have no warnings",
    explanation: "Compositions can be valid and still not do what their author intended. The \
                  composer logs the same warnings when it loads them.",
    fix: "Change the field, or accept the warning.",
    permissions: &[],
    evidence: None,
};

pub(super) const VALID_ENTRY: Entry<Parameters> = Entry {
    check: &VALID,
    run: |parameters| Box::pin(async { Ok(valid(parameters)) }),
};

pub(super) const WARNINGS_ENTRY: Entry<Parameters> = Entry {
    check: &WARNINGS,
    run: |parameters| Box::pin(async { Ok(warnings(parameters)) }),
};

fn valid(parameters: &Parameters) -> Verdict {
    match ConfiguredCompositions::read(parameters) {
        ConfiguredCompositions::Inline(inline) => {
            let routes = inline.compositions.routes();
            let (mut count, mut parts) = (0, 0);
            for route in routes {
                count += 1;
                parts += route.parts.len();
            }
            let services = inline.compositions.services().len();
            Verdict::ok(format!(
                "routes: {count}, parts: {parts}, services: {services}"
            ))
        }
        ConfiguredCompositions::Invalid(problem) => Verdict::failed(problem),
        other => unread(&other),
    }
}

fn warnings(parameters: &Parameters) -> Verdict {
    let inline = match ConfiguredCompositions::read(parameters) {
        ConfiguredCompositions::Inline(inline) => inline,
        other => return unread(&other),
    };

    let mut findings = Findings::default();
    for warning in inline.compositions.warnings() {
        findings.warning(format!("{}: {warning}", inline.place));
    }
    findings.verdict("the compositions have no warnings")
}

/// Returns the verdict if there are no compositions to look at.
pub(super) fn unread(compositions: &ConfiguredCompositions) -> Verdict {
    match compositions {
        ConfiguredCompositions::None => {
            Verdict::not_applicable("Compositions is empty, so there is no composer")
        }
        ConfiguredCompositions::Stored(name) => Verdict::not_checked(format!(
            "Compositions names the composition `{name}` of the registry, which the parameters do \
             not contain"
        ))
        .with_fix(
            "Check its file with `tollgate compose check`. The admin API refuses an invalid \
             composition.",
        ),
        ConfiguredCompositions::Unknown(problem) => {
            Verdict::not_checked(format!("a value is not valid: {problem}"))
                .with_fix("First correct the values that parameters-valid reports.")
        }
        ConfiguredCompositions::Invalid(_) | ConfiguredCompositions::Inline(_) => {
            Verdict::not_checked("the compositions are invalid, see compositions-valid")
                .with_fix("First correct what compositions-valid reports.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::before::tests::{parameters, without_network};
    use crate::verdict::Status;

    fn setting(document: &str) -> String {
        format!("Compositions: '{document}'\n")
    }

    #[test]
    fn compositions_of_the_parameters_are_read() {
        let one = r#"{"services":{"default":{"url":"http://alb.example.com"}},"routes":{"GET /bff/a":{"partial_status":200,"parts":{"a":{"get":"/a"},"b":{"get":"/b"}}}}}"#;
        let expected = Verdict::ok("routes: 1, parts: 2, services: 1");
        assert_eq!(valid(&parameters(&setting(one))), expected);
        let none = warnings(&parameters(&setting(one)));
        assert_eq!(none, Verdict::ok("the compositions have no warnings"));

        // Without a VPC link, BackendUrl is the service of parts that name none.
        let two = r#"{"routes":{"GET /bff/a":{"parts":{"a":{"get":"/a"}}}}}"#;
        let lines = setting(two);
        assert_eq!(valid(&without_network(&lines)).status, Status::Ok);
        let doubtful = warnings(&without_network(&lines));
        assert_eq!(doubtful.status, Status::Warning);
        let place = "parameters.yaml:3:1: Compositions: routes[\"GET /bff/a\"].partial_status: ";
        assert!(doubtful.details[0].starts_with(place), "{doubtful:?}");
        assert_eq!(valid(&parameters(&lines)).status, Status::Failed);
    }

    #[test]
    fn invalid_compositions_are_reported_with_field_and_position() {
        let route = r#"{"routes":{"GET /bff/a":{"parts":{"a":{"get":"/{nobody}"}}}}}"#;
        let verdict = valid(&without_network(&setting(route)));
        let expected = "parameters.yaml:3:1: Compositions: line 1, column 46 of the compositions: \
                        routes[\"GET /bff/a\"].parts.a.get: ";
        assert_eq!(verdict.status, Status::Failed);
        assert!(verdict.details[0].starts_with(expected), "{verdict:?}");
        let verdict = warnings(&without_network(&setting(route)));
        assert_eq!(verdict.status, Status::NotChecked);

        // The prefix is that of the parameters.
        let route = r#"{"routes":{"GET /api/a":{"parts":{"a":{"get":"/a"}}}}}"#;
        assert_eq!(
            valid(&without_network(&setting(route))).status,
            Status::Failed
        );
        let lines = setting(route) + "CompositionsPrefix: /api\n";
        assert_eq!(valid(&without_network(&lines)).status, Status::Ok);
        // A loopback address is not in the deployed composer's reach.
        let local = r#"{"services":{"default":{"url":"http://127.0.0.1:1"}},"routes":{"GET /bff/a":{"parts":{"a":{"get":"/a"}}}}}"#;
        assert_eq!(
            valid(&without_network(&setting(local))).status,
            Status::Failed
        );
    }

    #[test]
    fn stack_without_compositions_or_with_stored_ones_has_nothing_to_check() {
        for (lines, status) in [
            ("", Status::NotApplicable),
            ("Compositions: table:mobile\n", Status::NotChecked),
            ("Environment: prod\n", Status::NotChecked),
        ] {
            assert_eq!(valid(&parameters(lines)).status, status, "{lines}");
            assert_eq!(warnings(&parameters(lines)).status, status, "{lines}");
        }
    }
}
