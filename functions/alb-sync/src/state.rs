//! What is remembered of a target group between runs, as one document.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// What is remembered of one target group. Instants are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// When targets were last taken out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stepped_at: Option<i64>,
    /// From when on an answer of a cache is not a copy of one that has been counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copies_until: Option<i64>,
    /// By address and port.
    pub targets: BTreeMap<SocketAddr, Record>,
}

/// What is remembered of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Whether it has been registered here, or a name has shown it. Others are not taken out.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ours: bool,
    /// The zone that it was registered with, if with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The names that showed it last, where several make up its port.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub names: BTreeSet<String>,
    /// In how many intervals good evidence did not show it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub misses: u32,
    /// How many independent answers have not shown it since the last miss that was counted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub answers: u32,
    /// When one of the two was last counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_at: Option<i64>,
}

impl Record {
    /// Whether it is due to be shown again.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
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
    fn a_thousand_targets_at_their_longest_fit_into_an_item() {
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
    fn what_is_not_set_is_not_written() {
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
    fn what_makes_no_sense_is_an_error() {
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
