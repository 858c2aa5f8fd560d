//! Client certificates, alone and bound to tokens.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::*;
use crate::x509::*;

fn authorizer_with_mtls(signer: &Signer) -> TestAuthorizer {
    authorizer_with_holder_name(signer, "subject_dn")
}

fn authorizer_with_holder_name(signer: &Signer, part: &str) -> TestAuthorizer {
    let mut policy = policy(&signer.jwks());
    policy["mtls"] = json!({"default_plan": "free", "user_from": part});
    policy["rules"].as_array_mut().unwrap().extend([
        json!({"match": "ANY /mtls/{proxy+}", "auth": "mtls"}),
        json!({"match": "GET /_tollgate/usage", "auth": "mtls"}),
    ]);
    authorizer(&policy)
}

fn event_with_certificate(certificate: Value) -> Value {
    with_certificate(event("/mtls/x", json!({})), certificate)
}

fn named(subject: &[(&str, &str)]) -> Value {
    Names {
        subject,
        issuer: &[("CN", "ca")],
        alternatives: &[],
    }
    .sent()
}

fn certificate_with_alternatives(alternatives: Alternatives<'_>) -> Value {
    Names {
        subject: &[("CN", "a")],
        issuer: &[("CN", "ca")],
        alternatives,
    }
    .sent()
}

#[tokio::test]
async fn certificate_identifies_a_caller() {
    let authorizer = authorizer_with_mtls(&Signer::of("ES256"));
    let context_of = |common_name: &'static str| {
        context(
            &authorizer,
            event_with_certificate(certificate_of(common_name)),
        )
    };
    let first = context_of("a").await;
    assert_eq!(
        [
            &first["auth"],
            &first["user_id"],
            &first["plan"],
            &first["key_id"]
        ],
        ["mtls", "CN=a,O=Example%20Corp", "free", "-"]
    );
    for _ in 0..4 {
        assert_eq!(context_of("a").await["decision"], "allowed");
    }
    assert_eq!(context_of("a").await["decision"], "throttled");
    assert_eq!(context_of("b").await["decision"], "allowed");
}

#[tokio::test]
async fn usage_query_names_the_certificate_as_the_caller() {
    let authorizer = authorizer_with_mtls(&Signer::of("ES256"));
    let charged = context(&authorizer, event_with_certificate(certificate_of("a"))).await;
    let mut query = event_with_certificate(certificate_of("a"));
    query["rawPath"] = "/_tollgate/usage".into();
    query["routeKey"] = "GET /_tollgate/usage".into();
    query["requestContext"]["http"]["path"] = "/_tollgate/usage".into();
    query["pathParameters"] = Value::Null;

    let reason = reason_of(&authorizer, query.clone()).await;
    assert_eq!(reason, "ok", "{query}");
    let context = context(&authorizer, query).await;
    assert!(context["caller"].as_str().unwrap().starts_with("cert#"));
    assert_eq!(context["caller"], charged["caller"]);
}

#[tokio::test]
async fn holder_is_the_configured_part_of_the_certificate() {
    let signer = Signer::of("ES256");
    let (one, two) = (
        include_str!("certificates/one-of-each.pem"),
        include_str!("certificates/two-of-each.pem"),
    );
    for (part, expected) in [
        ("subject_dn", ["O=Example", "O=Example"]),
        ("serial_number", ["1", "1"]),
        ("san_dns", ["orders.example.org", "401"]),
        ("san_uri", ["spiffe://example.org/orders", "401"]),
    ] {
        let authorizer = authorizer_with_holder_name(&signer, part);
        for (pem, expected) in [one, two].into_iter().zip(expected) {
            let mut certificate = certificate_of("x");
            certificate["clientCertPem"] = pem.into();
            match expected {
                "401" => assert_eq!(
                    reason_of(&authorizer, event_with_certificate(certificate)).await,
                    "401",
                    "{part}"
                ),
                holder => assert_eq!(
                    context(&authorizer, event_with_certificate(certificate)).await["user_id"],
                    holder,
                    "{part}"
                ),
            }
        }
    }
}

