//! A DNS server that answers as it is told, over UDP and TCP, and counts.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::op::{Header, HeaderCounts, Metadata, ResponseCode};
use hickory_server::proto::rr::{Name, RData, Record, RecordType, rdata};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};

/// An answer to one query.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// These addresses, as a cache gives them.
    Addresses(Vec<IpAddr>),
    /// These, from the zone's own server.
    Authoritative(Vec<IpAddr>),
    /// Nothing but this code.
    Code(ResponseCode),
    /// An alias, and the addresses of what it stands for.
    Alias(&'static str, Vec<IpAddr>),
    /// Over UDP, that the answer is too long; these over TCP.
    Truncated(Vec<IpAddr>),
    /// The same, late.
    Late(Duration, Vec<IpAddr>),
    /// Nothing at all.
    Silence,
}

/// One query: its name without the last dot, its type and its way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) name: String,
    pub(crate) record_type: RecordType,
    pub(crate) tcp: bool,
}

type Script = Box<dyn FnMut(&Query) -> Reply + Send>;

struct Handler {
    script: Arc<Mutex<Script>>,
    queries: Arc<Mutex<Vec<Query>>>,
}

/// The server, which ends with the test.
pub(crate) struct Names {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
    queries: Arc<Mutex<Vec<Query>>>,
    _server: Server<Handler>,
}

impl Names {
    pub(crate) async fn start(script: impl FnMut(&Query) -> Reply + Send + 'static) -> Self {
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

    /// Always the same.
    pub(crate) async fn of(reply: Reply) -> Self {
        Self::start(move |_| reply.clone()).await
    }

    /// From now on this.
    pub(crate) fn now(&self, reply: Reply) {
        *self.script.lock().unwrap() = Box::new(move |_| reply.clone());
    }

    pub(crate) fn queries(&self) -> Vec<Query> {
        self.queries.lock().unwrap().clone()
    }
}

/// 10.0.0.x.
pub(crate) fn private(lasts: impl IntoIterator<Item = u8>) -> Vec<IpAddr> {
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
        let query = Query {
            name: question.name().to_ascii().trim_end_matches('.').to_owned(),
            record_type: question.query_type(),
            tcp: request.protocol() == Protocol::Tcp,
        };
        self.queries.lock().unwrap().push(query.clone());
        let reply = (self.script.lock().unwrap())(&query);
        if let Reply::Late(after, _) = &reply {
            tokio::time::sleep(*after).await;
        }
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.recursion_available = true;
        let name = question.name();
        let records = match reply {
            Reply::Silence => {
                return Header {
                    metadata,
                    counts: HeaderCounts::default(),
                }
                .into();
            }
            Reply::Code(code) => {
                metadata.response_code = code;
                Vec::new()
            }
            Reply::Truncated(_) if !query.tcp => {
                metadata.truncation = true;
                Vec::new()
            }
            Reply::Authoritative(addresses) => {
                metadata.authoritative = true;
                records(name, &query, &addresses)
            }
            Reply::Alias(target, addresses) => {
                let target = Name::from_ascii(target).unwrap();
                let alias = Record::from_rdata(
                    name.clone(),
                    60,
                    RData::CNAME(rdata::CNAME(target.clone())),
                );
                [vec![alias], records(&target, &query, &addresses)].concat()
            }
            Reply::Addresses(addresses)
            | Reply::Truncated(addresses)
            | Reply::Late(_, addresses) => records(name, &query, &addresses),
        };
        let nothing = || std::iter::empty::<&Record>();
        let response = MessageResponseBuilder::from_message_request(request);
        handle
            .send_response(response.build(metadata, &records, nothing(), nothing(), nothing()))
            .await
            .unwrap()
    }
}

/// Those that the query asks for.
fn records(name: &Name, query: &Query, addresses: &[IpAddr]) -> Vec<Record> {
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
