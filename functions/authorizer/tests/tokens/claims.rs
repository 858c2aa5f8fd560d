//! Claims of tokens with a valid signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn missing_claims_and_wrong_types_are_refused() {
    let signer = Signer::of("ES256");
    let mut cases = Vec::new();
    for name in ["exp", "iss", "aud", "sub"] {
        let token = signer.with(|claims| drop(claims.as_object_mut().unwrap().remove(name)));
        cases.push((format!("without {name}"), token));
    }
    let wrong = [
        json!("x"),
        json!(""),
        json!(true),
        json!(null),
        json!({}),
        json!([]),
        json!([1]),
        json!(-1),
        json!(1e300),
    ];
    for name in ["exp", "iss", "aud", "nbf", "iat"] {
        for value in &wrong {
            cases.push((
                format!("{name} {value}"),
                signer.with(|claims| claims[name] = value.clone()),
            ));
        }
    }
    for value in [
        json!(u64::MAX),
        json!(253_402_300_799_i64),
        json!(1_795_348_801.5e3),
    ] {
        cases.push((
            format!("exp {value}"),
            signer.with(|claims| claims["exp"] = value.clone()),
        ));
    }
    assert_refused(cases).await;
}

/// Issuers write these claims in various forms, and serializers write `null` for missing values.
#[tokio::test]
async fn invalid_scopes_and_roles_are_ignored() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_signer(&signer);
    for (value, read) in [
        (json!(null), "-"),
        (json!(1), "-"),
        (json!(true), "-"),
        (json!({"admin:read": 1}), "-"),
        (json!([{"id": "0188", "key": "admin:read"}]), "-"),
        (json!([1, null]), "-"),
        (json!(["a", 1, "b"]), "a b"),
    ] {
        for name in ["scope", "scp", "roles"] {
            let token = signer.with(|claims| {
                claims.as_object_mut().unwrap().remove("scope");
                claims[name] = value.clone();
            });
            let context = context(&authorizer, bearer_event(&token)).await;
            let (field, separator) = if name == "roles" {
                ("roles", ",")
            } else {
                ("scopes", " ")
            };
            assert_eq!(
                context[field],
                read.replace(' ', separator),
                "{name} {value}"
            );
            let event = event(
                "/admin/users",
                json!({"authorization": format!("Bearer {token}")}),
            );
            assert_eq!(
                reason_of(&authorizer, event).await,
                "insufficient_scope",
                "{name} {value}"
            );
        }
    }
}

#[tokio::test]
async fn null_plan_is_the_default_plan() {
    let signer = Signer::of("ES256");
    let token = signer.with(|claims| claims["plan"] = json!(null));
    assert_eq!(
        context(&authorizer_for_signer(&signer), bearer_event(&token)).await["plan"],
        "free"
    );
}

#[tokio::test]
async fn token_expires_with_30_seconds_of_tolerance() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_signer(&signer);
    let token = signer.with(|_| ());
    for (seconds, expected) in [
        (3_600, "ok"),
        (3_630, "ok"),
        (3_631, "401"),
        (0, "ok"),
        (-30, "ok"),
        (-31, "401"),
    ] {
        assert_eq!(
            reason_at(&authorizer, bearer_event(&token), after(seconds)).await,
            expected,
            "{seconds}"
        );
    }
}

#[tokio::test]
async fn token_that_is_not_yet_or_never_valid_is_refused() {
    let signer = Signer::of("ES256");
    let now = noon().as_second();
    let cases = [
        ("nbf", now + 31),
        ("iat", now + 31),
        ("nbf", now + 3_601),
        ("iat", now + 3_601),
    ];
    assert_refused(cases.map(|(name, at)| {
        (
            format!("{name} {at}"),
            signer.with(|claims| claims[name] = at.into()),
        )
    }))
    .await;
}

