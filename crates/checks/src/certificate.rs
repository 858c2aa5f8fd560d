//! Certificates of AWS Certificate Manager.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::aws::{Account, Call, Service, Unread, array, text};
use crate::findings::Findings;

/// The time before the expiry of a certificate from which on it needs attention. ACM renews its own
/// certificates 60 days before they expire.
const ATTENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A certificate of AWS Certificate Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    arn: String,
    status: String,
    /// The names. A name can begin with the wildcard `*.`.
    names: Vec<String>,
    /// The time at which it expires, or `None` before it is issued.
    expires: Option<Timestamp>,
    /// The origin: `AMAZON_ISSUED`, `IMPORTED` or `PRIVATE`.
    kind: String,
}

impl Certificate {
    fn of(value: &Value) -> Self {
        let field = |name: &str| text(&value[name]).to_owned();
        let mut names: Vec<String> = std::iter::once(&value["DomainName"])
            .chain(array(&value["SubjectAlternativeNames"]))
            .map(|name| text(name).to_ascii_lowercase())
            .filter(|name| !name.is_empty())
            .collect();
        names.sort_unstable();
        names.dedup();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the seconds of a time fit, and the fraction does not matter"
        )]
        let seconds = value["NotAfter"].as_f64().map(|seconds| seconds as i64);
        Self {
            arn: field("CertificateArn"),
            status: field("Status"),
            names,
            expires: seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()),
            kind: field("Type"),
        }
    }

    /// True if the certificate is from a public authority through ACM.
    pub(crate) fn is_public(&self) -> bool {
        self.kind == "AMAZON_ISSUED"
    }

    /// Returns the origin, such as `IMPORTED`.
    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the names as text.
    pub(crate) fn names(&self) -> String {
        self.names.join(", ")
    }

    /// True if the certificate is valid for a host name. A wildcard stands for one label.
    pub(crate) fn covers(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let parent = host.split_once('.').map(|(_, parent)| parent);
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(domain) => parent == Some(domain),
            None => *name == host,
        })
    }

    /// Adds the findings about a certificate that a server presents for a host name.
    pub(crate) fn decide(&self, findings: &mut Findings, host: &str, now: Timestamp) {
        let mut own = Findings::default();
        let Self { arn, status, .. } = self;
        if status != "ISSUED" {
            own.problem(format!("certificate {arn} is {status}, expected ISSUED"));
        }
        if !self.covers(host) {
            let names = self.names();
            own.problem(format!(
                "certificate {arn} is valid for {names}, expected {host}"
            ));
        }
        if let Some(expires) = self.expires {
            let date = expires.strftime("%F");
            if expires <= now {
                own.problem(format!("certificate {arn} expired on {date}"));
            } else if expires.duration_since(now) < ATTENTION {
                own.warning(format!("certificate {arn} expires on {date}"));
            }
        }

        if own.is_empty() {
            let date = self
                .expires
                .map(|expires| expires.strftime("%F").to_string());
            let date = date.unwrap_or_default();
            own.fact(format!(
                "certificate {arn} is valid for {host} until {date}"
            ));
        }
        findings.merge(own.into_verdict());
    }
}

/// Reads a certificate.
pub(crate) async fn certificate(account: &Account, arn: &str) -> Result<Certificate, Unread> {
    let body = json!({"CertificateArn": arn});
    let call = Call::json(Service::Acm, "DescribeCertificate", &body);
    let response = account.read(&call).await?;
    Ok(Certificate::of(&response["Certificate"]))
}

#[cfg(test)]
mod tests {
    use crate::verdict::{Status, Verdict};

    use super::*;

    fn verdict(change: impl Fn(&mut Value), host: &str, now: &str) -> Verdict {
        let mut value = json!({
            "CertificateArn": "arn",
            "DomainName": "example.com",
            "SubjectAlternativeNames": ["example.com", "*.API.example.com"],
            "Status": "ISSUED",
            "Type": "AMAZON_ISSUED",
            // 2027-01-15T08:00:00Z
            "NotAfter": 1_800_000_000.0,
        });
        change(&mut value);
        let mut findings = Findings::default();
        let now = now.parse().unwrap();
        Certificate::of(&value).decide(&mut findings, host, now);
        findings.into_verdict()
    }

    const NOW: &str = "2026-11-29T00:00:00Z";

    #[test]
    fn names_and_wildcards_of_one_label_are_covered() {
        let status = |host| verdict(|_| {}, host, NOW).status;
        assert_eq!(status("example.com"), Status::Ok);
        assert_eq!(status("EXAMPLE.com"), Status::Ok);
        assert_eq!(status("v1.api.example.com"), Status::Ok);
        for host in [
            "api.example.com",
            "a.v1.api.example.com",
            "other.com",
            "com",
        ] {
            assert_eq!(status(host), Status::Failed, "{host}");
        }
    }

    #[test]
    fn expiry_within_30_days_is_a_warning() {
        let at = |now| verdict(|_| {}, "example.com", now);
        let valid = at("2026-12-16T07:59:59Z");
        let fact = "certificate arn is valid for example.com until 2027-01-15";
        assert_eq!(valid, Verdict::ok(fact));
        let soon = at("2026-12-16T08:00:01Z");
        assert_eq!(
            soon,
            Verdict::warning("certificate arn expires on 2027-01-15")
        );
        let expired = at("2027-01-15T08:00:00Z");
        assert_eq!(
            expired,
            Verdict::failed("certificate arn expired on 2027-01-15")
        );
    }

    #[test]
    fn certificate_that_is_not_issued_fails() {
        let pending = verdict(
            |value| {
                value["Status"] = "PENDING_VALIDATION".into();
                value["NotAfter"] = Value::Null;
            },
            "example.com",
            NOW,
        );
        let problem = "certificate arn is PENDING_VALIDATION, expected ISSUED";
        assert_eq!(pending, Verdict::failed(problem));
    }
}
