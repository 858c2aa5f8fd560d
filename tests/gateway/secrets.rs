//! What those who look beside the gateway find: in answers, in the tables, in the functions' roles.

use std::collections::BTreeMap;

use http::StatusCode;
use sam_template::{Fields, Kind, Node};
use serde_json::{Value, json};
use tests::{Call, Setup};

use testing::Emulator;

const SECRET: &str = "a-secret-of-nobodys-000001";

/// A page of a table as its server holds it. It checks no signature.
async fn scan(server: &Emulator, table: &str) -> String {
    let credential = "AWS4-HMAC-SHA256 Credential=local/20261122/us-east-1/dynamodb/aws4_request";
    let call = Call::new(server.address, "POST", "/")
        .header("x-amz-target", "DynamoDB_20120810.Scan")
        .header("content-type", "application/x-amz-json-1.0")
        .header(
            "authorization",
            &format!("{credential}, SignedHeaders=host, Signature=0"),
        );
    let answer = call
        .body(json!({"TableName": table}).to_string())
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(
        answer.json()["Count"]
            .as_u64()
            .is_some_and(|count| count > 0),
        "{table} is empty"
    );
    String::from_utf8(answer.body.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_item_of_either_table_holds_a_key_in_clear() {
    let seeds = format!(
        r#"{{"plans":{{"p":{{}}}},"keys":[{{"key":"{SECRET}","key_id":"seeded","plan":"p"}}]}}"#
    );
    let server = Emulator::ministack();
    let gateway = Setup::default()
        .seeds(&seeds)
        .endpoint(&format!("http://{}", server.address))
        .start()
        .await;
    let post = async |path: &str, once: &str, body: Value| {
        let call = gateway
            .call("POST", &format!("/_tollgate/v1{path}"))
            .header("content-type", "application/json");
        let answer = call
            .header("idempotency-key", once)
            .body(body.to_string())
            .send()
            .await;
        assert!(answer.status.is_success(), "{answer:?}");
        answer.json()
    };
    let made = post(
        "/keys",
        "5f3a9c0e7d1b4286a0c4e8f1b7d93526",
        json!({"plan": "p", "name": "made"}),
    )
    .await;
    let rotate = format!("/keys/{}/rotate", made["key_id"].as_str().unwrap());
    let rotated = post(
        &rotate,
        "c81d2e6f0b9a4735e2f6a1d0c3b58794",
        json!({"grace_s": 3600}),
    )
    .await;
    let secrets = [
        SECRET,
        made["key"].as_str().unwrap(),
        rotated["key"].as_str().unwrap(),
    ];
    for secret in secrets {
        assert_eq!(gateway.get("/orders", secret).await.status, StatusCode::OK);
    }
    for table in ["tollgate-registry", "tollgate-usage"] {
        let items = scan(&server, table).await;
        assert!(
            !secrets.iter().any(|secret| items.contains(secret)),
            "{table}: {items}"
        );
    }
}

#[tokio::test]
async fn unknown_disabled_and_expired_keys_cannot_be_told_apart() {
    let seeds = r#"{"plans":{"p":{}},"keys":[
        {"key":"local-disabled-key-000001","key_id":"a","plan":"p","enabled":false},
        {"key":"local-expired-key-0000001","key_id":"b","plan":"p","expires_at":"2020-01-01T00:00:00Z"}]}"#;
    let gateway = Setup::default().seeds(seeds).start().await;
    let mut answers = Vec::new();
    for key in [
        "local-disabled-key-000001",
        "local-expired-key-0000001",
        "local-unknown-key-0000001",
        "short",
    ] {
        let answer = gateway.get("/orders", key).await;
        let names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        answers.push((answer.status, names, answer.body));
    }
    assert_eq!(answers[0].0, StatusCode::UNAUTHORIZED);
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
}

/// A resource's properties as written.
fn properties_of(template: &str, resource: &str) -> Fields {
    let text = std::fs::read_to_string(tests::project().join(template)).unwrap();
    let mut template = Fields::of(Node::parse(&text).unwrap(), "template").unwrap();
    let mut resources = Fields::of(template.require("Resources").unwrap(), "Resources").unwrap();
    let mut resource = Fields::of(resources.require(resource).unwrap(), "resource").unwrap();
    Fields::of(resource.require("Properties").unwrap(), "Properties").unwrap()
}

