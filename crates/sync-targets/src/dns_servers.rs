//! `DNS_SERVERS`: the name servers that alb-sync queries.

use std::net::{AddrParseError, IpAddr, SocketAddr};
use std::str::FromStr as _;

const MAX_DNS_SERVERS: usize = 8;
const DNS_PORT: u16 = 53;

/// The invalid part of a list of name servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidServers {
    /// The address, or the whole list if it is too long.
    pub text: String,
    /// The expected form.
    pub expected: String,
}

/// Parses a list of addresses with or without a port, such as `10.0.0.2,10.0.1.2:53,[fd00::1]:53`.
///
/// # Errors
/// [`InvalidServers`] for the first invalid address, or for more than 8.
pub fn dns_servers(list: &str) -> Result<Vec<SocketAddr>, InvalidServers> {
    let servers = list
        .split(',')
        .map(|server| dns_server(server.trim()))
        .collect::<Result<Vec<_>, _>>()?;

    if servers.len() > MAX_DNS_SERVERS {
        return Err(InvalidServers {
            text: list.to_owned(),
            expected: format!("at most {MAX_DNS_SERVERS} servers"),
        });
    }
    Ok(servers)
}

fn dns_server(text: &str) -> Result<SocketAddr, InvalidServers> {
    let with_default_port = || {
        let address = IpAddr::from_str(text)?;
        Ok::<_, AddrParseError>(SocketAddr::new(address, DNS_PORT))
    };

    SocketAddr::from_str(text)
        .or_else(|_| with_default_port())
        .ok()
        .filter(|server| server.port() != 0)
        .ok_or_else(|| InvalidServers {
            text: text.to_owned(),
            expected: "an address such as 10.0.0.2:53".to_owned(),
        })
}
