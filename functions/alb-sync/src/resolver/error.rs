use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use telemetry::shorten;

/// The reason why a name has no addresses. None of these proves that its addresses are gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The name does not exist.
    #[error("does not exist (NXDOMAIN)")]
    NoSuchName,
    /// The name exists, without an address of this family.
    #[error("exists, but has no address of this type (NODATA)")]
    NoAddress,
    /// The name's CNAME records form a loop through the given name.
    #[error("cannot be resolved: its CNAME records form a loop through {0}")]
    AliasLoop(String),
    /// The name's CNAME records form a chain longer than the given limit.
    #[error("cannot be resolved: its CNAME records form a chain of more than {0} names")]
    AliasChain(usize),
    /// The server closed the connection, or truncated its response over both protocols.
    #[error(
        "cannot be resolved: the server closed the connection, or truncates its response over TCP as well"
    )]
    Closed,
    /// Every server responded with an error code, such as SERVFAIL or REFUSED.
    #[error("cannot be resolved: the servers answer {0}")]
    Server(String),
    /// No server responded in time.
    #[error("cannot be resolved in time")]
    TimedOut,
    /// No server is reachable, or the name or its responses are invalid.
    #[error("cannot be resolved: {0}")]
    Network(String),
}

impl From<&NetError> for ResolveError {
    fn from(error: &NetError) -> Self {
        match error {
            NetError::Dns(DnsError::NoRecordsFound(nothing)) => match nothing.response_code {
                ResponseCode::NXDomain => Self::NoSuchName,
                ResponseCode::NoError => Self::NoAddress,
                code => Self::Server(code.to_string()),
            },
            NetError::Dns(DnsError::ResponseCode(code)) => Self::Server(code.to_string()),
            NetError::Timeout => Self::TimedOut,
            other => {
                let reason = other.to_string();
                if reason.contains("cancel") {
                    Self::Closed
                } else {
                    Self::Network(shorten(reason))
                }
            }
        }
    }
}