#[tokio::test]
async fn lifetime_above_a_day_is_refused_by_default() {
    let signer = Signer::of("ES256");
    let token = signer.with(|claims| claims["exp"] = (noon().as_second() + 86_401).into());
    assert_eq!(
        reason_of(&authorizer_for_signer(&signer), bearer_event(&token)).await,
        "401"
    );
    for longest in [json!(null), json!(86_401)] {
        let authorizer =
            authorizer_for_issuer(&signer, |issuer| issuer["max_lifetime_s"] = longest);
        assert_eq!(reason_of(&authorizer, bearer_event(&token)).await, "ok");
    }
}

#[tokio::test]
async fn audience_must_match_exactly() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_signer(&signer);
    for (audience, expected) in [
        (json!(AUDIENCE), "ok"),
        (json!([AUDIENCE]), "ok"),
        (json!(["other", AUDIENCE]), "ok"),
        (json!([]), "401"),
        (json!(["other"]), "401"),
        (json!([AUDIENCE, 1]), "401"),
        (json!(format!("{AUDIENCE} other")), "401"),
        (json!(format!("{AUDIENCE}/")), "401"),
        (json!(&AUDIENCE[..AUDIENCE.len() - 1]), "401"),
        (json!(AUDIENCE.to_uppercase()), "401"),
        (json!({AUDIENCE: true}), "401"),
    ] {
        let token = signer.with(|claims| claims["aud"] = audience.clone());
        assert_eq!(
            reason_of(&authorizer, bearer_event(&token)).await,
            expected,
            "{audience}"
        );
    }
}

/// Cognito's access tokens have `client_id` and no `aud`. `token_use` distinguishes them from ID
/// tokens. Hydra writes an empty list if no audience was requested.
#[tokio::test]
async fn first_audience_claim_with_a_value_counts() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_signer(&signer);
    for (aud, client_id, expected) in [
        (json!([]), json!(AUDIENCE), "ok"),
        (json!(null), json!(AUDIENCE), "ok"),
        (json!([]), json!("other"), "401"),
        (json!([]), json!([]), "401"),
        (json!(null), json!(null), "401"),
        (json!(""), json!(AUDIENCE), "401"),
        (json!([""]), json!(AUDIENCE), "401"),
        (json!([null]), json!(AUDIENCE), "401"),
        (json!({}), json!(AUDIENCE), "401"),
        (json!(false), json!(AUDIENCE), "401"),
        (json!("other"), json!(AUDIENCE), "401"),
    ] {
        let token = signer
            .with(|claims| (claims["aud"], claims["client_id"]) = (aud.clone(), client_id.clone()));
        assert_eq!(
            reason_of(&authorizer, bearer_event(&token)).await,
            expected,
            "{aud} {client_id}"
        );
    }
}

#[tokio::test]
async fn client_id_is_the_audience_without_aud() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_issuer(&signer, |issuer| {
        issuer["required_claims"] = json!({"token_use": "access"});
    });
    for (aud, client_id, token_use, expected) in [
        (None, Some(AUDIENCE), "access", "ok"),
        (Some(AUDIENCE), None, "access", "ok"),
        (Some("other"), Some(AUDIENCE), "access", "401"),
        (None, Some("other"), "access", "401"),
        (None, None, "access", "401"),
        (None, Some(AUDIENCE), "id", "401"),
    ] {
        let token = signer.with(|claims| {
            claims.as_object_mut().unwrap().remove("aud");
            for (name, value) in [
                ("aud", aud),
                ("client_id", client_id),
                ("token_use", Some(token_use)),
            ] {
                if let Some(value) = value {
                    claims[name] = value.into();
                }
            }
        });
        assert_eq!(
            reason_of(&authorizer, bearer_event(&token)).await,
            expected,
            "{aud:?} {client_id:?} {token_use}"
        );
    }
}

