//! A scripted DNS server over UDP and TCP that records its queries.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
pub use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::op::{Header, HeaderCounts, Metadata};
pub use hickory_server::proto::rr::RecordType;
use hickory_server::proto::rr::{Name, RData, Record, rdata};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};

/// The response to one query.
#[derive(Clone, Debug)]
pub enum DnsResponse {
    /// These addresses, as from a caching server.
    Addresses(Vec<IpAddr>),
    /// These addresses, with the flag of an authoritative server.
    Authoritative(Vec<IpAddr>),
    /// No records, and this response code.
    Code(ResponseCode),
    /// A CNAME record and the addresses of its target.
    Alias(&'static str, Vec<IpAddr>),
    /// A truncated response over UDP, and these addresses over TCP.
    Truncated(Vec<IpAddr>),
    /// These addresses, after a delay.
    Late(Duration, Vec<IpAddr>),
    /// No response.
    Silence,
}

/// A query that the server received.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsQuery {
    /// The name, without the last dot.
    pub name: String,
    /// The record type.
    pub record_type: RecordType,
    /// True if the query came over TCP.
    pub tcp: bool,
}

type Script = Box<dyn FnMut(&DnsQuery) -> DnsResponse + Send>;

struct Handler {
    script: Arc<Mutex<Script>>,
    queries: Arc<Mutex<Vec<DnsQuery>>>,
}

/// A running DNS server. Dropping it stops it.
pub struct DnsServer {
    /// The address that it listens on, for UDP and TCP.
    pub address: SocketAddr,
    script: Arc<Mutex<Script>>,
    queries: Arc<Mutex<Vec<DnsQuery>>>,
    _server: Server<Handler>,
}

impl DnsServer {
    /// Starts a server whose responses the script chooses.
    ///
    /// # Panics
    /// If no loopback port is free.
    pub async fn scripted(script: impl FnMut(&DnsQuery) -> DnsResponse + Send + 'static) -> Self {
        let (tcp, udp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
                break (tcp, udp);
            }
        };
        let address = tcp.local_addr().unwrap();
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(script)));
        let queries = Arc::default();
        let mut server = Server::new(Handler {
            script: Arc::clone(&script),
            queries: Arc::clone(&queries),
        });
        server.register_socket(udp);
        server.register_listener(tcp, Duration::from_secs(5), 64);
        Self {
            address,
            script,
            queries,
            _server: server,
        }
    }

    /// Starts a server that gives the same response to every query.
    pub async fn responding(response: DnsResponse) -> Self {
        Self::scripted(move |_| response.clone()).await
    }

    /// Gives this response to every query from now on.
    ///
    /// # Panics
    /// If an earlier script panicked.
    pub fn respond(&self, response: DnsResponse) {
        *self.script.lock().unwrap() = Box::new(move |_| response.clone());
    }

    /// Returns all queries so far, in the order of arrival.
    ///
    /// # Panics
    /// If a script panicked.
    #[must_use]
    pub fn queries(&self) -> Vec<DnsQuery> {
        self.queries.lock().unwrap().clone()
    }
}

/// Returns the addresses `10.0.0.x`, one for each number.
pub fn private_addresses(lasts: impl IntoIterator<Item = u8>) -> Vec<IpAddr> {
    lasts
        .into_iter()
        .map(|last| IpAddr::from([10, 0, 0, last]))
        .collect()
}

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut handle: R,
    ) -> ResponseInfo {
        let info = request.request_info().unwrap();
        let question = info.query.original();
        let query = DnsQuery {
            name: question.name().to_ascii().trim_end_matches('.').to_owned(),
            record_type: question.query_type(),
            tcp: request.protocol() == Protocol::Tcp,
        };
        self.queries.lock().unwrap().push(query.clone());
        let response = (self.script.lock().unwrap())(&query);
        if let DnsResponse::Late(after, _) = &response {
            tokio::time::sleep(*after).await;
        }
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.recursion_available = true;
        let name = question.name();
        let records = match response {
            DnsResponse::Silence => {
                return Header {
                    metadata,
                    counts: HeaderCounts::default(),
                }
                .into();
            }
            DnsResponse::Code(code) => {
                metadata.response_code = code;
                Vec::new()
            }
            DnsResponse::Truncated(_) if !query.tcp => {
                metadata.truncation = true;
                Vec::new()
            }
            DnsResponse::Authoritative(addresses) => {
                metadata.authoritative = true;
                records(name, &query, &addresses)
            }
            DnsResponse::Alias(target, addresses) => {
                let target = Name::from_ascii(target).unwrap();
                let alias = Record::from_rdata(
                    name.clone(),
                    60,
                    RData::CNAME(rdata::CNAME(target.clone())),
                );
                [vec![alias], records(&target, &query, &addresses)].concat()
            }
            DnsResponse::Addresses(addresses)
            | DnsResponse::Truncated(addresses)
            | DnsResponse::Late(_, addresses) => records(name, &query, &addresses),
        };
        let nothing = || std::iter::empty::<&Record>();
        let message = MessageResponseBuilder::from_message_request(request);
        handle
            .send_response(message.build(metadata, &records, nothing(), nothing(), nothing()))
            .await
            .unwrap()
    }
}

/// Returns a record for each address of the family that the query is for.
fn records(name: &Name, query: &DnsQuery, addresses: &[IpAddr]) -> Vec<Record> {
    let data = |address: &IpAddr| match (address, query.record_type) {
        (IpAddr::V4(address), RecordType::A) => Some(RData::A(rdata::A(*address))),
        (IpAddr::V6(address), RecordType::AAAA) => Some(RData::AAAA(rdata::AAAA(*address))),
        _ => None,
    };
    addresses
        .iter()
        .filter_map(data)
        .map(|data| Record::from_rdata(name.clone(), 60, data))
        .collect()
}
