//! What is asked of the decisions API.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::problem::Mistake;
use crate::schema::mistakes::Mistakes;

/// What is to be decided: about a `key`, or a `subject` on a `plan`; or a `charge` to be refunded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    /// What to do; `consume` where absent.
    pub(crate) mode: Option<Mode>,
    /// An API key, as its owner sends it.
    pub(crate) key: Option<String>,
    /// Whoever is to be charged, by a name of your own.
    #[schema(min_length = 1, max_length = 256)]
    pub(crate) subject: Option<String>,
    /// Whose name that is: with a token's issuer the subject is charged as that token's.
    #[schema(max_length = 256)]
    pub(crate) issuer: Option<String>,
    /// The subject's plan.
    pub(crate) plan: Option<String>,
    /// Method and path, for limits of single routes.
    #[schema(max_length = 1024, example = "GET /orders")]
    pub(crate) route: Option<String>,
    /// What the call costs; 1 where absent.
    #[schema(value_type = u64, required = false, maximum = 999_999_999_999_999u64)]
    pub(crate) cost: Option<u64>,
    /// What a decision returned, to be given back.
    pub(crate) charge: Option<String>,
}

/// What to do.
#[derive(Clone, Copy, Deserialize, ToSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Decide, and charge what is allowed.
    Consume,
    /// Decide and charge nothing.
    Peek,
    /// Give a charge back.
    Refund,
}

/// Members that say together whom the question is about, and what it is.
const TOGETHER: [&str; 6] = ["/mode", "/key", "/subject", "/issuer", "/plan", "/charge"];

impl Question {
    /// What it says that cannot be.
    pub(crate) fn mistakes(&self, shape: &Mistakes) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut check = |wrong: bool, pointer: &str, detail: &str| {
            mistakes.extend(wrong.then(|| Mistake::at(pointer, detail)));
        };
        if !TOGETHER.iter().any(|pointer| shape.concern(pointer)) {
            self.together(&mut check);
        }
        let long = |text: &Option<String>, most| {
            text.as_ref()
                .is_some_and(|text| text.chars().count() > most)
        };
        let empty = self.subject.as_deref() == Some("");
        check(
            empty || long(&self.subject, 256),
            "/subject",
            "it has 1 to 256 characters",
        );
        check(
            long(&self.issuer, 256),
            "/issuer",
            "it has at most 256 characters",
        );
        let route = self
            .route
            .as_deref()
            .map_or(Some(("", "")), |route| route.split_once(' '));
        let fits = route.is_some_and(|(_, path)| path.is_empty() || path.starts_with('/'))
            && !long(&self.route, 1024);
        check(
            !fits,
            "/route",
            "it is a method and a path, such as `GET /orders`",
        );
        mistakes
    }

    /// Members that do not go together, or are missing beside one another.
    fn together(&self, check: &mut impl FnMut(bool, &str, &str)) {
        let (key, subject) = (self.key.is_some(), self.subject.is_some());
        if self.mode == Some(Mode::Refund) {
            let decided = [
                ("/key", key),
                ("/subject", subject),
                ("/issuer", self.issuer.is_some()),
                ("/plan", self.plan.is_some()),
                ("/route", self.route.is_some()),
                ("/cost", self.cost.is_some()),
            ];
            check(
                self.charge.is_none(),
                "/charge",
                "it is required with `mode` being `refund`",
            );
            return decided
                .into_iter()
                .for_each(|(pointer, there)| check(there, pointer, "it is part of the charge"));
        }
        check(
            self.charge.is_some(),
            "/charge",
            "it is for `mode` being `refund`",
        );
        check(
            !key && !subject,
            "",
            "it has a `key`, or a `subject` and its `plan`",
        );
        check(
            key && subject,
            "/subject",
            "it goes with `plan`, not with `key`",
        );
        check(
            key && self.plan.is_some(),
            "/plan",
            "a key has a plan of its own",
        );
        check(
            key && self.issuer.is_some(),
            "/issuer",
            "it goes with `subject`",
        );
        check(
            !key && subject && self.plan.is_none(),
            "/plan",
            "it is required with `subject`",
        );
    }
}
