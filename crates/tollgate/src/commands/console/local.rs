//! The console that the local gateway serves itself.

use std::process::ExitCode;
use std::time::Duration;

use admin_client::AdminClient;
use bytes::Bytes;
use console::{CONSOLE_HEADER, CONSOLE_PATH};
use http::{Request, StatusCode};
use serde_json::Value;

use super::ConsoleOptions;
use super::browser::Browser;
use crate::commands::CommandError;
use crate::output::{note, print_line, until_closed};

/// The time for the gateway to respond.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Checks that the gateway has a console, prints its address and opens it.
///
/// # Errors
/// [`CommandError`] if there is no such gateway, or if an option is only for a deployed API.
pub(super) async fn open(
    client: &AdminClient,
    options: &ConsoleOptions,
) -> Result<ExitCode, CommandError> {
    if options.port.is_some() || options.code_folder.is_some() {
        return Err(CommandError::usage(format!(
            "--port and --code-folder are for a deployed API: the gateway at {} serves the console \
             itself",
            client.url()
        )));
    }
    check(client).await?;

    let address = format!("{}{CONSOLE_PATH}/", client.url());
    until_closed(print_line(&format!("Console: {address}")))?;
    match Browser::of_environment().filter(|_| !options.no_browser) {
        None => note("Open the address in a browser on this machine."),
        Some(browser) => {
            if let Err(problem) = browser.open(address.as_ref()).await {
                note(&format!(
                    "{problem}. Open the address in a browser on this machine."
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks that the gateway has a console.
async fn check(client: &AdminClient) -> Result<(), CommandError> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = format!("{CONSOLE_PATH}/api/target")
        .parse()
        .unwrap_or_default();
    let value = http::HeaderValue::from_static("local");
    request.headers_mut().insert(CONSOLE_HEADER, value);
    let response = client.call(request, TIMEOUT).await?;

    let target: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    if response.status() == StatusCode::OK && target["kind"] == "local" {
        return Ok(());
    }
    Err(CommandError::usage(format!(
        "{}: this server has no console (status {}): is it a gateway of this version?",
        client.url(),
        response.status().as_u16()
    )))
}
