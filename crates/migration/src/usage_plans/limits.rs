//! The limits of a plan, and the limits of several plans together.

use std::collections::BTreeMap;

use ::limits::{MAX_LIMIT, MAX_QUOTAS};
use serde_json::{Map, Number, Value, json};

/// The number of routes with a limit of their own that a plan can have.
pub(super) const MAX_ROUTES: usize = 16;

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket {
    /// Tokens per second.
    pub(super) rate: f64,
    pub(super) burst: u64,
}

/// The period of a quota. The order is that in which a plan lists its quotas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Period {
    Day,
    /// A week that begins on a day from 1, Monday, to 7.
    Week(u8),
    /// A month that begins on a day from 1 to 28.
    Month(u8),
}

/// The limits of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Limits {
    pub(super) throttle: Option<Bucket>,
    pub(super) quotas: BTreeMap<Period, u64>,
    /// Buckets of single routes, by the route key with `{}` for each variable.
    pub(super) routes: BTreeMap<String, Route>,
}

/// A bucket of a route.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Route {
    /// The route key, such as `GET /pets/{id}`.
    pub(super) key: String,
    pub(super) bucket: Bucket,
}

impl Bucket {
    /// Returns a bucket that admits no call that one of the two buckets refuses.
    pub(super) fn strictest(self, other: Self) -> Self {
        Self {
            rate: self.rate.min(other.rate),
            burst: self.burst.min(other.burst),
        }
    }

    pub(super) fn to_json(self) -> Value {
        json!({"rate": number(self.rate), "burst": self.burst})
    }

    /// True if no call passes.
    pub(super) fn is_closed(self) -> bool {
        self.rate == 0.0 || self.burst == 0
    }
}

impl Period {
    /// Returns the period, and the day on which it starts unless that is the default.
    fn parts(self) -> (&'static str, Option<u8>) {
        let start = |day: u8| Some(day).filter(|day| *day != 1);
        match self {
            Self::Day => ("day", None),
            Self::Week(day) => ("week", start(day)),
            Self::Month(day) => ("month", start(day)),
        }
    }
}

impl Limits {
    /// Adds the limits of another plan. A call then passes only if both plans admit it.
    pub(super) fn restrict(&mut self, other: &Self) {
        self.throttle = match (self.throttle, other.throttle) {
            (Some(own), Some(other)) => Some(own.strictest(other)),
            (own, other) => own.or(other),
        };
        for (period, limit) in &other.quotas {
            let own = self.quotas.entry(*period).or_insert(*limit);
            *own = (*own).min(*limit);
        }
        for route in other.routes.values() {
            self.add_route(&route.key, route.bucket);
        }
    }

    /// Adds the bucket of a route. Of two buckets of the same route, the strictest applies.
    pub(super) fn add_route(&mut self, key: &str, bucket: Bucket) {
        let route = self.routes.entry(without_names(key));
        let route = route.or_insert_with(|| Route {
            key: key.to_owned(),
            bucket,
        });
        route.bucket = route.bucket.strictest(bucket);
    }

    /// Removes the buckets of routes beyond 16, the ones with the highest rates first. Returns
    /// their route keys.
    pub(super) fn cut_routes(&mut self) -> Vec<String> {
        let mut by_rate: Vec<_> = self.routes.iter().collect();
        by_rate.sort_by(|(_, left), (_, right)| left.bucket.rate.total_cmp(&right.bucket.rate));

        let cut = by_rate.into_iter().skip(MAX_ROUTES);
        let cut: Vec<_> = cut.map(|(shape, _)| shape.clone()).collect();
        let removed = cut.iter().filter_map(|shape| self.routes.remove(shape));
        removed.map(|route| route.key).collect()
    }

    /// Removes the quotas beyond 4. Returns their number.
    pub(super) fn cut_quotas(&mut self) -> usize {
        let cut: Vec<_> = self.quotas.keys().skip(MAX_QUOTAS).copied().collect();
        for period in &cut {
            self.quotas.remove(period);
        }
        cut.len()
    }

