//! The request for a decision or a refund.

use std::net::IpAddr;

use jiff::Timestamp;
use registry::MAX_ISSUER_BYTES;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::problem::Mistake;
use crate::request::document::RequestDocument;
use crate::schema::mistakes::Mistakes;

/// The most characters of a subject.
const MAX_SUBJECT_CHARS: usize = 256;
/// The most characters of a route.
const MAX_ROUTE_CHARS: usize = 1024;
/// The fields that depend on one another.
const RELATED_FIELDS: [&str; 8] = [
    "/mode",
    "/key",
    "/key_id",
    "/subject",
    "/issuer",
    "/plan",
    "/source_ip",
    "/charge",
];

/// A call to decide on, of a `key`, or of a `subject` with a `plan`. A `key_id` only shows what is left.
/// Or a `charge` to refund.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Question)]
pub(crate) struct DecisionRequest {
    /// What to do. Default: `consume`.
    pub(super) mode: Option<Mode>,
    /// An API key, as the client sends it.
    pub(super) key: Option<String>,
    /// The id of an API key, instead of `key`. Only allowed if `mode` is `peek`.
    #[schema(max_length = 64)]
    pub(super) key_id: Option<String>,
    /// The caller to charge, by a name of your choice.
    #[schema(min_length = 1, max_length = 256)]
    pub(super) subject: Option<String>,
    /// The issuer of the subject. With the issuer of a token, the subject is the same caller as the
    /// token's. At most 1,024 bytes of UTF-8.
    #[schema(max_length = 1024)]
    pub(super) issuer: Option<String>,
    /// The plan of the subject.
    pub(super) plan: Option<String>,
    /// The address of the client. Required for a key with `allowed_ips`. Blocks of networks apply
    /// only if it is present.
    #[schema(value_type = Option<String>, max_length = 45, example = "192.0.2.7")]
    pub(super) source_ip: Option<String>,
    /// The method and the path, for limits of single routes.
    #[schema(max_length = 1024, example = "GET /orders")]
    pub(super) route: Option<String>,
    /// The cost of the call in units. Default: 1.
    #[schema(value_type = u64, required = false, maximum = 999_999_999_999_999u64)]
    pub(super) cost: Option<u64>,
    /// The charge of an earlier decision, to be refunded.
    pub(super) charge: Option<String>,
}

/// What to do with a call.
#[derive(Clone, Copy, Deserialize, ToSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Decide, and charge the call if it is allowed.
    Consume,
    /// Decide without a charge.
    Peek,
    /// Refund an earlier charge.
    Refund,
}

impl DecisionRequest {
    /// Returns the method and the path of the route.
    pub(super) fn method_and_path(&self) -> Option<(&str, &str)> {
        self.route.as_deref()?.split_once(' ')
    }

    /// Returns the address of the client.
    pub(super) fn source_address(&self) -> Option<IpAddr> {
        self.source_ip.as_deref()?.parse().ok()
    }

    /// Reports values that are too long or have the wrong form.
    fn check_values(&self, check: &mut impl FnMut(bool, &str, &str)) {
        let is_long = |text: &Option<String>, max_chars| {
            text.as_ref()
                .is_some_and(|text| text.chars().count() > max_chars)
        };

        let is_empty = self.subject.as_deref() == Some("");
        check(
            is_empty || is_long(&self.subject, MAX_SUBJECT_CHARS),
            "/subject",
            "expected 1 to 256 characters",
        );

        // The limit of blocks, so that each issuer of a decision can be blocked.
        let issuer_bytes = self.issuer.as_ref().map_or(0, String::len);
        check(
            issuer_bytes > MAX_ISSUER_BYTES,
            "/issuer",
            "expected at most 1,024 bytes of UTF-8",
        );

        check(
            self.source_ip.is_some() && self.source_address().is_none(),
            "/source_ip",
            "expected an IPv4 or IPv6 address",
        );

        let is_route = match (&self.route, self.method_and_path()) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some((_, path))) => path.is_empty() || path.starts_with('/'),
        };
        check(
            !is_route || is_long(&self.route, MAX_ROUTE_CHARS),
            "/route",
            "expected a method and a path, such as `GET /orders`",
        );
    }

    /// Reports fields that are missing, or not allowed together.
    fn check_fields(&self, check: &mut impl FnMut(bool, &str, &str)) {
        if self.mode == Some(Mode::Refund) {
            self.check_refund_fields(check);
            return;
        }

        let has_subject = self.subject.is_some();
        let has_key = self.key.is_some() || self.key_id.is_some();
        check(
            self.key_id.is_some() && self.mode != Some(Mode::Peek),
            "/key_id",
            "only allowed if `mode` is `peek`",
        );
        check(
            self.key.is_some() && self.key_id.is_some(),
            "/key_id",
            "not allowed together with `key`",
        );
        check(
            self.charge.is_some(),
            "/charge",
            "only allowed if `mode` is `refund`",
        );
        check(
            !has_key && !has_subject,
            "",
            "expected a `key`, or a `subject` and its `plan`",
        );
        check(
            has_key && has_subject,
            "/subject",
            "not allowed together with `key`",
        );
        check(
            has_key && self.plan.is_some(),
            "/plan",
            "not allowed together with `key`, which has its own plan",
        );
        check(
            has_key && self.issuer.is_some(),
            "/issuer",
            "only allowed together with `subject`",
        );
        check(
            !has_key && has_subject && self.plan.is_none(),
            "/plan",
            "`plan` is required with `subject`",
        );
    }

    fn check_refund_fields(&self, check: &mut impl FnMut(bool, &str, &str)) {
        check(
            self.charge.is_none(),
            "/charge",
            "`charge` is required if `mode` is `refund`",
        );

        for (pointer, is_present) in [
            ("/key", self.key.is_some()),
            ("/key_id", self.key_id.is_some()),
            ("/subject", self.subject.is_some()),
            ("/issuer", self.issuer.is_some()),
            ("/plan", self.plan.is_some()),
            ("/source_ip", self.source_ip.is_some()),
            ("/route", self.route.is_some()),
            ("/cost", self.cost.is_some()),
        ] {
            let detail = "not allowed if `mode` is `refund`, because the charge contains it";
            check(is_present, pointer, detail);
        }
    }
}

impl RequestDocument for DecisionRequest {
    const SCHEMA: &'static str = "Question";

    fn mistakes(&self, schema: &Mistakes, _: Timestamp) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut check = |is_mistake: bool, pointer: &str, detail: &str| {
            mistakes.extend(is_mistake.then(|| Mistake::at(pointer, detail)));
        };

        if !RELATED_FIELDS.iter().any(|pointer| schema.affect(pointer)) {
            self.check_fields(&mut check);
        }
        self.check_values(&mut check);
        mistakes
    }
}
