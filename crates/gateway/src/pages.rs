//! The paths of the pages that only the local gateway has.

/// The path of the local issuer's public keys, a JSON Web Key Set.
pub(crate) const JWKS_PATH: &str = "/_tollgate/jwks.json";
/// The path of the metrics in Prometheus' text format.
pub(crate) const METRICS_PATH: &str = "/_tollgate/metrics";
