//! The limit on callers' queries of their own usage.
//!
//! A caller whose quota is used up must still be able to query its usage, so a query is not charged
//! to the quotas. It takes a token from a separate bucket of the caller, like that of a route. By
//! default, that is one query per second with bursts of up to five. The rate of the plan (its
//! throttle or sliding window) must admit one call, but is not charged. All of this is one
//! conditional write to the caller's item.

use std::sync::{Arc, LazyLock};

use routes::{PathRules, RouteKey};

use crate::bucket::Bucket;
use crate::{RouteLimit, Throttle};

/// The path of the route with which callers query their own usage. Its only method is GET.
pub const USAGE_PATH: &str = "/_tollgate/usage";
/// The route key of usage queries, which is also the scope and the name of their bucket.
const USAGE_ROUTE: &str = "GET /_tollgate/usage";
/// The default bucket of usage queries.
const THROTTLE: Throttle = Throttle {
    rate: 1.0,
    burst: 5,
};

/// The limit of usage queries in plans that set none.
static DEFAULT: LazyLock<Arc<RouteLimit>> = LazyLock::new(|| {
    let bucket = Bucket::new(USAGE_ROUTE, USAGE_ROUTE, &THROTTLE, 0);
    Arc::new(RouteLimit {
        route: USAGE_ROUTE.to_owned(),
        bucket,
    })
});

/// Returns the limit that the plan sets for exactly this route, or the default. For a plan in shadow
/// mode it is the default, because the plan's own limits must not refuse anything.
pub(crate) fn limit(routes: &PathRules<Arc<RouteLimit>>, shadow: bool) -> Arc<RouteLimit> {
    let is_own = |key: &RouteKey| {
        key.path() == USAGE_PATH && key.method().is_none_or(|method| method == "GET")
    };
    let own = routes
        .iter()
        .filter(|(key, _)| !shadow && is_own(key))
        .max_by_key(|(key, _)| key.method().is_some());

    Arc::clone(own.map_or(&DEFAULT, |(_, limit)| limit))
}
