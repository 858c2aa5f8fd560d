//! The place of the token: a header, with or without a scheme, or a cookie.

use serde_json::{Value, json};

use crate::support::*;

/// The host of the events.
const HOST: &str = "abcdefghij.execute-api.eu-central-1.amazonaws.com";
const ARN: &str = "arn:aws:execute-api:eu-central-1:123456789012:abcdefghij/prod/GET/orders";

fn authorizer_reading(signer: &Signer, token: Value) -> TestAuthorizer {
    let mut policy = policy(&signer.jwks());
    policy["token"] = token;
    authorizer(&policy)
}

/// Returns an event of format 2.0 with these cookies.
fn cookie_event(cookies: &[&str], mut headers: Value) -> Value {
    headers["host"] = HOST.into();
    let mut event = event("/orders", headers);
    event["cookies"] = json!(cookies);
    event
}

fn with_method(mut event: Value, method: &str) -> Value {
    event["requestContext"]["http"]["method"] = method.into();
    event
}

/// Returns an event of a REST API.
fn rest_event(method: &str, headers: Value) -> Value {
    json!({
        "type": "REQUEST", "methodArn": ARN, "resource": "/{proxy+}", "path": "/orders", "httpMethod": method,
        "headers": headers, "pathParameters": {"proxy": "orders"},
        "requestContext": {"requestId": "r1", "stage": "prod", "httpMethod": method,
                           "identity": {"sourceIp": "192.0.2.1", "clientCert": null}},
    })
}

#[tokio::test]
async fn token_without_a_scheme_is_accepted_if_the_policy_says_so() {
    let signer = Signer::of("ES256");
    let token = signer.with(|_| ());
    let without = authorizer_reading(&signer, json!({"scheme": "none"}));
    let with = authorizer_reading(&signer, json!({"scheme": "Bearer"}));
    for (value, if_none, if_bearer) in [
        (token.clone(), "ok", "401"),
        (format!("Bearer {token}"), "ok", "ok"),
        (format!("bearer {token}"), "ok", "ok"),
        (format!("Basic {token}"), "401", "401"),
        (format!("{token},{token}"), "401", "401"),
        (format!("{token} "), "401", "401"),
        (String::new(), "401", "401"),
        ("opaque".to_owned(), "401", "401"),
    ] {
        let event = event("/orders", json!({"Authorization": value}));
        assert_eq!(reason_of(&without, event.clone()).await, if_none, "{value}");
        assert_eq!(reason_of(&with, event).await, if_bearer, "{value}");
    }
}

#[tokio::test]
async fn token_is_read_only_from_the_configured_header() {
    let signer = Signer::of("ES256");
    let token = signer.with(|_| ());
    let location = json!({"header": "Cf-Access-Jwt-Assertion", "scheme": "none"});
    let authorizer = authorizer_reading(&signer, location);
    for (headers, expected) in [
        (json!({"cf-access-jwt-assertion": token}), "ok"),
        (json!({"CF-Access-JWT-Assertion": token}), "ok"),
        (json!({"authorization": format!("Bearer {token}")}), "401"),
        (
            json!({"authorization": "Basic YTpi", "cf-access-jwt-assertion": token}),
            "ok",
        ),
        (
            json!({"authorization": "Basic YTpi", "x-api-key": PRO}),
            "ok",
        ),
        (
            json!({"cf-access-jwt-assertion": "a.b.c", "x-api-key": PRO}),
            "401",
        ),
    ] {
        let reason = reason_of(&authorizer, event("/orders", headers.clone())).await;
        assert_eq!(reason, expected, "{headers}");
    }
}

#[tokio::test]
async fn event_of_type_token_carries_the_token_of_any_header() {
    let signer = Signer::of("ES256");
    let token = signer.with(|_| ());
    let location = json!({"header": "x-access-token", "scheme": "none", "cookie": "s"});
    let authorizer = authorizer_reading(&signer, location);
    for (value, expected) in [(token.as_str(), "ok"), ("a.b.c", "401"), ("", "401")] {
        let event = json!({"type": "TOKEN", "authorizationToken": value, "methodArn": ARN});
        assert_eq!(reason_of(&authorizer, event).await, expected, "{value}");
    }
}