#[tokio::test]
async fn holders_of_different_issuers_are_different_callers() {
    let signer = Signer::of("ES256");
    for part in ["subject_dn", "san_dns", "san_uri", "serial_number"] {
        let authorizer = authorizer_with_holder_name(&signer, part);
        let of_authority = |issuer: &'static str| {
            let alternatives: &[&[_]] = &[&[(DNS, "svc.corp"), (URI, "spiffe://corp/svc")]];
            let names = Names {
                subject: &[("CN", "alice")],
                issuer: &[("O", "Corp, Inc."), ("CN", issuer)],
                alternatives,
            };
            context(&authorizer, event_with_certificate(names.sent()))
        };
        let (corp, partner) = (
            of_authority("Corp CA").await,
            of_authority("Partner CA").await,
        );
        assert_eq!(corp["user_id"], partner["user_id"], "{part}");
        assert_eq!(
            [&corp["issuer"], &partner["issuer"]],
            [
                "CN=Corp%20CA,O=Corp%5C,%20Inc.",
                "CN=Partner%20CA,O=Corp%5C,%20Inc."
            ]
        );
        for _ in 0..4 {
            assert_eq!(
                of_authority("Corp CA").await["decision"],
                "allowed",
                "{part}"
            );
        }
        assert_eq!(
            of_authority("Corp CA").await["decision"],
            "throttled",
            "{part}"
        );
        assert_eq!(
            of_authority("Partner CA").await["decision"],
            "allowed",
            "{part}"
        );
    }
}

#[tokio::test]
async fn comma_in_a_name_is_escaped() {
    let authorizer = authorizer_with_mtls(&Signer::of("ES256"));
    for (subject, expected) in [
        (
            &[("OU", "admins"), ("CN", "alice")][..],
            "CN=alice,OU=admins",
        ),
        (&[("CN", "alice,OU=admins")], r"CN=alice\,OU=admins"),
    ] {
        assert_eq!(
            context(&authorizer, event_with_certificate(named(subject))).await["user_id"],
            expected
        );
    }
}

