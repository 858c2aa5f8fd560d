//! The rules of EventBridge, their targets and the permissions of these.

use serde_json::{Value, json};

use crate::after::functions::comparison::{is_arn_of, is_known, is_same, plain, resource_of_arn};
use crate::after::invocation::{Invocation, function_policy, invocation};
use crate::aws::{Call, Service, Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::rule::{Rule, rules};

const CHECK: Check = Check {
    id: "schedules-enabled",
    group: Group::Monitoring,
    title: "Every schedule is enabled, with the target of the template",
    explanation: "If the rule of alb-sync is disabled, the targets become outdated. If the rule \
                  has no permission to invoke its function, or the connection of the daily \
                  request is not authorized, the schedule runs without effect.",
    fix: "Enable the rule in EventBridge. If its target or a permission differs, deploy again \
          with a changed parameter, or correct it in EventBridge or Lambda.",
    permissions: &[
        "events:DescribeRule",
        "events:ListTargetsByRule",
        "events:DescribeApiDestination",
        "events:DescribeConnection",
        "lambda:GetPolicy",
    ],
    evidence: Some("The schedule starts `alb-sync`."),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

const SERVICE: &str = "events.amazonaws.com";

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let rules = rules(stack)?;
    if rules.is_empty() {
        return Ok(Verdict::not_applicable("the stack has no schedules"));
    }

    let mut findings = Findings::default();
    for rule in &rules {
        match &rule.name {
            None => findings.problem(format!("rule {} does not exist", rule.logical)),
            Some(name) => look_at(stack, rule, name, &mut findings).await,
        }
    }
    if let Some(destination) = stack.resource("HealthDestination") {
        look_at_destination(stack, &destination.id, &mut findings).await;
    }
    if let Some(connection) = stack.resource("HealthConnection") {
        look_at_connection(stack, &connection.id, &mut findings).await;
    }

    let names: Vec<&str> = rules.iter().filter_map(|it| it.name.as_deref()).collect();
    let names = names.join(", ");
    Ok(findings.verdict(format!("the rules {names} are enabled")))
}

async fn look_at(stack: &Stack, rule: &Rule, name: &str, findings: &mut Findings) {
    let subject = format!("rule {name}");
    let description = Rule::description(stack, name).await;
    let description = findings.take(&subject, description);
    if let Some(description) = &description {
        let state = text(&description["State"]);
        if state != "ENABLED" {
            findings.problem(format!("{subject} is {state}, expected ENABLED"));
        }
        compare(
            &format!("the schedule of {subject}"),
            &rule.properties["ScheduleExpression"],
            &description["ScheduleExpression"],
            findings,
        );
    }

    let call = Call::json(
        Service::EventBridge,
        "ListTargetsByRule",
        &json!({"Rule": name}),
    );
    let targets = stack.account().read_all(&call, "/Targets").await;
    if let Some(targets) = findings.take(&subject, targets) {
        look_at_targets(stack, rule, &subject, &targets, findings).await;
    }

    let arn = description.map(|it| text(&it["Arn"]).to_owned());
    let arn = arn.unwrap_or_else(|| stack.arn("events", &format!("rule/{name}")));
    if let Some(function) = target_function(stack, rule) {
        look_at_permission(stack, function, &arn, findings).await;
    }
}

/// Compares the targets of a rule with the one that the template asks for.
async fn look_at_targets(
    stack: &Stack,
    rule: &Rule,
    subject: &str,
    targets: &[Value],
    findings: &mut Findings,
) {
    let expected = rule.target();
    let Some(id) = resource_of_arn(stack, &expected["Arn"]) else {
        return findings.unproven(format!("the target of {subject} is not known"));
    };
    let is_expected = |target: &&Value| {
        let arn = text(&target["Arn"]);
        // The ARN of an API destination ends with another ID.
        is_arn_of(arn, id) || arn.contains(&format!(":api-destination/{id}/"))
    };

    for other in targets.iter().filter(|target| !is_expected(target)) {
        let arn = text(&other["Arn"]);
        findings.problem(format!(
            "{subject} has the target {arn}, expected only {id}"
        ));
    }
    let Some(target) = targets.iter().find(is_expected) else {
        return findings.problem(format!("{subject} does not have the target {id}"));
    };

    let retries = expected["RetryPolicy"].as_object();
    for (field, value) in retries.into_iter().flatten() {
        let what = format!("{field} of {subject}");
        compare(&what, value, &target["RetryPolicy"][field], findings);
    }
    if let Some(queue) = resource_of_arn(stack, &expected["DeadLetterConfig"]["Arn"]) {
        let arn = text(&target["DeadLetterConfig"]["Arn"]);
        if !is_arn_of(arn, queue) {
            let found = plain(&target["DeadLetterConfig"]["Arn"]);
            findings.problem(format!(
                "the dead-letter queue of {subject} is {found}, expected {queue}"
            ));
        }
    }
}

/// Returns the name of the function that the template asks for as the target.
fn target_function<'s>(stack: &'s Stack, rule: &Rule) -> Option<&'s str> {
    let id = resource_of_arn(stack, &rule.target()["Arn"])?;
    let is_function = |kind: &str| kind == "AWS::Lambda::Function";
    stack
        .resources()
        .any(|(_, resource)| resource.id == id && is_function(&resource.kind))
        .then_some(id)
}

