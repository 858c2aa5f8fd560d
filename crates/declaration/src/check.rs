//! Checks of plans, policies, compositions and keys.

use composition::{Compositions, Settings};
use http::Uri;
use limits::{PlanDocument, check_name};
use policy::{KeyHeader, Policy, UNREAD_SECRET};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::compare::ObjectKind;
use crate::key::KeyFields;
use crate::located::Located;
use crate::mistake::DeclarationMistake;

/// Replaces the URL of the default service, which is a setting of the composer.
const DEFAULT_URL: &str = "http://default.invalid";

/// Finds mistakes in a file.
pub(crate) struct Checker<'l> {
    located: &'l Located,
    pub(crate) mistakes: Vec<DeclarationMistake>,
}

impl<'l> Checker<'l> {
    pub(crate) const fn new(located: &'l Located) -> Self {
        Self {
            located,
            mistakes: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, pointer: &str, problem: impl Into<String>) {
        self.mistakes.push(self.located.mistake(pointer, problem));
    }

    pub(crate) fn plan(&mut self, pointer: &str, name: &str, document: &Value) {
        if let Err(error) = check_name(name) {
            self.add(pointer, error.to_string());
        }
        self.plan_document(pointer, document);
    }

    /// Checks a plan without its name.
    pub(crate) fn plan_document(&mut self, pointer: &str, document: &Value) {
        let Some(plan) = self.shape::<PlanDocument>(pointer, document) else {
            return;
        };
        for mistake in plan.check() {
            self.add(&format!("{pointer}{}", mistake.pointer), mistake.message);
        }
    }

    /// Checks the name of a policy or a composition, which follows the rules of plans. It is a
    /// segment of a path.
    pub(crate) fn name(&mut self, pointer: &str, kind: ObjectKind, name: &str) {
        if let Err(error) = check_name(name) {
            let own = format!("{kind} name");
            let problem = error.to_string().replacen("plan name", &own, 1);
            self.add(pointer, problem);
        }
    }

    /// Checks a policy as the authorizer does. The secrets that it names are in the environment of
    /// the authorizer, so each counts as present. The deployed header of keys is unknown here.
    pub(crate) fn policy(&mut self, pointer: &str, document: &Value) {
        let header = document.pointer("/api_keys/header").and_then(Value::as_str);
        let header = header.and_then(|name| name.parse().ok());
        let header: KeyHeader = header.unwrap_or_default();
        let secret = |_: &str| Some(UNREAD_SECRET.to_owned());

        // A function's environment names itself, and only in a function are loopback issuers refused.
        let environment = |name: &str| {
            (name != policy::FUNCTION_NAME)
                .then(|| secret(name))
                .flatten()
        };
        if let Err(error) = Policy::parse_new(&document.to_string(), &header, &environment) {
            let (field, problem) = split_place(&error.without_position());
            self.add(&format!("{pointer}{field}"), problem);
        }
    }

    /// Checks a composition as the composer does. The path of its routes, the header of keys and the
    /// default service are settings of the composer, which are unknown here.
    pub(crate) fn composition(&mut self, pointer: &str, document: &Value) {
        let header = KeyHeader::default();
        let settings = Settings {
            prefix: "",
            key_header: header.as_str(),
            default_url: Some(Uri::from_static(DEFAULT_URL)),
            replaced: None,
            is_deployed: false,
        };
        if let Err(error) = Compositions::parse(&document.to_string(), &settings) {
            self.add(&format!("{pointer}{}", error.pointer()), error.message());
        }
    }

    /// Returns the id of a key, if it has one.
    pub(crate) fn key(&mut self, pointer: &str, document: &Value) -> Option<String> {
        let key = self.shape::<KeyFields>(pointer, document)?;
        for (field, problem) in key.mistakes() {
            self.add(&format!("{pointer}{field}"), problem);
        }
        Some(key.key_id)
    }

    /// Reads a value, or adds the mistake that prevents it.
    fn shape<T: DeserializeOwned>(&mut self, pointer: &str, document: &Value) -> Option<T> {
        match serde_path_to_error::deserialize(document) {
            Ok(value) => Some(value),
            Err(error) => {
                let (field, _) = split_place(&format!("{}: ", error.path()));
                self.add(&format!("{pointer}{field}"), error.inner().to_string());
                None
            }
        }
    }
}

/// Splits `rules[1].match: …` into `/rules/1/match` and the problem.
fn split_place(error: &str) -> (String, String) {
    let place = error
        .split_once(": ")
        .filter(|(place, _)| !place.contains([' ', '`']) && *place != ".");
    let Some((place, problem)) = place else {
        return (String::new(), error.to_owned());
    };

    let steps = place.split(['.', '[', ']']).filter(|step| !step.is_empty());
    let pointer = steps.map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1")));
    (pointer.collect(), problem.to_owned())
}