    /// Returns the plan as a document of the API.
    pub(super) fn to_json(&self, is_enabled: bool) -> Value {
        let mut plan = Map::new();
        if !is_enabled {
            plan.insert("enabled".to_owned(), Value::Bool(false));
        }
        if let Some(throttle) = self.throttle {
            plan.insert("throttle".to_owned(), throttle.to_json());
        }
        if !self.quotas.is_empty() {
            plan.insert("quotas".to_owned(), self.quotas_json());
        }
        if !self.routes.is_empty() {
            let routes = self.routes.values();
            let routes = routes.map(|route| (route.key.clone(), route.bucket.to_json()));
            plan.insert("routes".to_owned(), Value::Object(routes.collect()));
        }
        Value::Object(plan)
    }

    fn quotas_json(&self) -> Value {
        let is_repeated = |name: &str| {
            let same = self.quotas.keys().filter(|period| period.parts().0 == name);
            same.count() > 1
        };
        let quotas = self.quotas.iter().map(|(period, limit)| {
            let (name, start) = period.parts();
            let mut quota = Map::new();
            if is_repeated(name) {
                let name = format!("{name}-{}", start.unwrap_or(1));
                quota.insert("name".to_owned(), Value::from(name));
            }
            quota.insert("limit".to_owned(), Value::from((*limit).min(MAX_LIMIT)));
            quota.insert("period".to_owned(), Value::from(name));
            if let Some(start) = start {
                quota.insert("starts_on".to_owned(), Value::from(start));
            }
            Value::Object(quota)
        });
        quotas.collect()
    }
}

/// Returns a route key without the names of its variables, because `{id}` and `{pet}` match the same
/// paths. `{proxy+}` becomes `{+}`.
fn without_names(key: &str) -> String {
    let mut shape = String::with_capacity(key.len());
    let mut is_name = false;
    for character in key.chars() {
        match character {
            '{' => is_name = true,
            '}' | '+' if is_name => is_name = character == '+',
            _ if is_name => continue,
            _ => {}
        }
        shape.push(character);
    }
    shape
}

/// Returns a whole number without a fraction, as people write it.
fn number(value: f64) -> Value {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole rate is at most 1,000,000"
    )]
    if value.fract() == 0.0 {
        return Value::from(value as u64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn bucket(rate: f64, burst: u64) -> Bucket {
        Bucket { rate, burst }
    }

    #[test]
    fn restricted_limits_refuse_what_one_plan_refuses() {
        let mut limits = Limits {
            throttle: Some(bucket(10.0, 5)),
            quotas: [(Period::Month(1), 1_000)].into(),
            routes: BTreeMap::new(),
        };
        limits.add_route("GET /pets/{id}", bucket(1.0, 1));
        let mut other = Limits {
            throttle: Some(bucket(2.5, 50)),
            quotas: [
                (Period::Month(1), 500),
                (Period::Month(15), 9),
                (Period::Day, 7),
            ]
            .into(),
            routes: BTreeMap::new(),
        };
        other.add_route("GET /pets/{pet}", bucket(0.5, 2));
        limits.restrict(&other);

        assert_eq!(
            limits.to_json(true),
            json!({
                "throttle": {"rate": 2.5, "burst": 5},
                "quotas": [
                    {"limit": 7, "period": "day"},
                    {"name": "month-1", "limit": 500, "period": "month"},
                    {"name": "month-15", "limit": 9, "period": "month", "starts_on": 15},
                ],
                "routes": {"GET /pets/{id}": {"rate": 0.5, "burst": 1}},
            })
        );
    }

    #[test]
    fn variables_of_other_names_are_the_same_route() {
        for (key, shape) in [
            ("GET /a/{b}/c", "GET /a/{}/c"),
            ("ANY /{proxy+}", "ANY /{+}"),
            ("GET /a+b", "GET /a+b"),
        ] {
            assert_eq!(without_names(key), shape);
        }
    }

    #[test]
    fn lowest_limits_of_routes_and_quotas_are_kept() {
        let mut limits = Limits::default();
        for number in 1..=20_u8 {
            limits.add_route(&format!("GET /{number}"), bucket(f64::from(number), 1));
            limits.quotas.insert(Period::Month(number), 1);
        }
        assert_eq!(
            limits.cut_routes(),
            ["GET /17", "GET /18", "GET /19", "GET /20"]
        );
        assert_eq!((limits.routes.len(), limits.cut_quotas()), (16, 16));
    }
}