#[tokio::test]
async fn signing_key_is_valid_only_for_its_issuer() {
    let (one, other) = (Signer::of("ES256"), Signer::fresh("ES256"));
    let mut policy = policy(&one.jwks());
    let mut second = policy["issuers"][0].clone();
    (second["issuer"], second["jwks"]) = ("https://other.example".into(), other.jwks());
    policy["issuers"].as_array_mut().unwrap().push(second);
    let authorizer = authorizer(&policy);
    let of = |signer: &Signer, issuer: &str| signer.with(|claims| claims["iss"] = issuer.into());
    assert_eq!(
        reason_of(&authorizer, bearer_event(&of(&one, ISSUER))).await,
        "ok"
    );
    assert_eq!(
        reason_of(
            &authorizer,
            bearer_event(&of(&other, "https://other.example"))
        )
        .await,
        "ok"
    );
    for (signer, issuer) in [
        (&one, "https://other.example"),
        (&other, ISSUER),
        (&one, "https://issuer.example/"),
        (&one, "unknown"),
    ] {
        assert_eq!(
            reason_of(&authorizer, bearer_event(&of(signer, issuer))).await,
            "401",
            "{issuer}"
        );
    }
}

#[tokio::test]
async fn ambiguous_json_claims_are_refused() {
    let signer = Signer::of("ES256");
    let good = claims().to_string();
    let open = good.strip_suffix('}').unwrap();
    let header = signer.header().to_string();
    let mut cases = Vec::new();
    for more in [
        r#""sub":"alice""#,
        r#""sub":"root""#,
        r#""\u0073ub":"root""#,
        r#""x":{"y":1,"y":2}"#,
        r#""plan":"a","plan":"b""#,
        r#""x":"\ud800""#,
        r#""x":1e999"#,
    ] {
        cases.push((
            more.to_owned(),
            signer.raw(&header, &format!("{open},{more}}}")),
        ));
    }
    let deep = format!(r#"{open},"x":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    cases.push(("200 levels".to_owned(), signer.raw(&header, &deep)));
    for claims in ["", "[]", "null", "\"x\"", "{", &format!("{good} {good}")] {
        cases.push((claims.to_owned(), signer.raw(&header, claims)));
    }
    let signed = [
        URL_SAFE_NO_PAD.encode(&header),
        URL_SAFE_NO_PAD.encode(b"{\"sub\":\"\xff\"}"),
    ]
    .join(".");
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(signed.as_bytes()));
    cases.push(("no UTF-8".to_owned(), format!("{signed}.{signature}")));
    assert_refused(cases).await;
}

/// A token that is bound to a key or a certificate is invalid without proof of possession.
#[tokio::test]
async fn bound_token_without_proof_is_refused() {
    let signer = Signer::of("ES256");
    let cases = [
        json!({"jkt": "x"}),
        json!({"x5t#S256": "x"}),
        json!({}),
        json!(null),
        json!("x"),
    ];
    assert_refused(cases.map(|cnf| (cnf.to_string(), signer.with(|claims| claims["cnf"] = cnf))))
        .await;
}

#[tokio::test]
async fn all_scopes_of_a_rule_are_required() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_signer(&signer);
    for (scope, expected) in [
        (json!("admin:read admin:write"), "ok"),
        (json!("x  admin:write\tadmin:read "), "ok"),
        (json!(["admin:read", "admin:write"]), "ok"),
        (json!("admin:read"), "insufficient_scope"),
        (json!("admin:readadmin:write"), "insufficient_scope"),
        (json!(""), "insufficient_scope"),
    ] {
        for claim in ["scope", "scp"] {
            let token = signer.with(|claims| {
                claims.as_object_mut().unwrap().remove("scope");
                claims[claim] = scope.clone();
            });
            let event = event(
                "/admin/users",
                json!({"authorization": format!("Bearer {token}")}),
            );
            assert_eq!(
                reason_of(&authorizer, event).await,
                expected,
                "{claim} {scope}"
            );
        }
    }
}
