//! A client of the admin API, for the command line.
//!
//! - **Purpose**: finds the API that a command is about, sends requests to it, follows pages, and
//!   turns every failure into one readable message.
//! - **Reads**: `TOLLGATE_URL`, `TOLLGATE_STACK`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`,
//!   `EXTRA_CA_CERTS`, `SSL_CERT_FILE`, and what the AWS credential chain reads. The outputs of a
//!   stack, and usage plans for an import.
//! - **Writes**: nothing but requests.
//! - **On failure**: [`ClientError`] separates a refusal of the API from a mistake of the caller,
//!   and has the exit code of the command.
//!
//! ```no_run
//! # async fn example() -> Result<(), admin_client::ClientError> {
//! use admin_client::{AdminClient, AdminRequest, TargetOptions, path};
//!
//! let client = AdminClient::connect(&TargetOptions::default()).await?;
//! let plan = client.get(&path(&["plans", "free"])).await?;
//! let etag = plan.etag().unwrap_or_default();
//!
//! let change = AdminRequest::put(path(&["plans", "free"]), &plan.json()?).if_match(etag);
//! client.send(change).await?;
//!
//! let mut pages = client.pages("/keys");
//! while let Some(keys) = pages.next().await? {
//!     assert!(keys.len() <= 100);
//! }
//! # Ok(())
//! # }
//! ```

mod api;
mod api_gateway;
mod aws_account;
mod aws_api;
mod aws_error;
mod client;
mod client_certificate;
mod credentials;
mod credentials_error;
mod environment;
mod error;
mod forward;
mod hyper_client;
mod identity;
mod network;
mod options;
mod pages;
mod path;
mod problem;
mod refusal;
mod region;
mod request;
mod response;
mod signer;
mod stack;
mod subject;
mod success;
mod target;
mod unreachable;
mod upper_case;
mod xml;

pub use api_gateway::ApiGatewayReader;
pub use aws_account::AwsAccount;
pub use aws_api::AwsService;
pub use aws_error::AwsError;
pub use client::AdminClient;
pub use client_certificate::CertificateError;
pub use credentials::ProfileChoice;
pub use credentials_error::CredentialsError;
pub use error::ClientError;
pub use options::TargetOptions;
pub use pages::Pages;
pub use path::{ApiPath, path};
pub use refusal::Refusal;
pub use request::AdminRequest;
pub use response::AdminResponse;
pub use stack::StackError;
pub use target::TargetError;
