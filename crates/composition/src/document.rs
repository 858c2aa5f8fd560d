//! A compositions document as JSON. Unknown and duplicate fields are errors.

mod cost;
mod entries;
mod object;
mod one_or_many;
#[cfg(test)]
mod reference;
mod text;

use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) use cost::CostDocument;
pub(crate) use entries::Entries;
pub(crate) use object::Object;
pub(crate) use one_or_many::OneOrMany;
pub use text::MAX_DOCUMENT_BYTES;
pub(crate) use text::read;

/// The services and routes of a composer.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Composition))]
#[serde(deny_unknown_fields)]
pub struct CompositionsDocument {
    /// The services by name.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<String, ServiceDocument>, required = false))]
    pub(crate) services: Entries<Object<ServiceDocument>>,
    /// The routes by method and path.
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<String, RouteDocument>))]
    pub(crate) routes: Entries<Object<RouteDocument>>,
}

/// A service.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = CompositionService))]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceDocument {
    /// The URL before the paths of parts.
    pub(crate) url: String,
    /// The most calls that one process makes at the same time.
    #[serde(default, deserialize_with = "entries::present")]
    #[cfg_attr(feature = "schema", schema(value_type = u64, required = false))]
    pub(crate) max_concurrent_calls: Option<u64>,
    /// True if the service receives the secret that proves the origin of calls.
    #[serde(default, deserialize_with = "entries::present")]
    #[cfg_attr(feature = "schema", schema(value_type = bool, required = false))]
    pub(crate) proof_of_origin: Option<bool>,
}

/// A route.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = CompositionRoute))]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteDocument {
    /// The parts by name.
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<String, PartDocument>))]
    pub(crate) parts: Entries<Object<PartDocument>>,
    /// The headers of the client that services receive.
    #[serde(default)]
    pub(crate) headers: Vec<String>,
    /// The time for all parts, in milliseconds.
    #[serde(default, deserialize_with = "entries::present")]
    #[cfg_attr(feature = "schema", schema(value_type = u64, required = false))]
    pub(crate) timeout_ms: Option<u64>,
    /// The status of a response that lacks a part.
    #[serde(default, deserialize_with = "entries::present")]
    #[cfg_attr(feature = "schema", schema(value_type = u64, required = false))]
    pub(crate) partial_status: Option<u64>,
    /// The query parameter that selects fields.
    #[serde(default, deserialize_with = "entries::present")]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    pub(crate) fields_parameter: Option<String>,
    /// The calls that a request counts as.
    #[serde(default)]
    pub(crate) cost: CostDocument,
    /// The shapes for client versions.
    #[serde(default)]
    pub(crate) versions: Vec<Object<VersionDocument>>,
}

/// A part.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = CompositionPart))]
#[serde(deny_unknown_fields)]
pub(crate) struct PartDocument {
    /// The path and query of a `GET`.
    #[serde(default, deserialize_with = "entries::present")]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    pub(crate) get: Option<String>,
    /// The path and query of a `POST`.
    #[serde(default, deserialize_with = "entries::present")]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    pub(crate) post: Option<String>,
    /// The name of the service.
    #[serde(default, deserialize_with = "entries::present")]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    pub(crate) service: Option<String>,
    /// The parts that must be complete before.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = one_or_many::OneOrManyNames, required = false))]
    pub(crate) after: OneOrMany,
    /// The name in the response.
    #[serde(default, rename = "as", deserialize_with = "entries::present")]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    pub(crate) alias: Option<String>,
    /// The JSON that replaces a missing part.
    #[serde(default, deserialize_with = "entries::present")]
    #[cfg_attr(feature = "schema", schema(value_type = Value, required = false))]
    pub(crate) fallback: Option<Box<RawValue>>,
    /// True if the request fails without this part.
    #[serde(default, deserialize_with = "entries::present")]
    #[cfg_attr(feature = "schema", schema(value_type = bool, required = false))]
    pub(crate) required: Option<bool>,
    /// The time for all attempts of the call, in milliseconds.
    #[serde(default, deserialize_with = "entries::present")]
    #[cfg_attr(feature = "schema", schema(value_type = u64, required = false))]
    pub(crate) timeout_ms: Option<u64>,
    /// The JSON pointer of the link to the next page.
    #[serde(default, deserialize_with = "entries::present")]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    pub(crate) next: Option<String>,
    /// True if the call is charged as a request to its own route.
    #[serde(default)]
    pub(crate) charged: bool,
}

/// The shape of the response for some client versions.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = CompositionVersion))]
#[serde(deny_unknown_fields)]
pub(crate) struct VersionDocument {
    /// The request header that contains the version.
    pub(crate) header: String,
    /// The lowest version.
    #[serde(default, deserialize_with = "entries::present")]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    pub(crate) from: Option<String>,
    /// The lowest version to which the shape does not apply.
    #[serde(default, deserialize_with = "entries::present")]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    pub(crate) below: Option<String>,
    /// The paths of fields to remove.
    #[serde(default)]
    pub(crate) drop: Vec<String>,
    /// The new path of each field to move.
    #[serde(default, rename = "move")]
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<String, String>, required = false))]
    pub(crate) moves: Entries<String>,
    /// The new name of each field to rename.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<String, String>, required = false))]
    pub(crate) rename: Entries<String>,
}
