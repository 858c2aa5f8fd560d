//! `tollgate console`: for the local gateway, and for a deployed API.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use serde_json::json;
use testing::{HttpReply, HttpServer};

use crate::console_process::{
    Browser, ConsoleProcess, PLANS, code, code_folders, mode, until, with_credentials,
};
use crate::program::{GatewayProcess, text, tollgate};
use crate::signature::{Account, assert_is_signed};
use crate::stack::{error, of_stack};

#[test]
fn browser_opens_a_private_file_and_the_code_is_in_no_argument() {
    let account = Account::new();
    let browser = Browser::in_folder(account.path());
    let mut console = ConsoleProcess::start(&account, &browser, &[]);

    let page = browser.page(None);
    let folders = code_folders(account.path());
    let [folder] = &*folders else {
        panic!("{folders:?}")
    };
    let file = folder.join("open.html");
    assert_eq!(browser.arguments(), [file.to_str().unwrap()]);
    assert_eq!((mode(folder), mode(&file)), (0o700, 0o600));
    let address = format!("http://{}/_tollgate/console/#code=", console.host);
    assert!(page.contains(&address), "{page}");

    let code = code(&page);
    let arguments = fs::read(format!("/proc/{}/cmdline", console.child.id()));
    // Other systems than Linux have no such file.
    assert!(!text(&arguments.unwrap_or_default()).contains(code));
    assert!(!console.output().contains(code), "{}", console.output());
    assert_eq!(console.end_by("INT"), Some(0));
    assert!(code_folders(account.path()).is_empty());
}

#[test]
fn requests_of_the_page_are_signed_and_the_used_file_is_deleted() {
    let account = Account::new();
    let browser = Browser::in_folder(account.path());
    let console = ConsoleProcess::start(&account, &browser, &[]);

    let page = browser.page(None);
    let session = console.session(&page);
    console.line("The page was opened.");
    let file = code_folders(account.path())[0].join("open.html");
    until("the file is deleted", || (!file.exists()).then_some(()));

    let response = console.send("GET", PLANS, &session, "");
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    let received = account.server.requests().pop().unwrap();
    assert_eq!(received.target, PLANS);
    assert_is_signed(&received, "eu-west-1", None);
    assert!(!console.output().contains(&session));
}

#[test]
fn changes_need_the_option_write() {
    let account = Account::new();
    account.server.reply(
        "PUT /_tollgate/v1/plans/a",
        HttpReply::json(200, &json!({})),
    );
    let browser = Browser::in_folder(account.path());
    let mut known = None;
    for (arguments, status, line) in [
        (&[][..], "403", "To make changes, start it with --write."),
        (
            &["--write"],
            "200",
            "The console can make changes with your AWS credentials.",
        ),
    ] {
        let console = ConsoleProcess::start(&account, &browser, arguments);
        console.line(line);
        let page = browser.page(known.as_deref());
        let session = console.session(&page);
        let response = console.send("PUT", "/_tollgate/v1/plans/a", &session, "{}");
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status}")),
            "{response}"
        );
        known = Some(page);
    }
    let changes = account.server.requests();
    assert_eq!(
        changes
            .iter()
            .filter(|request| request.method == "PUT")
            .count(),
        1
    );
}

#[test]
fn enter_opens_the_page_again_and_ends_the_previous_code() {
    let account = Account::new();
    let browser = Browser::in_folder(account.path());
    let mut console = ConsoleProcess::start(&account, &browser, &[]);

    let first = browser.page(None);
    console.press_enter();
    let second = browser.page(Some(&first));
    let body = format!("{{\"code\": \"{}\"}}", code(&first));
    let response = console.send("POST", "/_tollgate/console/api/session", "local", &body);
    assert!(response.starts_with("HTTP/1.1 401"), "{response}");

    let session = console.session(&second);
    console.press_enter();
    let third = browser.page(Some(&second));
    console.session(&third);
    let response = console.send("GET", PLANS, &session, "");
    assert!(
        response.starts_with("HTTP/1.1 200"),
        "the first tab continues: {response}"
    );
}

#[test]
fn without_a_browser_the_file_and_the_port_are_named() {
    let account = Account::new();
    let browser = Browser::in_folder(account.path());
    let mut console = ConsoleProcess::start(&account, &browser, &["--no-browser"]);

    let folder = until("a folder", || code_folders(account.path()).pop());
    let file = folder.join("open.html");
    console.line(&format!("within 30 s: {}", file.display()));
    console.line(&format!(
        "(umask 077; ssh HOST cat {} > tollgate.html)",
        file.display()
    ));
    let port = console.port;
    console.line(&format!("ssh -N -L {port}:127.0.0.1:{port} HOST"));
    assert!(browser.arguments().is_empty());

    let page = fs::read_to_string(&file).unwrap();
    assert!(
        !console.output().contains(code(&page)),
        "{}",
        console.output()
    );
    console.session(&page);
    assert_eq!(console.end_by("TERM"), Some(0));
    assert!(!folder.exists());
}

#[test]
fn browser_that_fails_is_named_and_the_file_can_still_be_opened() {
    let account = Account::new();
    let browser = Browser::in_folder(account.path());
    let mut command = account.command(&[
        "console",
        "--url",
        &account.server.url(),
        "--region",
        "eu-west-1",
    ]);
    with_credentials(&mut command);
    command
        .env("XDG_RUNTIME_DIR", account.path())
        .env("BROWSER", "/nonexistent/browser:false");
    let console = ConsoleProcess::spawn(&mut command);

    console.line("warning: no browser was opened: `false` failed");
    console.line("Open this file in a browser on this machine");
    assert!(browser.arguments().is_empty());
}

