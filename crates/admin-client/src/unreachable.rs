//! Network faults, as an operator reads them.

use aws::{CallError, Cause, Fate};

/// Returns the message for a call of `target` without a response.
///
/// If the request changes something and may have been applied, the message says so.
pub(crate) fn message(
    target: &str,
    error: &CallError,
    has_certificate: bool,
    is_write: bool,
) -> String {
    let text = match error {
        CallError::TimedOut { waited, .. } => {
            format!("no response within {} s", waited.as_secs())
        }
        CallError::BodyTooLarge { limit, .. } => {
            format!("the response is larger than {limit} bytes: is it Tollgate?")
        }
        error => error.to_string(),
    };
    let hint = hint(error, has_certificate).unwrap_or_default();
    let is_lost = is_write && error.fate() != Fate::NotApplied;
    let effect = if is_lost { MAY_BE_MADE } else { "" };
    format!("{target}: {text}{hint}{effect}")
}

const MAY_BE_MADE: &str = "\nthe change may have been made, look before you repeat it";

/// Returns the next step, if there is an obvious one.
fn hint(error: &CallError, has_certificate: bool) -> Option<&'static str> {
    let CallError::Transport {
        host,
        cause,
        source,
        ..
    } = error
    else {
        return None;
    };
    match cause {
        Cause::Refused if is_local(host) => Some(
            "\nis the gateway running? Start it with `tollgate serve`, or select another API with \
             --url or --stack",
        ),
        Cause::UnknownAuthority => {
            Some("\nto trust a private authority, set EXTRA_CA_CERTS to its PEM file")
        }
        _ if wants_certificate(source.as_ref()) && has_certificate => {
            Some("\nthe server does not accept the client certificate of --cert")
        }
        _ if wants_certificate(source.as_ref()) => {
            Some("\nthe server expects a client certificate, give it with --cert and --key")
        }
        _ => None,
    }
}

fn is_local(host: &str) -> bool {
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    aws::is_loopback(host)
}

/// True if a call failed for lack of a valid client certificate.
pub(crate) fn is_lack_of_certificate(error: &CallError) -> bool {
    matches!(error, CallError::Transport { source, .. } if wants_certificate(source.as_ref()))
}

/// True if a server ended a handshake for lack of a valid client certificate.
fn wants_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        let alerts = [
            "CertificateRequired",
            "HandshakeFailure",
            "BadCertificate",
            "UnknownCA",
        ];
        if text.contains("received fatal alert") && alerts.iter().any(|it| text.contains(it)) {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timeout_and_size_have_numbers() {
        let host = || "api.example:443".to_owned();
        let waited = Duration::from_secs(35);
        let late = CallError::TimedOut {
            host: host(),
            waited,
        };
        let text = message("stack prod (https://api.example)", &late, false, false);
        assert_eq!(
            text,
            "stack prod (https://api.example): no response within 35 s"
        );

        let large = CallError::BodyTooLarge {
            host: host(),
            limit: 1_024,
        };
        let text = message("https://api.example", &large, false, false);
        assert!(text.contains("larger than 1024 bytes"), "{text}");
    }

    #[test]
    fn lost_response_of_a_change_is_pointed_out() {
        let host = || "api.example:443".to_owned();
        let waited = Duration::from_secs(35);
        let late = CallError::TimedOut {
            host: host(),
            waited,
        };
        let text = message("https://a", &late, false, true);
        assert!(
            text.ends_with("\nthe change may have been made, look before you repeat it"),
            "{text}"
        );

        let unsent = CallError::NoTimeLeft { host: host() };
        assert!(!message("https://a", &unsent, false, true).contains("may have been made"));
    }

    #[test]
    fn local_hosts_have_ports() {
        for (host, expected) in [
            ("127.0.0.1:3000", true),
            ("localhost", true),
            ("[::1]:3000", true),
            ("api.example:443", false),
        ] {
            assert_eq!(is_local(host), expected, "{host}");
        }
    }
}
