//! Authorization policies: documents, checks, and the rule for a request.
//!
//! A policy names the trusted issuers, servers and certificates, and defines which credentials each
//! route requires. The authorizer decides requests by it, the limiter validates it before it is
//! stored, and the `tollgate` binary reads it from a file. This crate only reads and checks
//! documents: it makes no calls and logs nothing.
//!
//! - input: a policy as JSON ([`Policy::parse`]), or the value of `AUTH_POLICY`
//!   ([`PolicySource::parse`])
//! - output: a checked [`Policy`] with its [warnings](Policy::warnings) and the
//!   [plans](Policy::named_plans) it names
//! - on failure: a [`PolicyTextError`] that names the field and never contains a secret
//!
//! With the feature `schema`, the documents implement `utoipa::ToSchema`, so that the OpenAPI
//! document describes the types that read a policy.
//!
//! ```
//! use policy::{Auth, KeyHeader, Policy};
//!
//! let text = r#"{"rules": [{"match": "GET /health", "auth": "none"}, {"match": "ANY /{proxy+}", "auth": "api_key"}]}"#;
//! let policy = Policy::parse(text, &KeyHeader::default(), &|name| std::env::var(name).ok())?;
//! assert_eq!(policy.rule("GET", "/orders/7").map(|rule| rule.auth), Some(Auth::ApiKey));
//!
//! let error = Policy::parse(r#"{"rules": [{"match": "/orders", "auth": "any"}]}"#, &KeyHeader::default(), &|_| None);
//! assert!(error.unwrap_err().to_string().starts_with("rules[0].match: `/orders` is not a route key"));
//! # Ok::<(), policy::PolicyTextError>(())
//! ```

mod address;
mod algorithm;
mod assertions;
mod audiences;
mod base64url;
mod bearer_keys;
mod claim_mapping;
mod claim_reference;
mod discovery;
mod error;
mod front;
pub mod header_value;
mod introspection_client;
mod introspection_document;
mod introspection_server;
mod issuer;
mod issuer_document;
mod issuer_names;
mod issuer_secret;
mod jwk;
mod key_header;
mod key_set;
mod literal_secrets;
mod mtls;
mod paths_document;
mod plan_mapping;
mod policy;
mod policy_check;
mod policy_document;
mod policy_text;
mod present;
mod required_claim;
mod rule;
mod rule_check;
mod rule_document;
mod secret_reference;
mod source;
mod tenants;
mod token_document;
mod token_header;
mod token_location;
mod token_origin;
mod warning;

pub use address::{FUNCTION_NAME, trusted_address};
pub use algorithm::Algorithm;
pub use assertions::{Assertions, allows};
pub use audiences::Audiences;
pub use base64url::decode_base64url;
pub use bearer_keys::BearerKeys;
pub use claim_mapping::ClaimMapping;
pub use claim_reference::{ClaimPath, ClaimReference};
pub use discovery::{DiscoveryError, keys_address};
pub use error::PolicyError;
pub use front::{ClientAddressHeader, FRONT_HEADER, Front};
pub use introspection_server::{ClientAuth, ClientKey, IntrospectionServer};
pub use issuer::{Issuer, KeyOrigin, TimeLimits};
pub use issuer_secret::IssuerSecret;
pub use jwk::{ENCRYPTION, Key, PRIVATE_PARAMETERS};
pub use key_header::{KeyHeader, KeyHeaderError};
pub use key_set::{KeySet, KeySetError, Kid};
pub use literal_secrets::{literal_secrets, without_literal_secrets};
pub use mtls::{HolderName, Mtls};
pub use plan_mapping::{ClaimedPlan, PlanMapping};
pub use policy::{NoRule, Policy};
pub use policy_document::PolicyDocument;
pub use policy_text::{PolicyTextError, named_plans};
pub use required_claim::RequiredClaim;
pub use rule::{Auth, Rule};
pub use rule_check::{CallerFacts, UnmetRequirement};
pub use secret_reference::{SecretPlace, SecretReference, UNREAD_SECRET};
pub use source::{Environment, PolicyName, PolicySource, stored_policy_name};
pub use tenants::{TenantPattern, key_serves};
pub use token_location::{AUTHORIZATION, TokenLocation, TokenScheme};
pub use warning::{NamedPlan, PolicyWarning};
