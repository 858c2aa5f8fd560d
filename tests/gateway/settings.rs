//! The template's switches, and what cannot be served.

use http::StatusCode;
use tests::{FREE, PRO, Setup};

#[tokio::test]
async fn clients_are_told_their_limits_in_the_dialect_that_was_chosen() {
    let gateway = Setup::default()
        .parameter("RateLimitHeaders", "x-ratelimit")
        .start()
        .await;
    let answer = gateway.get("/orders", FREE).await;
    let told = [
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "ratelimit",
    ]
    .map(|name| answer.header(name));
    assert_eq!(told, [Some("5"), Some("4"), Some("1"), None]);

    let gateway = Setup::default()
        .parameter("RateLimitHeaders", "none")
        .start()
        .await;
    for _ in 0..5 {
        let answer = gateway.get("/orders", FREE).await;
        assert_eq!(
            (
                answer.header("ratelimit"),
                answer.header("x-ratelimit-limit")
            ),
            (None, None)
        );
    }
    assert_eq!(
        gateway.get("/orders", FREE).await.header("retry-after"),
        Some("1")
    );
}

#[tokio::test]
async fn without_listener_rules_a_throttled_request_is_403() {
    for (name, value) in [("OnThrottle", "forbid"), ("CreateVpcLink", "false")] {
        let gateway = Setup::default().parameter(name, value).start().await;
        for _ in 0..5 {
            assert_eq!(gateway.get("/orders", FREE).await.status, StatusCode::OK);
        }
        assert_eq!(
            gateway.get("/orders", FREE).await.status,
            StatusCode::FORBIDDEN,
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_nested_stack_of_alarms_is_ignored() {
    let gateway = Setup::default()
        .parameter("CreateAlarms", "true")
        .parameter("CreateDashboard", "true")
        .start()
        .await;
    assert_eq!(gateway.get("/orders", FREE).await.status, StatusCode::OK);
}

#[tokio::test]
async fn bad_credentials_are_401_or_403_as_the_parameter_says() {
    for (value, expected) in [
        ("unauthorized", StatusCode::UNAUTHORIZED),
        ("forbid", StatusCode::FORBIDDEN),
    ] {
        let gateway = Setup::default()
            .parameter("OnBadCredentials", value)
            .start()
            .await;
        assert_eq!(
            gateway.call("GET", "/orders").send().await.status,
            expected,
            "{value}"
        );
        assert_eq!(
            gateway
                .get("/orders", "unknown-key-00000000000001")
                .await
                .status,
            expected,
            "{value}"
        );
        assert_eq!(gateway.get("/orders", PRO).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn routes_under_iam_are_open_to_this_machine() {
    let gateway = Setup::default()
        .replace(
            r#"RouteKey: "GET /health", AuthorizationType: NONE"#,
            r#"RouteKey: "GET /health", AuthorizationType: AWS_IAM"#,
        )
        .start()
        .await;
    assert_eq!(
        gateway.call("GET", "/health").send().await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn what_the_gateway_does_not_understand_keeps_it_from_starting_with_line_and_column() {
    let template = std::fs::read_to_string(tests::project().join("template.yaml")).unwrap();
    let line_of = |text: &str| {
        template
            .lines()
            .position(|line| line.contains(text))
            .unwrap()
            + 1
    };
    for (text, with, line, problem) in [
        (
            "AuthorizerResultTtlInSeconds: 0",
            "AuthorizerResultTtlInSeconds: 300",
            line_of("AuthorizerResultTtlInSeconds"),
            "only `0` is supported",
        ),
        (
            "EnableSimpleResponses: true",
            "EnableSimpleResponses: true\n      IdentitySource: [$request.header.authorization]",
            line_of("EnableSimpleResponses") + 1,
            "`IdentitySource` of Authorizer",
        ),
        (
            "overwrite:header.x-request-id: $context.requestId",
            "overwrite:header.authorization: $context.requestId",
            line_of("overwrite:header.x-request-id: "),
            "reserved",
        ),
        (
            "$context.authorizer.user_id",
            "$context.authorized.user_id",
            line_of("$context.authorizer.user_id"),
            "`$context.authorized.user_id` is not supported",
        ),
        (
            "integrationLatency",
            "integrationLatencie",
            line_of("Format: >-") + 1,
            "`$context.integrationLatencie` is not an access log variable",
        ),
        (
            "Type: fixed-response",
            "Type: forward",
            line_of("Type: fixed-response"),
            "only `fixed-response` is supported",
        ),
        (
            "ProtocolType: HTTP",
            "ProtocolType: WEBSOCKET",
            line_of("ProtocolType: HTTP"),
            "only `HTTP` is supported",
        ),
        (
            "ProtocolType: HTTP",
            "ProtocolType: HTTP\n      RouteSelectionExpression: $request.method",
            line_of("ProtocolType: HTTP") + 1,
            "`RouteSelectionExpression` of Api",
        ),
        (
            r#"RouteKey: "ANY /","#,
            r#"RouteKey: "ANY /{all+}","#,
            line_of(r#"RouteKey: "ANY /{proxy+}""#),
            "matches the same requests",
        ),
        (
            "Principal: apigateway.amazonaws.com",
            "Principal: events.amazonaws.com",
            line_of("AuthorizerUri"),
            "no AWS::Lambda::Permission",
        ),
        (
            "integrations/${PublicIntegration}",
            "integrations/${Nothing}",
            line_of("integrations/${PublicIntegration}"),
            "there is neither a parameter nor a resource `Nothing`",
        ),
    ] {
        let error = Setup::default()
            .replace(text, with)
            .try_start()
            .await
            .err()
            .expect(text)
            .to_string();
        let place = error.split_once("template.yaml:").expect("a place").1;
        let told: usize = place.split(':').next().unwrap().parse().unwrap();
        assert!(error.contains(problem), "{text}: {error}");
        // The second of two routes is where the mistake shows.
        assert!(
            told == line || problem.contains("same requests") && told > line,
            "{text}: line {line} expected: {error}"
        );
    }
}

#[tokio::test]
async fn nothing_that_could_stand_in_a_requests_way_is_skipped() {
    for (text, with, problem) in [
        (
            "Type: AWS::ElasticLoadBalancingV2::ListenerRule",
            "Type: AWS::ElasticLoadBalancingV2::ListenerRul",
            "ListenerRul) is not supported",
        ),
        (
            "Type: AWS::ApiGatewayV2::Route",
            "Type: AWS::ApiGatewayV2::RouteResponse",
            "RouteResponse) is not supported",
        ),
        (
            "Resources:\n",
            "Globals: {Function: {Timeout: 3}}\nResources:\n",
            "`Globals` of the template",
        ),
        (
            "${AuthorizerFunctionAliaslive}/invocations",
            "${AuthorizerFunction}/invocations",
            "`AuthorizerUri` names no function",
        ),
        (
            "FunctionName: !Ref AuthorizerFunctionAliaslive",
            "FunctionName: !Ref AuthorizerFunction",
            "no AWS::Lambda::Permission lets this authorizer invoke",
        ),
        (
            "${AuthorizerFunctionAliaslive}/invocations",
            "${AuthorizerFunction.Arn}/invocations",
            "no AWS::Lambda::Permission lets this authorizer invoke",
        ),
        (
            "AutoPublishAlias: live",
            "AutoPublishAlias: other",
            "neither a parameter nor a resource",
        ),
        (
            "${Id}/authorizers/${Authorizer}",
            "other/authorizers/${Authorizer}",
            "no AWS::Lambda::Permission lets this authorizer invoke",
        ),
        (
            r#"{ApiId: !Ref Api, RouteKey: "ANY /","#,
            r#"{ApiId: other, RouteKey: "ANY /","#,
            "`ApiId` of ProtectedRootRoute",
        ),
        (
            "DefaultRouteSettings:",
            "RouteSettings: {GET /nothing: {ThrottlingRateLimit: 1, ThrottlingBurstLimit: 1}}\n      DefaultRouteSettings:",
            "there is no route `GET /nothing`",
        ),
        (
            "Values: [throttled]",
            "Values: []",
            "a condition must have 1 to 3 `Values`",
        ),
        (
            "Values: [throttled]",
            "Values: [a, b, c, d]",
            "a condition must have 1 to 3 `Values`",
        ),
        (
            "Priority: !Ref UnavailableRulePriority",
            "Priority: !Ref ThrottledRulePriority",
            "UnavailableRule has the same priority as another rule",
        ),
        (
            "StatusCode: \"429\"",
            "StatusCode: \"302\"",
            "`StatusCode` must be 2XX, 4XX or 5XX",
        ),
        (
            "ContentType: application/json",
            "ContentType: application/problem+json",
            "`ContentType` must be one of",
        ),
        (
            "TimeoutInMillis: 25000",
            "TimeoutInMillis: 10",
            "`TimeoutInMillis` is `10`",
        ),
    ] {
        let error = Setup::default()
            .replace(text, with)
            .try_start()
            .await
            .err()
            .expect(text)
            .to_string();
        assert!(error.contains(problem), "{text}: {error}");
    }
}

#[tokio::test]
async fn rules_are_asked_by_priority_whatever_their_order() {
    let rule = "  ThrottledRule:\n";
    let first = "  EarlyRule:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref AlbListenerArn
      Priority: 7
      Conditions: [{Field: http-header, HttpHeaderConfig: {HttpHeaderName: x-tollgate-decision, Values: ['*']}}]
      Actions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: '418'}}]
";
    let first = first.replace("418", "403");
    for (priority, status) in [
        ("1", StatusCode::TOO_MANY_REQUESTS),
        ("9", StatusCode::FORBIDDEN),
    ] {
        let setup = Setup::default()
            .parameter("ThrottledRulePriority", priority)
            .replace(rule, &format!("{first}{rule}"));
        let seeds = r#"{"plans":{"p":{"throttle":{"rate":0.001,"burst":1}}},"keys":[{"key":"local-free-key-000000000001","key_id":"k","plan":"p"}]}"#;
        let gateway = setup.seeds(seeds).start().await;
        gateway.get("/orders", FREE).await;
        assert_eq!(
            gateway.get("/orders", FREE).await.status,
            status,
            "{priority}"
        );
    }
}

#[tokio::test]
async fn settings_of_a_function_that_make_no_sense_keep_the_gateway_from_starting() {
    for (setup, problem) in [
        (
            Setup::default().policy("{}"),
            "policy.json:1:2: missing field `rules`",
        ),
        (
            Setup::default().parameter("AuthPolicy", "{"),
            "AUTH_POLICY: EOF",
        ),
        (
            Setup::default().seeds(r#"{"plans":{"p":{"throttle":{"rate":1}}}}"#),
            "missing field `burst`",
        ),
        (
            Setup::default().seeds(r#"{"plans":{"p":{"near_limit":7}}}"#),
            "plans.p: near_limit is 7",
        ),
        (
            Setup::default().parameter("OnThrottle", "pass"),
            "parameter OnThrottle: `pass` is not allowed, expected one of mark, function, forbid",
        ),
        (
            Setup::default().parameter("Nothing", "1"),
            "there is no parameter `Nothing`",
        ),
    ] {
        let error = setup.try_start().await.err().expect(problem).to_string();
        assert!(error.contains(problem) && !error.contains('\n'), "{error}");
    }
}

#[tokio::test]
async fn a_template_that_says_nothing_of_sense_is_refused() {
    for text in [
        "",
        "a",
        "- a",
        "Resources: {}",
        "Resources: []",
        "{",
        "Resources: {Api: {Type: AWS::ApiGatewayV2::Api}}",
    ] {
        let template = std::fs::read_to_string(tests::project().join("template.yaml")).unwrap();
        assert!(
            Setup::default()
                .replace(&template, text)
                .try_start()
                .await
                .is_err(),
            "{text}"
        );
    }
    assert_eq!(
        Setup::default()
            .start()
            .await
            .get("/orders", PRO)
            .await
            .status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn customers_page_is_public_and_on_unless_it_is_switched_off() {
    let gateway = Setup::default().start().await;
    for file in ["account", "account.css", "account.js"] {
        let answer = gateway
            .call("GET", &format!("/_tollgate/{file}"))
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
    }
    let report = gateway.get("/_tollgate/usage", FREE).await;
    assert_eq!(report.status, StatusCode::OK);

    let gateway = Setup::default()
        .parameter("CustomersPage", "false")
        .start()
        .await;
    let answer = gateway.call("GET", "/_tollgate/account").send().await;
    assert_ne!(answer.status, StatusCode::OK);
}