async fn look_at_permission(stack: &Stack, function: &str, rule: &str, findings: &mut Findings) {
    let subject = format!("the policy of function {function}");
    let policy = function_policy(stack.account(), function, None).await;
    let Some(policy) = findings.take(&subject, policy) else {
        return;
    };

    match invocation(&policy, SERVICE, rule) {
        Invocation::Allowed => {}
        Invocation::NotAllowed => findings.problem(format!(
            "{subject} does not allow {SERVICE} to invoke it for {rule}"
        )),
        Invocation::Unclear => findings.unproven(format!(
            "{subject} has a condition that this check does not evaluate"
        )),
        Invocation::AllowedForAllSources => findings.warning(format!(
            "{subject} allows {SERVICE} to invoke it for every rule, expected only {rule}"
        )),
    }
}

async fn look_at_destination(stack: &Stack, name: &str, findings: &mut Findings) {
    let subject = format!("API destination {name}");
    let body = json!({"Name": name});
    let call = Call::json(Service::EventBridge, "DescribeApiDestination", &body);
    let read = stack.account().read(&call).await;
    let Some(destination) = findings.take(&subject, read) else {
        return;
    };

    let state = text(&destination["ApiDestinationState"]);
    if state != "ACTIVE" {
        findings.problem(format!("{subject} is {state}, expected ACTIVE"));
    }
    let expected = stack.expected("HealthDestination");
    if let Some(Some(expected)) = findings.take("the template", expected) {
        for field in ["HttpMethod", "InvocationEndpoint"] {
            let what = format!("{field} of {subject}");
            compare(&what, &expected[field], &destination[field], findings);
        }
    }
}

async fn look_at_connection(stack: &Stack, name: &str, findings: &mut Findings) {
    let subject = format!("connection {name}");
    let body = json!({"Name": name});
    let call = Call::json(Service::EventBridge, "DescribeConnection", &body);
    let read = stack.account().read(&call).await;
    let Some(connection) = findings.take(&subject, read) else {
        return;
    };

    let state = text(&connection["ConnectionState"]);
    if state != "AUTHORIZED" {
        let reason = match text(&connection["StateReason"]) {
            "" => String::new(),
            reason => format!(" ({reason})"),
        };
        findings.problem(format!("{subject} is {state}{reason}, expected AUTHORIZED"));
    }
}

