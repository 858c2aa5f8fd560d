//! The layers of the functions.

use serde_json::Value;

use crate::aws::{Unread, array, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::function::{Function, functions};

const CHECK: Check = Check {
    id: "ca-layer",
    group: Group::Functions,
    title: "The functions have the layers of the parameters, and no other layers",
    explanation: "With `CaBundleLayerArn`, the authorizer reads its additional certificate \
                  authorities from a layer. Without the layer it does not start, and every request \
                  fails with 500. With the ARN of a layer in `Tracing`, every function sends traces \
                  and metrics to the collector in it. Layers that were added by hand run with the \
                  permissions of the function.",
    fix: "Deploy again with `CaBundleLayerArn` and `Tracing`. Remove layers that were added by hand, \
          or accept the warning.",
    permissions: &[
        "lambda:GetFunctionConfiguration",
        "cloudformation:GetTemplate",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let mut findings = Findings::default();
    let mut expected_layers = 0;
    for function in functions(stack) {
        let Some(expected) = stack.expected(function.name)? else {
            continue;
        };
        let expected: Vec<&str> = array(&expected["Layers"]).iter().map(text).collect();
        expected_layers += expected.len();

        let read = function.configuration(stack).await;
        if let Some(configuration) = findings.take(&function.to_string(), read) {
            compare(
                &function,
                &expected,
                &configuration["Layers"],
                &mut findings,
            );
        }
    }

    if expected_layers == 0 && findings.is_empty() {
        return Ok(Verdict::not_applicable(
            "the parameters name no layer, and no function has one",
        ));
    }
    Ok(findings.verdict("every function has the layers of the parameters"))
}

fn compare(function: &Function<'_>, expected: &[&str], actual: &Value, findings: &mut Findings) {
    let actual: Vec<&str> = array(actual)
        .iter()
        .map(|layer| text(&layer["Arn"]))
        .collect();

    for layer in expected.iter().filter(|layer| !actual.contains(layer)) {
        findings.problem(format!("{function} does not have the layer {layer}"));
    }
    for layer in actual.iter().filter(|layer| !expected.contains(layer)) {
        findings.warning(format!(
            "{function} has the layer {layer}, which the template does not set"
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const AUTHORIZER: &str = "lambda.GET@AuthorizerFunction-AbCdEfGh~configuration.json";
    const OTHERS: [&str; 3] = [
        "lambda.GET@AlbSyncFunction-AbCdEfGh~configuration.json",
        "lambda.GET@LimiterFunction-AbCdEfGh~configuration.json",
        "lambda.GET@MetricsPublisherFunction-AbCdEfGh~configuration.json",
    ];
    const LAYER: &str = "arn:aws:lambda:eu-west-1:111122223333:layer:ca:2";
    const NAME: &str = "function tollgate-AuthorizerFunction-AbCdEfGh:live";

    fn with_layers_of(recorded: Recorded, file: &str, layers: &[&str]) -> Recorded {
        recorded.with_json(file, |configuration| {
            let layer = |arn: &&str| json!({"Arn": arn, "CodeSize": 4096});
            configuration["Layers"] = layers.iter().map(layer).collect();
        })
    }

    fn with_layers(recorded: Recorded, layers: &[&str]) -> Recorded {
        with_layers_of(recorded, AUTHORIZER, layers)
    }

    fn with_parameter() -> Recorded {
        Recorded::healthy().with_parameter("CaBundleLayerArn", LAYER)
    }

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    #[tokio::test]
    async fn attached_layer_passes() {
        let verdict = verdict(with_layers(with_parameter(), &[LAYER])).await;
        assert_eq!(
            verdict,
            Verdict::ok("every function has the layers of the parameters")
        );
    }

    #[tokio::test]
    async fn every_function_needs_the_layer_with_the_collector() {
        let collector = "arn:aws:lambda:eu-west-1:111122223333:layer:collector:7";
        let mut recorded = with_parameter().with_parameter("Tracing", collector);
        recorded = with_layers(recorded, &[LAYER, collector]);
        for file in OTHERS {
            let missing = verdict(recorded.clone()).await;
            assert_eq!(missing.status, Status::Failed, "{missing:?}");
            recorded = with_layers_of(recorded, file, &[collector]);
        }
        assert_eq!(verdict(recorded).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn no_layer_is_not_applicable() {
        assert_eq!(
            verdict(Recorded::healthy()).await.status,
            Status::NotApplicable
        );
    }

    #[tokio::test]
    async fn missing_layer_and_its_earlier_version_are_named() {
        let earlier = "arn:aws:lambda:eu-west-1:111122223333:layer:ca:1";
        let verdict = verdict(with_layers(with_parameter(), &[earlier])).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                format!("{NAME} does not have the layer {LAYER}"),
                format!("{NAME} has the layer {earlier}, which the template does not set"),
            ]
        );
    }

    #[tokio::test]
    async fn layer_that_was_added_by_hand_needs_attention() {
        let verdict = verdict(with_layers(Recorded::healthy(), &[LAYER])).await;
        assert_eq!(verdict.status, Status::Warning);
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict(Recorded::healthy().denied(AUTHORIZER)).await;
        assert_eq!(
            verdict,
            Verdict::not_checked("needs lambda:GetFunctionConfiguration")
        );
    }
}
