//! Tests of the listener rules.

use crate::tests::recorded::Recorded;
use crate::verdict::Status;

use super::*;

const ANSWER: &str = "elasticloadbalancing.DescribeRules.xml";
const RULE_ARN: &str = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener-rule/app/internal/50dc6c495c0c9188/f2f7dc8efc522ab2";

async fn checked(recorded: Recorded) -> Verdict {
    check(&recorded.stack().await).await.unwrap()
}

/// Returns the verdict after a change of the rules.
async fn after(change: impl Fn(&str) -> String) -> Verdict {
    checked(Recorded::healthy().with(ANSWER, change)).await
}

/// Returns the verdict after a change and with one more rule on the header.
async fn with_rule(
    change: impl Fn(&str) -> String,
    priority: u32,
    value: &str,
    action: &str,
) -> Verdict {
    let rule = format!(
        "<Rules><member><RuleArn>{RULE_ARN}/9999999999999999</RuleArn><Priority>{priority}</Priority>\
         <Conditions><member><Field>http-header</Field><HttpHeaderConfig>\
         <HttpHeaderName>X-Tollgate-Decision</HttpHeaderName><Values><member>{value}</member></Values>\
         </HttpHeaderConfig></member></Conditions><Actions><member>{action}</member></Actions>\
         <IsDefault>false</IsDefault></member>"
    );
    after(|text| change(text).replacen("<Rules>", &rule, 1)).await
}

/// Removes a rule from the responses.
fn without(text: &str, id: &str) -> String {
    let start = text
        .find(&format!("<member>\n<RuleArn>{RULE_ARN}/{id}"))
        .unwrap();
    let end = start + text[start..].find("</IsDefault>\n</member>\n").unwrap();
    format!(
        "{}{}",
        &text[..start],
        &text[end + "</IsDefault>\n</member>\n".len()..]
    )
}

#[tokio::test]
async fn rules_of_the_template_pass() {
    let verdict = checked(Recorded::healthy()).await;
    assert_eq!(verdict, Verdict::ok("both rules are as in the template"));
}

#[tokio::test]
async fn deleted_rule_fails() {
    let verdict = after(|text| without(text, "1111111111111111")).await;
    assert_eq!(verdict.status, Status::Failed);
    assert_eq!(
        verdict.details,
        [format!(
            "ThrottledRule is not on the listener: {RULE_ARN}/1111111111111111"
        )]
    );
}

#[tokio::test]
async fn every_difference_of_a_response_is_named() {
    let verdict = after(|text| {
        text.replace("<StatusCode>429<", "<StatusCode>403<")
            .replacen("application/json", "text/plain", 1)
            .replace("temporary-reduced-capacity", "other")
    })
    .await;
    assert_eq!(verdict.status, Status::Failed);
    assert_eq!(
        verdict.details,
        [
            "ThrottledRule, rule 1111111111111111 (priority 1): responds with 403, expected 429",
            "ThrottledRule, rule 1111111111111111 (priority 1): has the content type text/plain, \
             expected application/json",
            "UnavailableRule, rule 2222222222222222 (priority 2): has another body than the template",
        ]
    );
}

#[tokio::test]
async fn further_condition_fails() {
    let path = "<Conditions><member><Field>path-pattern</Field><Values><member>/a/*</member></Values></member>";
    let verdict = after(|text| text.replacen("<Conditions>", path, 1)).await;
    assert_eq!(verdict.status, Status::Failed);
    assert_eq!(
        verdict.details,
        [
            "ThrottledRule, rule 1111111111111111 (priority 1): has a condition on path-pattern, \
             expected only one on the header x-tollgate-decision"
        ]
    );
}

#[tokio::test]
async fn further_header_and_further_value_fail() {
    let header = "<Conditions><member><Field>http-header</Field><HttpHeaderConfig><HttpHeaderName>\
                  x-a</HttpHeaderName><Values><member>1</member></Values></HttpHeaderConfig></member>";
    let verdict = after(|text| text.replacen("<Conditions>", header, 1)).await;
    assert!(
        verdict.details[0].ends_with(
            "has several conditions on headers, expected only one on x-tollgate-decision"
        )
    );

    let value = "<member>throttled</member><member>allowed</member>";
    let verdict = after(|text| text.replace("<member>throttled</member>", value)).await;
    assert_eq!(verdict.status, Status::Failed);
    assert!(verdict.details[0].ends_with(
        "has no condition on the header x-tollgate-decision with exactly the value throttled"
    ));
}

#[tokio::test]
async fn rule_that_forwards_fails() {
    let verdict = after(|text| text.replacen("fixed-response", "forward", 1)).await;
    assert_eq!(verdict.status, Status::Failed);
    assert!(verdict.details[0].ends_with("has the actions forward, expected fixed-response"));
}

#[tokio::test]
async fn other_priority_is_a_warning() {
    let verdict =
        after(|text| text.replace("<Priority>1</Priority>", "<Priority>7</Priority>")).await;
    assert_eq!(verdict.status, Status::Warning);
    assert_eq!(
        verdict.details,
        ["ThrottledRule, rule 1111111111111111 (priority 7): expected the priority 1"]
    );
}

#[tokio::test]
async fn rule_of_an_earlier_stack_that_comes_first_fails() {
    // A priority below 1 does not exist, so the own rules move.
    let moved = |text: &str| text.replace("<Priority>1</Priority>", "<Priority>8</Priority>");
    let foreign = with_rule(moved, 3, "throttled", "<Type>forward</Type>").await;
    assert_eq!(foreign.status, Status::Failed);
    assert_eq!(
        foreign.details[0],
        "rule 9999999999999999 (priority 3) is not of this stack and responds in place of \
         ThrottledRule: forward"
    );
}

#[tokio::test]
async fn rule_of_another_stack_that_changes_nothing_is_a_warning() {
    let verdict = with_rule(str::to_owned, 9, "throttled", "<Type>forward</Type>").await;
    assert_eq!(verdict.status, Status::Warning);
    assert_eq!(
        verdict.details,
        [
            "rule 9999999999999999 (priority 9) also matches x-tollgate-decision. It belongs to \
             another stack, or an earlier stack left it"
        ]
    );
}

#[tokio::test]
async fn stack_that_does_not_mark_requests_needs_no_rule() {
    let recorded = Recorded::healthy().with_parameter("OnThrottle", "forbid");
    assert_eq!(
        checked(recorded).await,
        Verdict::not_applicable(
            "OnThrottle is forbid, so no listener rule responds to throttled requests"
        )
    );
}

#[tokio::test]
async fn missing_permission_is_no_failure() {
    let stack = Recorded::healthy().denied(ANSWER).stack().await;
    let verdict: Verdict = check(&stack).await.unwrap_err().into();
    assert_eq!(
        verdict,
        Verdict::not_checked("needs elasticloadbalancing:DescribeRules")
    );
}
