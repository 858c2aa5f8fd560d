//! The certificate authorities that a function's program trusts.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::{FailedStart, LambdaRuntime, RuntimeMessage, TlsServer};

/// The variable with the file that replaces the built-in authorities.
const FILE: &str = "SSL_CERT_FILE";

/// A function's program, whose calls go to an https server of a private authority.
pub struct TrustTest<'t> {
    /// The path of the program.
    pub program: &'t str,
    /// The settings, without the address of the server.
    pub settings: &'t [(&'t str, &'t str)],
    /// The setting with the address of the server, and the text around it.
    pub address: (&'t str, [&'t str; 2]),
    /// An event that makes the function call the server. `None` if startup already calls it.
    pub event: Option<&'t str>,
}

impl TrustTest<'_> {
    /// Checks that only the private authority in `SSL_CERT_FILE` makes the program send requests,
    /// and that a file that cannot be used aborts startup.
    ///
    /// # Panics
    /// If the program trusts another authority, or starts with an invalid file.
    pub fn file_replaces_the_built_in_authorities(&self) {
        self.variable_adds_authorities(FILE);
        for (path, problem) in [
            ("/no/such.pem", "No such file or directory"),
            ("/dev/null", "no certificate found"),
        ] {
            let settings = [self.settings, &[(FILE, path)]].concat();
            FailedStart::of(self.program, &settings).assert_names(FILE, problem);
        }
    }

    /// Checks that the program sends requests only if the file in `variable` has the authority of
    /// the server. Otherwise the log has the cause.
    ///
    /// # Panics
    /// If the program trusts another authority.
    pub fn variable_adds_authorities(&self, variable: &str) {
        let known = TlsServer::authority_file();
        let unknown = TlsServer::other_authority_file();

        for file in [None, Some(unknown), Some(known.clone())] {
            let is_trusted = file.as_ref() == Some(&known);
            let server = TlsServer::start();
            let log = self.run(&server, variable, file.as_ref());

            assert_eq!(server.requests() > 0, is_trusted, "{file:?}: {log}");
            let is_unknown = log.contains("unknown CA") || log.contains("unknown_ca");
            assert_eq!(is_unknown, !is_trusted, "{file:?}: {log}");
        }
    }

    /// Runs the program until it has called the server. Returns its log, and its response.
    fn run(&self, server: &TlsServer, variable: &str, file: Option<&PathBuf>) -> String {
        let (name, [before, after]) = self.address;
        let mut program = Command::new(self.program);
        program
            .env_clear()
            .envs(self.settings.iter().copied())
            .env(name, [before, &server.url(""), after].concat());
        if let Some(file) = file {
            program.env(variable, file);
        }

        let Some(event) = self.event else {
            let output = program.stdin(Stdio::null()).output().unwrap();
            return String::from_utf8(output.stdout).unwrap();
        };
        let (mut log, output) = std::io::pipe().unwrap();
        let response = invoked(program, output.into(), event);

        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        format!("{text}\n{response:?}")
    }
}

/// Starts a program, sends it an event and returns its response. `TlsServer` cannot be used within
/// a Tokio runtime, so this uses one of its own.
fn invoked(program: Command, output: Stdio, event: &str) -> RuntimeMessage {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio.block_on(async {
        let mut runtime = LambdaRuntime::start(program, output).await;
        assert_eq!(runtime.next().await, RuntimeMessage::Ready);
        runtime.invoke(event).await
    })
}