/// The statements of a function's own role, as written.
fn role_statements(template: &str, function: &str) -> Vec<Node> {
    let policies = properties_of(template, &format!("{function}Role"))
        .require("Policies")
        .unwrap()
        .into_list("Policies")
        .unwrap();
    let [policy] = policies.try_into().expect("one policy");
    let mut policy = Fields::of(policy, "a policy").unwrap();
    let document = policy.require("PolicyDocument").unwrap();

    Fields::of(document, "a document")
        .unwrap()
        .require("Statement")
        .unwrap()
        .into_list("Statement")
        .unwrap()
}

/// The actions of each statement that allows something, by its name.
fn actions(function: &str) -> BTreeMap<String, Vec<String>> {
    let statements = role_statements("template.yaml", function);
    let read = |statement: Node| {
        let mut statement = Fields::of(given(statement), "a statement").unwrap();
        let allows = statement.require_text("Effect").unwrap().0 == "Allow";
        allows.then(|| {
            (
                statement.require_text("Sid").unwrap().0,
                texts(statement.require("Action").unwrap()),
            )
        })
    };
    statements.into_iter().filter_map(read).collect()
}

/// A statement, which may depend on a condition.
fn given(statement: Node) -> Node {
    match statement.kind {
        Kind::Call(name, argument) if name == "If" => {
            argument.into_list("If").unwrap().swap_remove(1)
        }
        _ => statement,
    }
}

/// One text, or a list of them.
fn texts(node: Node) -> Vec<String> {
    match node.clone().into_list("texts") {
        Ok(list) => list
            .into_iter()
            .map(|node| node.into_text("a text").unwrap().0)
            .collect(),
        Err(_) => vec![node.into_text("a text").unwrap().0],
    }
}

const LOG_ACTIONS: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];

fn expected(statements: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let action = |action: &&str| format!("dynamodb:{action}");
    statements
        .iter()
        .map(|(sid, actions)| ((*sid).to_owned(), actions.iter().map(action).collect()))
        .collect()
}