#[tokio::test]
async fn several_alternative_names_are_refused() {
    let signer = Signer::of("ES256");
    let (by_dns, by_uri) = (
        authorizer_with_holder_name(&signer, "san_dns"),
        authorizer_with_holder_name(&signer, "san_uri"),
    );
    let cases: [(Alternatives<'_>, &str, &str); 11] = [
        (&[&[(DNS, "svc.corp")]], "svc.corp", "401"),
        (&[&[(DNS, "svc.corp.")]], "svc.corp", "401"),
        (
            &[&[(DNS, "SVC.corp"), (URI, "spiffe://corp/svc")]],
            "svc.corp",
            "spiffe://corp/svc",
        ),
        (&[&[(DNS, "*.corp"), (DNS, "svc.corp")]], "401", "401"),
        (&[&[(DNS, "svc.corp"), (DNS, "not a name")]], "401", "401"),
        (&[&[(DNS, "svc.corp"), (DNS, "")]], "401", "401"),
        (
            &[&[(DNS, "svc.corp"), (DNS, "b\u{fc}ro.corp")]],
            "401",
            "401",
        ),
        (&[&[(DNS, "*.corp")]], "401", "401"),
        (&[&[(URI, "spiffe://corp/a"), (URI, "")]], "401", "401"),
        (&[&[(DNS, "svc.corp")], &[(DNS, "root.corp")]], "401", "401"),
        (&[], "401", "401"),
    ];
    for (names, dns, uri) in cases {
        for (authorizer, expected) in [(&by_dns, dns), (&by_uri, uri)] {
            let event = event_with_certificate(certificate_with_alternatives(names));
            match expected {
                "401" => assert_eq!(reason_of(authorizer, event).await, "401", "{names:?}"),
                holder => assert_eq!(
                    context(authorizer, event).await["user_id"],
                    holder,
                    "{names:?}"
                ),
            }
        }
    }
}

#[tokio::test]
async fn certificate_without_holder_or_issuer_is_refused() {
    let authorizer = authorizer_with_mtls(&Signer::of("ES256"));
    let long = "a".repeat(1_024);
    let (long, common) = ([("CN", long.as_str())], [("CN", "a")]);
    let of = |subject, issuer| {
        Names {
            subject,
            issuer,
            alternatives: &[],
        }
        .sent()
    };
    for (refused, case) in [
        (of(&[], &common), "no subject"),
        (of(&common, &[]), "no issuer"),
        (
            of(&long, &common),
            "a subject that does not fit into a header",
        ),
        (
            of(&common, &long),
            "an issuer that does not fit into a header",
        ),
        (sent(b"der"), "no certificate"),
        (sent(&certificate_der()[1..]), "a part of a certificate"),
        (
            json!({"clientCertPem": "x", "subjectDN": "CN=a", "issuerDN": "CN=ca"}),
            "no PEM",
        ),
        (
            json!({"subjectDN": "CN=a", "issuerDN": "CN=ca", "serialNumber": "1"}),
            "names alone",
        ),
        (json!({}), "nothing"),
    ] {
        assert_eq!(
            reason_of(&authorizer, event_with_certificate(refused)).await,
            "401",
            "{case}"
        );
    }
    assert_eq!(
        reason_of(&authorizer, event_with_certificate(of(&common, &common))).await,
        "ok"
    );
}

fn certificate_der() -> Vec<u8> {
    Names {
        subject: &[("CN", "a")],
        issuer: &[("CN", "ca")],
        alternatives: &[],
    }
    .der()
}

#[tokio::test]
async fn certificate_is_accepted_only_if_policy_and_rule_allow_it() {
    let signer = Signer::of("ES256");
    let (with, without) = (
        authorizer_with_mtls(&signer),
        authorizer_for_signer(&signer),
    );
    for (path, expected) in [
        ("/mtls/x", "ok"),
        ("/orders", "ok"),
        ("/jwt/x", "401"),
        ("/keys/x", "401"),
    ] {
        let event = with_certificate(event(path, json!({})), certificate_of("a"));
        assert_eq!(reason_of(&with, event).await, expected, "{path}");
    }
    let event_of = |certificate| with_certificate(event("/orders", json!({})), certificate);
    assert_eq!(
        reason_of(&without, event_of(certificate_of("a"))).await,
        "401"
    );
    for nobodys in [json!({}), Value::Null] {
        assert_eq!(reason_of(&with, event_of(nobodys)).await, "401");
    }
    let key_alone = event("/mtls/x", json!({"x-api-key": PRO}));
    assert_eq!(reason_of(&with, key_alone).await, "401");
}

#[tokio::test]
async fn invalid_credential_is_refused_despite_a_valid_certificate() {
    let authorizer = authorizer_with_mtls(&Signer::of("ES256"));
    for headers in [
        json!({"authorization": "Bearer a.b.c"}),
        json!({"x-api-key": "no-such-key-no-such-key"}),
    ] {
        let event = with_certificate(event("/orders", headers), certificate_of("a"));
        assert_eq!(reason_of(&authorizer, event).await, "401");
    }
}

#[tokio::test]
async fn bound_token_is_valid_only_with_its_certificate() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_signer(&signer);
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, b"der"));
    let token = signer.with(|claims| claims["cnf"] = json!({"x5t#S256": thumbprint}));
    for _ in 0..2 {
        assert_eq!(
            reason_of(
                &authorizer,
                with_certificate(bearer_event(&token), sent(b"der"))
            )
            .await,
            "ok"
        );
        assert_eq!(
            reason_of(
                &authorizer,
                with_certificate(bearer_event(&token), sent(b"other"))
            )
            .await,
            "401"
        );
        assert_eq!(
            reason_of(
                &authorizer,
                with_certificate(bearer_event(&token), json!({"clientCertPem": "x"}))
            )
            .await,
            "401"
        );
        assert_eq!(reason_of(&authorizer, bearer_event(&token)).await, "401");
    }
    let more = signer.with(|claims| claims["cnf"] = json!({"x5t#S256": thumbprint, "jkt": "x"}));
    assert_eq!(
        reason_of(
            &authorizer,
            with_certificate(bearer_event(&more), sent(b"der"))
        )
        .await,
        "401"
    );
}