#[tokio::test]
async fn token_is_read_from_the_cookie() {
    let signer = Signer::of("ES256");
    let token = signer.with(|_| ());
    let authorizer = authorizer_reading(&signer, json!({"cookie": "__session"}));
    let (sent, list) = (
        format!("__session={token}"),
        format!("theme=dark; __session={token}"),
    );
    for (cookies, expected) in [
        (&[sent.as_str()][..], "ok"),
        (&["theme=dark", &sent], "ok"),
        (&[&list], "ok"),
        (&[&sent, &sent], "ok"),
        (&[&sent, "__session=a.b.c"], "401"),
        (&["__session=", &sent], "401"),
        (&["__session="], "401"),
        (&["__session"], "401"),
        (&["__session=a.b.c"], "401"),
        (&["__SESSION=a.b.c"], "401"),
        (&[&sent.replace("__session", "__Session")], "401"),
        (&[&sent.replace('=', "=Bearer ")], "401"),
        (&[], "401"),
    ] {
        let event = cookie_event(cookies, json!({}));
        assert_eq!(reason_of(&authorizer, event).await, expected, "{cookies:?}");
    }
}

#[tokio::test]
async fn cookies_of_the_other_formats_are_in_their_header() {
    let signer = Signer::of("ES256");
    let token = signer.with(|_| ());
    let authorizer = authorizer_reading(&signer, json!({"cookie": "__session"}));
    let list = format!("theme=dark; __session={token}");

    for mut event in [
        rest_event("GET", json!({"Cookie": list})),
        rest_event("GET", json!({"cookie": list})),
    ] {
        assert_eq!(reason_of(&authorizer, event.clone()).await, "ok");
        event["version"] = "1.0".into();
        assert_eq!(reason_of(&authorizer, event).await, "ok");
    }

    let mut several = rest_event("GET", json!({"Cookie": "theme=dark"}));
    several["multiValueHeaders"] = json!({"Cookie": [list, "theme=light"]});
    assert_eq!(reason_of(&authorizer, several.clone()).await, "ok");
    several["multiValueHeaders"] = json!({"Cookie": [list, "__session=a.b.c"]});
    assert_eq!(reason_of(&authorizer, several).await, "401");
}

#[tokio::test]
async fn header_decides_if_the_cookie_is_present_too() {
    let signer = Signer::of("ES256");
    let subject = |name: &str| signer.with(|claims| claims["sub"] = name.into());
    let authorizer = authorizer_reading(&signer, json!({"cookie": "__session"}));
    let cookie = format!("__session={}", subject("cookie"));
    let header = |value: String| cookie_event(&[&cookie], json!({"authorization": value}));

    let both = header(format!("Bearer {}", subject("header")));
    assert_eq!(
        context(&authorizer, both.clone()).await["user_id"],
        "header"
    );
    // A page of another site cannot send the header.
    assert_eq!(
        reason_of(&authorizer, with_method(both, "POST")).await,
        "ok"
    );
    for refused in ["Bearer a.b.c", "Basic YTpi", ""] {
        let event = header(refused.to_owned());
        assert_eq!(reason_of(&authorizer, event).await, "401", "{refused}");
    }
}

#[tokio::test]
async fn cookie_and_key_must_both_be_valid() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_reading(&signer, json!({"cookie": "__session"}));
    let good = format!("__session={}", signer.with(|_| ()));
    for (cookie, key, expected) in [
        (good.as_str(), PRO, "ok"),
        (&good, "no-such-key-00000000000000000", "401"),
        ("__session=a.b.c", PRO, "401"),
        ("__session=", PRO, "ok"),
        ("other=a.b.c", PRO, "ok"),
    ] {
        let event = cookie_event(&[cookie], json!({"x-api-key": key}));
        assert_eq!(reason_of(&authorizer, event).await, expected, "{cookie}");
    }
}

#[tokio::test]
async fn valid_key_does_not_replace_the_check_of_the_site() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_reading(&signer, json!({"cookie": "__session"}));
    let cookie = format!("__session={}", signer.with(|_| ()));
    for (cookies, headers, expected) in [
        (
            &[cookie.as_str()][..],
            json!({"x-api-key": PRO}),
            "cross_site",
        ),
        (
            &[&cookie],
            json!({"x-api-key": PRO, "sec-fetch-site": "same-origin"}),
            "ok",
        ),
        (&[], json!({"x-api-key": PRO}), "ok"),
    ] {
        let event = with_method(cookie_event(cookies, headers.clone()), "POST");
        let reason = reason_of(&authorizer, event).await;
        assert_eq!(reason, expected, "{cookies:?} {headers}");
    }
}