/// Compares a value with that of the template, if the template does not leave it to CloudFormation.
fn compare(what: &str, expected: &Value, actual: &Value, findings: &mut Findings) {
    if is_known(expected) && !is_same(expected, actual) {
        let (actual, expected) = (plain(actual), plain(expected));
        findings.problem(format!("{what} is {actual}, expected {expected}"));
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const SYNC_RULE: &str = "events.DescribeRule@AlbSyncFunctionEveryMinute.json";
    const SYNC_TARGETS: &str = "events.ListTargetsByRule@AlbSyncFunctionEveryMinute.json";
    const SYNC_POLICY: &str = "lambda.GET@tollgate-AlbSyncFunction-AbCdEfGh~policy.json";
    const DESTINATION: &str = "events.DescribeApiDestination.json";
    const CONNECTION: &str = "events.DescribeConnection.json";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    async fn changed(file: &str, from: &str, to: &str) -> Verdict {
        verdict(Recorded::healthy().with(file, |text| text.replace(from, to))).await
    }

    fn assert_failed(verdict: &Verdict, expected: &str) {
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(verdict.details, [expected]);
    }

    #[tokio::test]
    async fn enabled_schedules_pass() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok, "{:?}", verdict.details);
    }

    #[tokio::test]
    async fn disabled_rule_fails() {
        let verdict = changed(SYNC_RULE, "ENABLED", "DISABLED").await;
        assert_failed(
            &verdict,
            "rule tollgate-AlbSyncFunctionEveryMinute-AbCdEfGh is DISABLED, expected ENABLED",
        );
    }

    #[tokio::test]
    async fn changed_schedule_fails() {
        let verdict = changed(SYNC_RULE, "rate(1 minute)", "rate(1 hour)").await;
        assert_failed(
            &verdict,
            "the schedule of rule tollgate-AlbSyncFunctionEveryMinute-AbCdEfGh is rate(1 hour), \
             expected rate(1 minute)",
        );
    }

    #[tokio::test]
    async fn other_target_fails() {
        let verdict = changed(SYNC_TARGETS, "tollgate-AlbSyncFunction-", "other-").await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(verdict.details.len(), 2);
        assert!(verdict.details[0].contains("function:other-AbCdEfGh, expected only"));
        assert!(verdict.details[1].contains("does not have the target"));
    }

    #[tokio::test]
    async fn changed_retries_and_dead_letter_queue_fail() {
        let verdict = changed(SYNC_TARGETS, "\"MaximumEventAgeInSeconds\": 60", "\"x\": 1").await;
        assert_failed(
            &verdict,
            "MaximumEventAgeInSeconds of rule tollgate-AlbSyncFunctionEveryMinute-AbCdEfGh is \
             not set, expected 60",
        );
        let verdict = changed(SYNC_TARGETS, "DeadLetterConfig", "Other").await;
        assert_eq!(verdict.status, Status::Failed);
        assert!(verdict.details[0].contains("the dead-letter queue of rule"));
        assert!(verdict.details[0].contains("is not set, expected https://"));
    }

    #[tokio::test]
    async fn rule_without_permission_fails() {
        let verdict = changed(SYNC_POLICY, "EveryMinute-AbCdEfGh\\\"}", "Other\\\"}").await;
        assert_failed(
            &verdict,
            "the policy of function tollgate-AlbSyncFunction-AbCdEfGh does not allow \
             events.amazonaws.com to invoke it for arn:aws:events:eu-west-1:111122223333:\
             rule/tollgate-AlbSyncFunctionEveryMinute-AbCdEfGh",
        );
    }

    #[tokio::test]
    async fn rule_that_does_not_exist_fails() {
        let verdict = verdict(Recorded::healthy().missing(SYNC_RULE)).await;
        assert_eq!(verdict.status, Status::Failed);
        let verdict = changed(
            "cloudformation.ListStackResources.xml",
            "<LogicalResourceId>ProbeRule<",
            "<LogicalResourceId>Other<",
        )
        .await;
        assert_failed(&verdict, "rule ProbeRule does not exist");
    }

    #[tokio::test]
    async fn inactive_destination_and_unauthorized_connection_fail() {
        let verdict = changed(DESTINATION, "\"ACTIVE\"", "\"INACTIVE\"").await;
        assert_failed(
            &verdict,
            "API destination tollgate-HealthDestination-AbCdEfGh is INACTIVE, expected ACTIVE",
        );
        let verdict = changed(CONNECTION, "\"AUTHORIZED\"", "\"DEAUTHORIZED\"").await;
        assert_failed(
            &verdict,
            "connection tollgate-HealthConnection-AbCdEfGh is DEAUTHORIZED, expected AUTHORIZED",
        );
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failures() {
        for file in [
            SYNC_RULE,
            SYNC_TARGETS,
            SYNC_POLICY,
            DESTINATION,
            CONNECTION,
        ] {
            let verdict = verdict(Recorded::healthy().denied(file)).await;
            assert_eq!(verdict.status, Status::NotChecked, "{file}");
            assert!(verdict.details[0].starts_with("needs "), "{verdict:?}");
        }
    }

    #[tokio::test]
    async fn stack_without_schedules_is_not_applicable() {
        let recorded = Recorded::healthy()
            .with_parameter("SyncTargets", "")
            .with_parameter("ProbeServices", "")
            .with_parameter("DailyHealthRequest", "false");
        assert_eq!(verdict(recorded).await.status, Status::NotApplicable);
    }
}
