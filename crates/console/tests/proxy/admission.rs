//! Requests of other sites and programs.

use crate::call::Call;
use crate::setup::{PAGE, PLANS, SESSION, Setup, TARGET};

#[tokio::test]
async fn page_with_a_session_is_admitted() {
    let setup = Setup::start().await;
    for target in [TARGET, PLANS, SESSION] {
        let reply = setup.page_sends("GET", target, None).await;
        assert_eq!(reply.status, 200, "{target}: {reply:?}");
    }
}

#[tokio::test]
async fn only_the_own_host_is_served() {
    let setup = Setup::start().await;
    let session = setup.session().await;
    let (port, own) = (setup.address.port(), setup.host());
    let name = own.split(':').next().unwrap();
    let hosts = [
        format!("127.0.0.1:{port}"),
        format!("tollgate-{}.localhost:{port}", "0".repeat(32)),
        format!("sub.{own}"),
        format!("{name}.:{port}"),
        format!("{name}.evil.example:{port}"),
        format!("evil@{own}"),
        format!("{name}:{}", port ^ 1),
        name.to_owned(),
        own.to_uppercase(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.nip.io:{port}"),
        format!("localhost:{port}"),
        format!("[::1]:{port}"),
        format!("127.0.0.2:{port}"),
        format!("evil@127.0.0.1:{port}"),
        format!("127.0.0.1:{}", port ^ 1),
        format!("127.0.0.1:{port}:{port}"),
        "127.0.0.1".to_owned(),
        String::new(),
    ];
    for target in [TARGET, PLANS, PAGE] {
        for host in &hosts {
            let call = setup
                .sent_by_page("GET", target, &session)
                .with("host", Some(host));
            let reply = call.send(setup.address).await;
            assert_eq!(reply.status, 403, "{host}: {reply:?}");
            assert!(!reply.body.contains(name), "{reply:?}");
        }
        let without = setup
            .sent_by_page("GET", target, &session)
            .with("host", None);
        assert_eq!(without.send(setup.address).await.status, 403);
        let twice = setup
            .sent_by_page("GET", target, &session)
            .header("host", &setup.host());
        assert_eq!(twice.send(setup.address).await.status, 403);
    }
    assert!(setup.server.requests().is_empty());
}

#[tokio::test]
async fn request_of_another_origin_is_refused() {
    let setup = Setup::start().await;
    let session = setup.session().await;
    let (port, own) = (setup.address.port(), setup.origin());
    for origin in [
        "https://evil.example".to_owned(),
        "null".to_owned(),
        String::new(),
        format!("http://localhost:{port}"),
        format!("http://127.0.0.1:{port}"),
        own.replace("http://", "https://"),
        own.replace(&port.to_string(), &(port ^ 1).to_string()),
        own.replace(&format!(":{port}"), ""),
        format!("{own}/"),
        format!("{own}.evil.example"),
    ] {
        for target in [TARGET, PLANS, PAGE] {
            let call = setup.sent_by_page("GET", target, &session);
            let reply = call.with("origin", Some(&origin)).send(setup.address).await;
            assert_eq!(reply.status, 403, "{origin}: {reply:?}");
        }
    }

    let both = setup.sent_by_page("GET", TARGET, &session);
    let both = both.header("origin", "https://evil.example");
    assert_eq!(both.send(setup.address).await.status, 403);
    assert!(setup.server.requests().is_empty());
}

#[tokio::test]
async fn request_of_another_site_is_refused() {
    let setup = Setup::start().await;
    let session = setup.session().await;
    for (site, expected) in [
        (Some("same-origin"), 200),
        (Some("none"), 200),
        (None, 200),
        (Some("same-site"), 403),
        (Some("cross-site"), 403),
        (Some(""), 403),
        (Some("other"), 403),
    ] {
        let call = setup
            .sent_by_page("GET", PLANS, &session)
            .with("origin", None);
        let call = call.with("sec-fetch-site", site);
        assert_eq!(call.send(setup.address).await.status, expected, "{site:?}");
    }
}

#[tokio::test]
async fn other_site_can_only_open_the_page_in_a_tab() {
    let setup = Setup::start().await;
    let navigation = |target: &str| {
        Call::bare("GET", target, &setup.host())
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
    };
    let page = navigation(PAGE).send(setup.address).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Tollgate console"), "{page:?}");

    for refused in [
        navigation(PAGE).with("sec-fetch-dest", Some("iframe")),
        navigation(PAGE).with("sec-fetch-dest", Some("object")),
        navigation(PAGE).with("sec-fetch-mode", Some("no-cors")),
        navigation(PAGE).with("sec-fetch-mode", None),
        navigation(PAGE).header("origin", "https://evil.example"),
        navigation(PAGE).header("origin", "null"),
        navigation("/_tollgate/console/app/main.js"),
        navigation("/_tollgate/console"),
        navigation(TARGET),
        navigation(PLANS),
    ] {
        let reply = refused.send(setup.address).await;
        assert_eq!(reply.status, 403, "{refused:?}");
    }
}

#[tokio::test]
async fn preflight_requests_are_refused_and_no_response_allows_another_origin() {
    let setup = Setup::start().await;
    let session = setup.session().await;
    let preflight = Call::bare("OPTIONS", PLANS, &setup.host())
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "x-tollgate-console")
        .header("access-control-request-private-network", "true");

    for call in [
        preflight.clone(),
        preflight.with("origin", Some(&setup.origin())),
        setup.sent_by_page("GET", PLANS, &session),
        setup.sent_by_page("GET", PLANS, "wrong"),
        setup.sent_by_page("GET", PAGE, &session),
    ] {
        let reply = call.send(setup.address).await;
        let is_options = call.bytes().starts_with(b"OPTIONS");
        assert_eq!(reply.status == 405, is_options, "{reply:?}");
        let allows = |name: &&String| name.starts_with("access-control-");
        assert_eq!(reply.headers.keys().find(allows), None, "{reply:?}");
    }
}

