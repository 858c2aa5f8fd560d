//! The limit of callers' questions about their own usage.
//!
//! A caller whose quota is used up must still be able to ask how it stands. So a question takes
//! nothing from the plan's quotas, but a token from a bucket that is kept for each caller like that
//! of any route: at most one question per second, in bursts of up to five. The rate of the plan
//! (its throttle or sliding window) must have room for one call, but is not charged. All of that is
//! one conditional write to the caller's item.

use std::sync::{Arc, LazyLock};

use routes::{PathRules, RouteKey};

use crate::bucket::Bucket;
use crate::{RouteLimit, Throttle};

/// The path of the route that tells callers their own usage. Its only method is GET.
pub const USAGE_PATH: &str = "/_tollgate/usage";
/// Its route key, which also names its bucket.
const USAGE_ROUTE: &str = "GET /_tollgate/usage";
/// Applies unless the plan has a limit for the route.
const THROTTLE: Throttle = Throttle {
    rate: 1.0,
    burst: 5,
};

static DEFAULT: LazyLock<Arc<RouteLimit>> = LazyLock::new(|| {
    let bucket = Bucket::new(USAGE_ROUTE, USAGE_ROUTE, &THROTTLE, 0);
    Arc::new(RouteLimit {
        route: USAGE_ROUTE.to_owned(),
        bucket,
    })
});

/// The limit that the plan sets for exactly this route, or the default. A plan in shadow mode must
/// not refuse anything by its own limits, so that the default applies.
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
