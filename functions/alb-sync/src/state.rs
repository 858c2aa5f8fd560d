//! The state of a target group between runs, as one document.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The state of one target group. Instants are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// When targets last left the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stepped_at: Option<i64>,
    /// Until when a cache may repeat DNS responses that are already counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) copies_until: Option<i64>,
    pub(crate) targets: BTreeMap<SocketAddr, Record>,
}

/// The state of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// True if alb-sync registered the target, or a name resolved to it. Other targets stay.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) ours: bool,
    /// The zone of the registration, if it named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) zone: Option<String>,
    /// The names that last resolved to the target. Empty if its port has only one name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) names: BTreeSet<String>,
    /// The number of intervals in which good evidence did not contain the target.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) misses: u32,
    /// The number of independent responses without the target since the last counted miss.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) answers: u32,
    /// When a miss or responses were last counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) counted_at: Option<i64>,
}

impl State {
    /// Returns whether alb-sync registered a target, or a name has resolved to it.
    pub(crate) fn is_ours(&self, address: SocketAddr) -> bool {
        self.targets.get(&address).is_some_and(|record| record.ours)
    }
}

impl Record {
    /// Returns whether the target was missed, and leaves unless a name resolves to it again.
    pub(crate) const fn is_pending(&self) -> bool {
        self.misses > 0
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_of_a_thousand_targets_fits_into_an_item() {
        let record = Record {
            ours: true,
            zone: Some("all".to_owned()),
            names: BTreeSet::from([
                "internal-a-name-of-a-load-balancer-1234567890.eu-central-1.elb.amazonaws.com"
                    .to_owned(),
            ]),
            misses: 1_000,
            answers: 1_000,
            counted_at: Some(1_795_305_600_123),
        };
        let address = |index: u16| {
            SocketAddr::from((
                [
                    0xfd00, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, index,
                ],
                65_535,
            ))
        };
        let targets = (0..1_000)
            .map(|index| (address(index), record.clone()))
            .collect();
        let state = State {
            stepped_at: Some(1_795_305_600_123),
            copies_until: None,
            targets,
        };
        let text = serde_json::to_string(&state).unwrap();
        assert!(text.len() < 300_000, "{}", text.len());
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }

    #[test]
    fn default_values_are_omitted() {
        let targets = BTreeMap::from([(
            "10.0.0.1:443".parse().unwrap(),
            Record {
                ours: true,
                ..Record::default()
            },
        )]);
        let state = State {
            targets,
            ..State::default()
        };
        assert_eq!(
            serde_json::to_string(&state).unwrap(),
            r#"{"targets":{"10.0.0.1:443":{"ours":true}}}"#
        );
    }

    #[test]
    fn an_invalid_document_is_an_error() {
        for text in [
            "",
            "{",
            "[]",
            r#"{"targets":{"x":{}}}"#,
            r#"{"target":{}}"#,
            r#"{"targets":{"10.0.0.1:1":{"misses":-1}}}"#,
        ] {
            assert!(serde_json::from_str::<State>(text).is_err(), "{text}");
        }
    }
}
