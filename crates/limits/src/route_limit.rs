//! The limit of a single route.

use routes::Demands;

use crate::bucket::Bucket;

/// The token bucket of a single route.
#[derive(Debug)]
pub struct RouteLimit {
    /// The route key as written in the plan.
    pub route: String,
    /// The bucket.
    pub bucket: Bucket,
}

impl Demands for RouteLimit {
    /// True for every other limit, because each limit has its own bucket.
    fn demands_more_than(&self, other: &Self) -> bool {
        !std::ptr::eq(self, other)
    }
}

impl RouteLimit {
    /// Returns one of `instances` equal shares of the limit.
    pub fn share(&self, instances: u32) -> Self {
        Self {
            route: self.route.clone(),
            bucket: self.bucket.share(instances),
        }
    }
}