#[tokio::test]
async fn other_methods_targets_and_protocols_are_refused() {
    let setup = Setup::start().await;
    let session = setup.session().await;
    let host = setup.host();
    for (method, target, expected) in [
        ("TRACE", PLANS, 405),
        ("CONNECT", "evil.example:443", 405),
        ("CONNECT", &*host, 405),
        ("BREW", PLANS, 405),
        ("OPTIONS", "*", 405),
        ("GET", "http://evil.example/_tollgate/v1/plans", 400),
        ("GET", &*format!("http://{host}/_tollgate/v1/plans"), 400),
    ] {
        let reply = setup
            .sent_by_page(method, target, &session)
            .send(setup.address)
            .await;
        assert_eq!(reply.status, expected, "{method} {target}: {reply:?}");
    }
    for (name, value) in [
        ("upgrade", "websocket"),
        ("connection", "keep-alive, Upgrade"),
    ] {
        let call = setup
            .sent_by_page("GET", PLANS, &session)
            .header(name, value);
        assert_eq!(call.send(setup.address).await.status, 400, "{name}");
    }
    assert!(setup.server.requests().is_empty());
}

#[tokio::test]
async fn files_contain_no_data_and_have_protective_headers() {
    let setup = Setup::start().await;
    let reply = setup
        .sent_by_page("GET", PAGE, "local")
        .send(setup.address)
        .await;
    assert_eq!(reply.status, 200);
    assert!(!reply.body.contains(&setup.server.url()), "{}", reply.body);
    let policy = &reply.headers["content-security-policy"];
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(reply.headers["referrer-policy"], "no-referrer");
    assert_eq!(reply.headers["cross-origin-resource-policy"], "same-origin");

    for unknown in [
        "/",
        "/_tollgate/consoleindex.html",
        "/_tollgate/console/%2e%2e/v1/plans",
    ] {
        let reply = setup
            .sent_by_page("GET", unknown, "local")
            .send(setup.address)
            .await;
        assert!([401, 404].contains(&reply.status), "{unknown}: {reply:?}");
    }
}