/// The statements that every function has: for its log, its traces and a key of the account.
fn shared_statements() -> BTreeMap<String, Vec<String>> {
    let statements = [
        ("WriteLog", &LOG_ACTIONS[..]),
        (
            "SendTraces",
            &["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        ),
        ("UseKey", &["kms:Decrypt", "kms:GenerateDataKey"]),
        ("DecryptSettings", &["kms:Decrypt"]),
    ];
    statements
        .into_iter()
        .map(|(sid, actions)| {
            (
                sid.to_owned(),
                actions.iter().map(ToString::to_string).collect(),
            )
        })
        .collect()
}

#[test]
fn each_function_may_do_what_it_does_and_no_more() {
    let mut authorizer = expected(&[
        ("ReadPlansAndKeys", &["GetItem"]),
        ("ChargeCallers", &["GetItem", "UpdateItem"]),
    ]);
    authorizer.extend(shared_statements());
    for (sid, actions) in [
        (
            "ReadSecrets",
            &["secretsmanager:GetSecretValue", "ssm:GetParameter"][..],
        ),
        ("DecryptSecrets", &["kms:Decrypt"]),
        ("DecryptParameters", &["kms:Decrypt"]),
    ] {
        authorizer.insert(
            sid.to_owned(),
            actions.iter().map(|action| (*action).to_owned()).collect(),
        );
    }
    assert_eq!(actions("AuthorizerFunction"), authorizer);
    let writes = [
        "GetItem",
        "BatchGetItem",
        "Query",
        "PutItem",
        "DeleteItem",
        "ConditionCheckItem",
    ];
    let mut limiter = expected(&[
        ("AdministratePlansAndKeys", &writes),
        ("FindAndListKeys", &["Query"]),
        ("ChargeAndReportCallers", &["GetItem", "UpdateItem"]),
        ("ReadReports", &["BatchGetItem"]),
        ("RefundAndGrant", &["GetItem", "UpdateItem"]),
    ]);
    limiter.extend(shared_statements());
    assert_eq!(actions("LimiterFunction"), limiter);

    let mut composer = expected(&[
        ("ReadPlansAndPolicies", &["GetItem"]),
        ("ChargeParts", &["GetItem", "UpdateItem"]),
    ]);
    composer.extend(shared_statements());
    assert_eq!(actions("ComposerFunction"), composer);
}

/// The partition keys that a statement of a function is limited to. `ForAllValues` is true for a
/// request without a key, such as a Scan, unless `Null` refuses it.
fn leading_keys(template: &str, function: &str, sid: &str) -> Vec<String> {
    const KEY: &str = "dynamodb:LeadingKeys";
    let statements = role_statements(template, function);
    let named = statements.into_iter().find_map(|statement| {
        let mut fields = Fields::of(statement, "a statement").ok()?;
        (fields.text("Sid").ok()??.0 == sid).then_some(fields)
    });
    let mut condition =
        Fields::of(named.expect(sid).require("Condition").unwrap(), "Condition").unwrap();
    let mut null = Fields::of(condition.require("Null").unwrap(), "Null").unwrap();
    assert_eq!(null.require_text(KEY).unwrap().0, "false", "{sid}");
    let mut values = Fields::of(
        condition.require("ForAllValues:StringLike").unwrap(),
        "values",
    )
    .unwrap();
    condition.finish().unwrap();
    texts(values.require(KEY).unwrap())
}

#[test]
fn functions_reach_only_the_items_that_the_code_writes_and_reads() {
    let all_of = |beginnings: &[&str]| {
        beginnings
            .iter()
            .map(|key| format!("{key}*"))
            .collect::<Vec<_>>()
    };
    for template in ["template.yaml", "examples/rest-api.yaml"] {
        let keys = |sid| leading_keys(template, "AuthorizerFunction", sid);
        assert_eq!(
            keys("ReadPlansAndKeys"),
            registry::DECISION_KEY_PATTERNS,
            "{template}"
        );
        assert_eq!(
            keys("ChargeCallers"),
            all_of(&store::CHARGE_KEYS),
            "{template}"
        );
    }
    for template in ["template.yaml", "examples/alb-sync.yaml"] {
        let keys = leading_keys(template, "AlbSyncFunction", "KeepState");
        assert_eq!(keys, ["sync#*"], "{template}");
    }
    let keys = |function, sid| leading_keys("template.yaml", function, sid);
    assert_eq!(
        keys("ComposerFunction", "ReadPlansAndPolicies"),
        registry::COMPOSER_KEY_PATTERNS
    );
    assert_eq!(
        keys("ComposerFunction", "ChargeParts"),
        all_of(&store::CHARGE_KEYS)
    );
    assert_eq!(
        keys("LimiterFunction", "ChargeAndReportCallers"),
        all_of(&store::CHARGE_KEYS)
    );
    assert_eq!(
        keys("LimiterFunction", "ReadReports"),
        all_of(&store::CHARGE_KEYS)
    );
    assert_eq!(
        keys("LimiterFunction", "RefundAndGrant"),
        all_of(&[&store::CHARGE_KEYS[..], &store::CORRECTION_KEYS[..]].concat())
    );
    assert_eq!(
        keys("MetricsPublisherFunction", "ShareThePlacesForSeries"),
        ["series#*"]
    );
}

#[test]
fn this_api_alone_may_invoke_the_authorizer_the_limiter_and_the_composer() {
    for (permission, part) in [
        ("AuthorizerPermission", ":${Id}/authorizers/${Authorizer}"),
        ("LimiterPermission", ":${Id}/*/*/_tollgate/*"),
        ("ComposerPermission", ":${Id}/*/*${CompositionsPrefix}/*"),
    ] {
        let mut properties = properties_of("template.yaml", permission);
        assert_eq!(
            properties.require_text("Principal").unwrap().0,
            "apigateway.amazonaws.com"
        );
        let source = format!("{:?}", properties.require("SourceArn").unwrap());
        // The stack's own API, or the one of HttpApiId.
        for part in [
            part,
            "${AWS::AccountId}",
            "\"MakesApi\"",
            "\"Api\"",
            "\"HttpApiId\"",
        ] {
            assert!(source.contains(part), "{permission}: {part} in {source}");
        }
    }
}
