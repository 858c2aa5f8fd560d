//! Tests of the whole group with other kinds of deployments.

use serde_json::json;

use crate::aws::Unread;
use crate::stack::Stack;
use crate::tests::recorded::Recorded;
use crate::verdict::{Status, Verdict};

use super::CHECKS;

/// The API of the recorded stack that has none.
const DEFINED_API: &str = "s1a2m3a4p5";

/// Returns the verdict of each check of the group.
async fn verdicts(stack: &Stack) -> Vec<(&'static str, Verdict)> {
    let mut verdicts = Vec::new();
    for entry in CHECKS {
        let verdict: Result<Verdict, Unread> = (entry.run)(stack).await;
        verdicts.push((entry.check.id, verdict.unwrap_or_else(Into::into)));
    }
    verdicts
}

/// Returns the verdict of one check of the group.
async fn verdict(stack: &Stack, id: &str) -> Verdict {
    let verdicts = verdicts(stack).await;
    let found = verdicts.into_iter().find(|(known, _)| *known == id);
    found.unwrap().1
}

fn statuses(verdicts: &[(&'static str, Verdict)], status: Status) -> Vec<&'static str> {
    let of_status = verdicts.iter().filter(|(_, it)| it.status == status);
    of_status.map(|(id, _)| *id).collect()
}

async fn defined(recorded: Recorded) -> Stack {
    recorded.stack().await.with_api(DEFINED_API)
}

#[tokio::test]
async fn attached_stack_passes() {
    let verdicts = verdicts(&Recorded::attached().stack().await).await;
    let not_applicable = [
        "default-endpoint",
        "domain-mapping",
        "cors-settings",
        "composer-routes",
    ];
    assert_eq!(
        statuses(&verdicts, Status::NotApplicable),
        not_applicable,
        "{verdicts:#?}"
    );
    assert_eq!(
        statuses(&verdicts, Status::Ok).len(),
        CHECKS.len() - not_applicable.len(),
        "{verdicts:#?}"
    );
}

#[tokio::test]
async fn public_routes_of_an_existing_api_are_judged_by_their_integration() {
    let routes = "apigateway.GET@apis~f6e7d8c9b0~routes.json";
    for (key, integration, expected) in [
        ("OPTIONS /new/{proxy+}", "intpub", Status::Ok),
        ("GET /new", "intpub", Status::Ok),
        ("GET /new/{proxy+}", "intpub", Status::Warning),
        ("POST /new", "intpub", Status::Warning),
        ("ANY /new", "intpub", Status::Warning),
        ("$default", "intpub", Status::Warning),
        ("GET /new", "intown", Status::Warning),
        ("GET /new", "intprot", Status::Failed),
    ] {
        let recorded = Recorded::attached().with_json(routes, |routes| {
            let target = format!("integrations/{integration}");
            let route = json!({"routeKey": key, "authorizationType": "NONE", "target": target});
            routes["items"].as_array_mut().unwrap().push(route);
        });
        let verdict = verdict(&recorded.stack().await, "routes-authorized").await;
        assert_eq!(verdict.status, expected, "{integration}: {verdict:?}");
        assert!(verdict.details[0].contains(key));
    }
}

#[tokio::test]
async fn own_integration_of_an_existing_api_has_to_replace_identities() {
    let integrations = "apigateway.GET@apis~f6e7d8c9b0~integrations.json";
    let recorded = Recorded::attached().with_json(integrations, |integrations| {
        let mappings = &mut integrations["items"][3]["requestParameters"];
        let mappings = mappings.as_object_mut().unwrap();
        mappings.remove("overwrite:header.x-tollgate-plan").unwrap();
        mappings.remove("overwrite:path").unwrap();
    });
    let stack = recorded.stack().await;

    let overwritten = verdict(&stack, "identity-headers-overwritten").await;
    let detail = "integration intown of ANY /reports/{proxy+} has no mapping overwrite:header.x-tollgate-plan";
    assert_eq!(overwritten, Verdict::failed(detail));
    assert_eq!(
        verdict(&stack, "path-forwarded").await.status,
        Status::Warning
    );
}

#[tokio::test]
async fn other_stage_of_an_existing_api_fails() {
    let recorded = Recorded::attached().with_parameter("HttpApiStage", "test");
    let verdict = verdict(&recorded.stack().await, "stage-deployed").await;
    let detail = "API f6e7d8c9b0 has the stages prod, expected test";
    assert_eq!(verdict, Verdict::failed(detail));
}

#[tokio::test]
async fn stack_without_an_api_is_not_proven_until_the_run_names_it() {
    let stack = Recorded::defined().stack().await;
    let unknown = verdicts(&stack).await;
    // The stack has no composer, whatever the API is.
    let of_api = CHECKS.len() - 1;
    assert_eq!(statuses(&unknown, Status::NotProven).len(), of_api);

    let verdicts = verdicts(&stack.with_api(DEFINED_API)).await;
    assert_eq!(
        statuses(&verdicts, Status::Ok),
        [
            "routes-authorized",
            "authorizer-settings",
            "stage-deployed",
            "limiter-routes",
            "foreign-routes",
        ],
        "{verdicts:#?}"
    );
    // A function has to respond with 429 itself, and reads the caller from the context.
    assert_eq!(
        statuses(&verdicts, Status::NotProven),
        ["integration-target"]
    );
    assert_eq!(statuses(&verdicts, Status::NotApplicable).len(), 8);
}

#[tokio::test]
async fn definition_with_a_cached_authorizer_fails() {
    let authorizers = "apigateway.GET@apis~s1a2m3a4p5~authorizers.json";
    let recorded = Recorded::defined().with_json(authorizers, |authorizers| {
        authorizers["items"][0]["authorizerResultTtlInSeconds"] = json!(300);
        authorizers["items"][0]["identitySource"] = json!(["$request.header.Authorization"]);
    });
    let verdict = verdict(&defined(recorded).await, "authorizer-settings").await;
    assert_eq!(
        verdict.details,
        [
            "TTL is 300 s, expected 0",
            "identity sources are $request.header.Authorization, expected none",
        ]
    );
}

#[tokio::test]
async fn definition_without_the_usage_route_is_a_warning() {
    let routes = "apigateway.GET@apis~s1a2m3a4p5~routes.json";
    let recorded = Recorded::defined().with_json(routes, |routes| {
        routes["items"].as_array_mut().unwrap().remove(2);
    });
    let verdict = verdict(&defined(recorded).await, "limiter-routes").await;
    assert_eq!(
        verdict,
        Verdict::warning("route GET /_tollgate/usage is missing")
    );
}

#[tokio::test]
async fn rest_api_passes() {
    let verdicts = verdicts(&Recorded::rest().stack().await).await;
    // No request shows the path that the load balancer receives.
    assert_eq!(statuses(&verdicts, Status::NotProven), ["path-forwarded"]);
    assert_eq!(
        statuses(&verdicts, Status::NotApplicable),
        [
            "identity-headers-removed",
            "default-endpoint",
            "domain-mapping",
            "cors-settings",
            "limiter-routes",
            "composer-routes"
        ],
        "{verdicts:#?}"
    );
    assert_eq!(
        statuses(&verdicts, Status::Ok).len(),
        CHECKS.len() - 7,
        "{verdicts:#?}"
    );
}

#[tokio::test]
async fn each_broken_part_of_a_rest_api_fails() {
    const RESOURCES: &str = "apigateway.GET@restapis~r1e2s3t4a5~resources.json";
    let method = "/item/1/resourceMethods/ANY";
    let mapping = format!("{method}/methodIntegration/requestParameters");
    let changes: [(&str, &str, String, &str, serde_json::Value); 9] = [
        (
            "routes-authorized",
            RESOURCES,
            method.to_owned(),
            "authorizationType",
            json!("NONE"),
        ),
        (
            "identity-headers-overwritten",
            RESOURCES,
            mapping.clone(),
            "integration.request.header.x-tollgate-plan",
            json!("method.request.header.plan"),
        ),
        (
            "integration-target",
            RESOURCES,
            format!("{method}/methodIntegration"),
            "connectionId",
            json!("other"),
        ),
        (
            "path-forwarded",
            RESOURCES,
            mapping,
            "integration.request.path.proxy",
            json!("'x'"),
        ),
        (
            "authorizer-settings",
            "apigateway.GET@restapis~r1e2s3t4a5~authorizers.json",
            "/item".to_owned(),
            "identitySource",
            json!("method.request.header.Authorization"),
        ),
        (
            "authorizer-settings",
            "apigateway.GET@restapis~r1e2s3t4a5~authorizers.json",
            "/item".to_owned(),
            "authorizerResultTtlInSeconds",
            json!(null),
        ),
        (
            "response-mappings",
            "apigateway.GET@restapis~r1e2s3t4a5~gatewayresponses.json",
            "/item/0/responseParameters".to_owned(),
            "gatewayresponse.header.Retry-After",
            json!("'1'"),
        ),
        (
            "stage-deployed",
            "apigateway.GET@restapis~r1e2s3t4a5~stages.json",
            "/item/0/methodSettings/*~1*".to_owned(),
            "cachingEnabled",
            json!(true),
        ),
        (
            "foreign-routes",
            RESOURCES,
            "/item/1".to_owned(),
            "path",
            json!("/_tollgate/{proxy+}"),
        ),
    ];
    for (id, file, pointer, name, value) in changes {
        let recorded = Recorded::rest().with_json(file, |response| {
            response.pointer_mut(&pointer).unwrap()[name] = value.clone();
        });
        let verdict = verdict(&recorded.stack().await, id).await;
        assert_eq!(verdict.status, Status::Failed, "{id}, {name}: {verdict:?}");
    }
}

#[tokio::test]
async fn rest_api_of_another_stack_needs_the_same_mappings() {
    // The stack is that of the HTTP API, and the REST API invokes its alias.
    let alias =
        "arn:aws:lambda:eu-west-1:111122223333:function:tollgate-AuthorizerFunction-AbCdEfGh:live";
    let api = "apigateway.GET@apis~r1e2s3t4a5.json";
    let rest = |name: &str| {
        let file = format!("answers/rest/apigateway.GET@restapis~r1e2s3t4a5~{name}.json");
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(folder.join(file)).unwrap()
    };
    let mut recorded = Recorded::healthy().answering(api, "").missing(api);
    for name in ["authorizers", "resources", "stages", "deployments"] {
        let of_other_function = "arn:aws:lambda:eu-west-1:111122223333:function:tollgate-rest-AuthorizerFunction-AbCdEfGh";
        let file = format!("apigateway.GET@restapis~r1e2s3t4a5~{name}.json");
        recorded = recorded.answering(&file, rest(name).replace(of_other_function, alias));
    }

    let stack = recorded.stack().await.with_api("r1e2s3t4a5");
    for id in [
        "routes-authorized",
        "identity-headers-overwritten",
        "stage-deployed",
    ] {
        let verdict = verdict(&stack, id).await;
        assert_eq!(verdict.status, Status::Ok, "{id}: {verdict:?}");
    }
    // The recorded policy of the alias is for the HTTP API.
    let verdict = verdict(&stack, "authorizer-settings").await;
    assert_eq!(verdict.details.len(), 1, "{verdict:?}");
    assert!(
        verdict.details[0].contains("does not allow API Gateway"),
        "{verdict:?}"
    );
}