#[tokio::test]
async fn other_sites_cannot_use_the_cookie_except_to_read() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_reading(
        &signer,
        json!({"cookie": "__session", "origins": ["https://app.example.com"]}),
    );
    let cookie = format!("__session={}", signer.with(|_| ()));
    let own = format!("https://{HOST}");
    for (headers, expected) in [
        (json!({}), "cross_site"),
        (json!({"sec-fetch-site": "same-origin"}), "ok"),
        (json!({"sec-fetch-site": "same-site"}), "cross_site"),
        (json!({"sec-fetch-site": "cross-site"}), "cross_site"),
        (json!({"sec-fetch-site": "none"}), "cross_site"),
        (
            json!({"sec-fetch-site": "same-origin,same-origin"}),
            "cross_site",
        ),
        (json!({"origin": own}), "ok"),
        (json!({"origin": "https://app.example.com"}), "ok"),
        (
            json!({"origin": "https://app.example.com", "sec-fetch-site": "same-site"}),
            "ok",
        ),
        (json!({"origin": format!("http://{HOST}")}), "cross_site"),
        (json!({"origin": format!("{own}:8443")}), "cross_site"),
        (json!({"origin": "https://evil.example"}), "cross_site"),
        (
            json!({"origin": "https://app.example.com.evil"}),
            "cross_site",
        ),
        (json!({"origin": "null"}), "cross_site"),
        (json!({"origin": ""}), "cross_site"),
        (json!({"origin": format!("{own},{own}")}), "cross_site"),
        (
            json!({"origin": format!("{own},https://evil.example"), "sec-fetch-site": "same-origin"}),
            "cross_site",
        ),
        (json!({"referer": format!("{own}/form")}), "cross_site"),
    ] {
        let event = cookie_event(&[&cookie], headers.clone());
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let reason = reason_of(&authorizer, with_method(event.clone(), method)).await;
            assert_eq!(reason, expected, "{method} {headers}");
        }
        for method in ["GET", "HEAD", "OPTIONS"] {
            let reason = reason_of(&authorizer, with_method(event.clone(), method)).await;
            assert_eq!(reason, "ok", "{method} {headers}");
        }
    }
}

#[tokio::test]
async fn rest_apis_refuse_other_sites_too() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_reading(&signer, json!({"cookie": "__session"}));
    let cookie = format!("__session={}", signer.with(|_| ()));
    for (origin, expected) in [
        ("https://api.example.com", "ok"),
        ("https://evil.example", "cross_site"),
    ] {
        let headers = json!({"Cookie": cookie, "Host": "api.example.com", "Origin": origin});
        let event = rest_event("POST", headers);
        assert_eq!(reason_of(&authorizer, event).await, expected, "{origin}");
    }
}

#[tokio::test]
async fn preflight_request_with_a_token_is_checked() {
    let signer = Signer::of("ES256");
    let location = json!({"header": "x-access-token", "cookie": "__session"});
    let authorizer = authorizer_reading(&signer, location);
    for (cookie, header, expected) in [
        ("theme=dark", json!({}), "ok"),
        ("__session=a.b.c", json!({}), "401"),
        ("__session=", json!({}), "401"),
        ("theme=dark", json!({"x-access-token": "x"}), "401"),
        ("theme=dark", json!({"authorization": "x"}), "401"),
    ] {
        let mut headers = header.clone();
        headers["origin"] = "https://app.example".into();
        headers["access-control-request-method"] = "POST".into();
        let event = with_method(cookie_event(&[cookie], headers), "OPTIONS");
        let reason = reason_of(&authorizer, event).await;
        assert_eq!(reason, expected, "{cookie} {header}");
    }
}

#[tokio::test]
async fn refusal_has_a_detail_without_the_value() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_reading(&signer, json!({"cookie": "__session"}));
    let cookie = format!("__session={}", signer.with(|_| ()));
    let post = |headers: Value| with_method(cookie_event(&[&cookie], headers), "POST");
    for (event, expected) in [
        (post(json!({})), ["cross_site", "origin_missing"]),
        (
            post(json!({"origin": "https://MARK"})),
            ["cross_site", "origin_unknown"],
        ),
        (
            post(json!({"origin": "https://MARK,https://MARK"})),
            ["cross_site", "origin_repeated"],
        ),
        (
            cookie_event(&["__session=MARK", "__session=MARK2"], json!({})),
            ["malformed_credentials", "cookie_repeated"],
        ),
        (
            cookie_event(&["__session=MARK MARK"], json!({})),
            ["malformed_credentials", "form"],
        ),
        (
            cookie_event(&[], json!({"authorization": "Basic MARK"})),
            ["malformed_credentials", "scheme"],
        ),
    ] {
        let line = log_line(&authorizer, event).await;
        assert_eq!([&line["reason"], &line["detail"]], expected);
        assert_eq!(line["route"], "ANY /{proxy+}");
        assert!(!line.to_string().contains("MARK"), "{line}");
    }
}