#[test]
fn folder_of_the_code_can_be_chosen() {
    let account = Account::new();
    let browser = Browser::in_folder(account.path());
    let chosen = tempfile::tempdir().unwrap();
    let folder = chosen.path().to_str().unwrap();
    let mut console = ConsoleProcess::start(&account, &browser, &["--code-folder", folder]);
    browser.page(None);
    assert_eq!(code_folders(chosen.path()).len(), 1);
    assert!(code_folders(account.path()).is_empty());
    assert_eq!(console.end_by("HUP"), Some(0));
    assert!(code_folders(chosen.path()).is_empty());
}

#[test]
fn port_that_is_in_use_is_an_error() {
    let account = Account::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let mut command = deployed(&account, &["--port", &port]);
    with_credentials(&mut command);
    assert_fails(
        command,
        &format!(
            "tollgate: cannot listen on port {port} of loopback: it is in use, choose another one with --port\n"
        ),
    );
    assert!(account.server.requests().is_empty());
}

#[test]
fn missing_credentials_and_unknown_stacks_are_errors_as_of_other_commands() {
    let account = Account::new();
    assert_fails(
        deployed(&account, &[]),
        "tollgate: no AWS credentials found.",
    );

    let missing = "Stack with id prod does not exist";
    account
        .server
        .reply("POST /", error(400, "ValidationError", missing));
    let command = of_stack(&account, account.command(&["console"]));
    assert_fails(command, "tollgate: stack prod:");
    assert!(code_folders(account.path()).is_empty());
}

#[test]
fn server_without_an_admin_api_is_an_error() {
    let account = Account::new();
    let other = HttpServer::start();
    let mut command = account.command(&["console", "--url", &other.url(), "--region", "eu-west-1"]);
    with_credentials(&mut command);
    command.env("XDG_RUNTIME_DIR", account.path());
    assert_fails(command, "is it Tollgate?");
    assert!(code_folders(account.path()).is_empty());
}

#[test]
fn denied_access_is_a_warning_because_the_identity_may_have_other_permissions() {
    let account = Account::new();
    let server = HttpServer::start();
    server.reply(
        &format!("GET {PLANS}"),
        HttpReply::json(403, &json!({"message": "Forbidden"})),
    );
    let mut command = account.command(&[
        "console",
        "--url",
        &server.url(),
        "--region",
        "eu-west-1",
        "--no-browser",
    ]);
    with_credentials(&mut command);
    command.env("XDG_RUNTIME_DIR", account.path());
    let console = ConsoleProcess::spawn(&mut command);
    let permission = "Expected the permission execute-api:Invoke on arn:aws:execute-api:eu-west-1:";
    console.line(permission);

    let file = || {
        let folder = code_folders(account.path()).pop()?;
        fs::read_to_string(folder.join("open.html")).ok()
    };
    let page = until("the file", || {
        file().filter(|page| page.ends_with("</html>\n"))
    });
    let response = console.send("GET", PLANS, &console.session(&page), "");
    assert!(response.starts_with("HTTP/1.1 403"), "{response}");
    assert!(response.contains(permission), "{response}");
}

#[test]
fn invalid_signature_is_not_a_lack_of_permissions() {
    let account = Account::new();
    let expired = json!({"message": "The security token included in the request is expired"});
    account
        .server
        .reply("GET /_tollgate/v1/keys", HttpReply::json(403, &expired));
    let browser = Browser::in_folder(account.path());
    let console = ConsoleProcess::start(&account, &browser, &[]);
    let session = console.session(&browser.page(None));
    let response = console.send("GET", "/_tollgate/v1/keys", &session, "");
    assert!(response.starts_with("HTTP/1.1 503"), "{response}");
    assert!(response.contains("expired"), "{response}");
}

#[test]
fn console_of_the_local_gateway_is_opened_at_its_address() {
    let gateway = GatewayProcess::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let browser = Browser::in_folder(folder.path());
    let url = format!("http://{}", gateway.address);
    let output = tollgate(&["console", "--url", &url])
        .env("BROWSER", browser.program())
        .output()
        .unwrap();

    let address = format!("{url}/_tollgate/console/");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stdout), format!("Console: {address}\n"));
    assert_eq!(browser.arguments(), [&*address]);

    let output = tollgate(&["console", "--url", &url, "--no-browser"])
        .env("BROWSER", browser.program())
        .output()
        .unwrap();
    assert_eq!(text(&output.stdout), format!("Console: {address}\n"));
    assert_eq!(browser.arguments().len(), 1);

    let output = tollgate(&["console", "--url", &url, "--port", "8300"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--port and --code-folder are for a deployed API"));
}

#[test]
fn gateway_that_does_not_run_is_an_error_with_the_next_step() {
    let command = tollgate(&["console", "--url", "http://127.0.0.1:1"]);
    assert_fails(
        command,
        "is the gateway running? Start it with `tollgate serve`",
    );

    let other = HttpServer::start();
    let command = tollgate(&["console", "--url", &other.url()]);
    assert_fails(command, "this server has no console (status 404)");
}

fn deployed(account: &Account, arguments: &[&str]) -> Command {
    let url = account.server.url();
    let target = ["console", "--url", &url, "--region", "eu-west-1"];
    let mut command = account.command(&[&target, arguments].concat());
    command.env("XDG_RUNTIME_DIR", account.path());
    command
}

/// Runs a command that fails with exit code 2 and this text.
fn assert_fails(mut command: Command, expected: &str) {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let failure = text(&output.stderr);
    assert!(failure.contains(expected), "{failure}");
    assert_eq!(text(&output.stdout), "");
}
