//! The writes of usage items, as clauses and as DynamoDB expressions.
//!
//! DynamoDB has no maximum and no arithmetic in conditions, so every bound is computed here from
//! `now`.

use std::fmt::Write as _;

use limits::Nanos;

use super::tat_pair::{PairCharge, PairNames};

/// The part of a write for one attribute. All parts are written, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Clause {
    /// An idle bucket: its `tat` becomes `tat` unless it is after `now`.
    Idle {
        attribute: String,
        now: Nanos,
        tat: Nanos,
    },
    /// A busy bucket: its `tat` grows by `by` if it is after `now` and at most `latest`.
    Busy {
        attribute: String,
        now: Nanos,
        by: Nanos,
        latest: Nanos,
    },
    /// The bucket of the caller, whose `tat` is a pair.
    Pair(PairCharge),
    /// A condition: the `tat` of a bucket is at most `most`, or absent. The bucket may have a pair.
    PairAtMost { names: PairNames, most: Nanos },
    /// A quota: its count grows by `by` if it is at most `most`. An absent count is 0, and
    /// therefore not enough if `most` is below 0: only a grant, which writes the count, makes room
    /// then.
    Quota {
        attribute: String,
        by: Nanos,
        most: Nanos,
    },
    /// A counter without a limit.
    Count { attribute: String, by: Nanos },
    /// The attribute becomes `to`.
    Set { attribute: String, to: Nanos },
    /// The attribute becomes `to` if it is above `above`.
    Lower {
        attribute: String,
        above: Nanos,
        to: Nanos,
    },
    /// The attribute is removed if it is at most `most` or absent.
    Remove { attribute: String, most: Nanos },
    /// A condition: the attribute exists.
    Present { attribute: String },
    /// A condition: the attribute does not exist.
    Absent { attribute: String },
    /// A condition: the attribute is at least `least`.
    AtLeast { attribute: String, least: Nanos },
    /// A condition: the attribute is at most `most`, or absent.
    AtMost { attribute: String, most: Nanos },
}

/// A write as DynamoDB expressions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expression {
    /// `UpdateExpression`.
    pub(super) update: String,
    /// `ConditionExpression`, if there is one.
    pub(super) condition: Option<String>,
    /// `ExpressionAttributeNames`: `#a0`, `#a1` …
    pub(super) names: Vec<(String, String)>,
    /// `ExpressionAttributeValues`, all numbers: `:v0`, `:v1` …
    pub(super) values: Vec<(String, Nanos)>,
}

#[derive(Default)]
pub(super) struct Writer {
    pub(super) sets: Vec<String>,
    removes: Vec<String>,
    pub(super) conditions: Vec<String>,
    expression: Expression,
}

/// Returns the expressions of a write.
pub(super) fn expression(clauses: &[Clause]) -> Expression {
    let mut writer = Writer::default();
    for clause in clauses {
        writer.clause(clause);
    }
    writer.finish()
}

impl Writer {
    fn clause(&mut self, clause: &Clause) {
        match clause {
            Clause::Idle {
                attribute,
                now,
                tat,
            } => self.idle(attribute, *now, *tat),
            Clause::Busy {
                attribute,
                now,
                by,
                latest,
            } => self.busy(attribute, *now, *by, *latest),
            Clause::Pair(charge) => self.pair(charge),
            Clause::PairAtMost { names, most } => self.pair_at_most(names, *most),
            Clause::Quota {
                attribute,
                by,
                most,
            } => self.quota(attribute, *by, *most),
            Clause::Count { attribute, by } => {
                let name = self.name(attribute);
                self.count(&name, *by);
            }
            Clause::Set { attribute, to } => self.set(attribute, *to),
            Clause::Lower {
                attribute,
                above,
                to,
            } => self.lower(attribute, *above, *to),
            Clause::Remove { attribute, most } => self.remove(attribute, *most),
            Clause::Present { attribute } => {
                self.require(attribute, |name| format!("attribute_exists({name})"))
            }
            Clause::Absent { attribute } => {
                self.require(attribute, |name| format!("attribute_not_exists({name})"))
            }
            Clause::AtLeast { attribute, least } => self.compare(attribute, ">=", *least),
            Clause::AtMost { attribute, most } => self.compare_or_absent(attribute, "<=", *most),
        }
    }

    fn require(&mut self, attribute: &str, condition: impl FnOnce(&str) -> String) {
        let name = self.name(attribute);
        self.conditions.push(condition(&name));
    }

    fn compare(&mut self, attribute: &str, operator: &str, number: Nanos) {
        let value = self.value(number);
        self.require(attribute, |name| format!("{name} {operator} {value}"));
    }

    fn compare_or_absent(&mut self, attribute: &str, operator: &str, number: Nanos) {
        let value = self.value(number);
        self.require(attribute, |name| {
            format!("(attribute_not_exists({name}) OR {name} {operator} {value})")
        });
    }

    fn idle(&mut self, attribute: &str, now: Nanos, tat: Nanos) {
        let (name, now, tat) = (self.name(attribute), self.value(now), self.value(tat));
        self.sets.push(format!("{name} = {tat}"));
        self.conditions
            .push(format!("(attribute_not_exists({name}) OR {name} <= {now})"));
    }

    fn busy(&mut self, attribute: &str, now: Nanos, by: Nanos, latest: Nanos) {
        let (name, now, by, latest) = (
            self.name(attribute),
            self.value(now),
            self.value(by),
            self.value(latest),
        );
        self.sets.push(format!("{name} = {name} + {by}"));
        self.conditions
            .push(format!("({name} > {now} AND {name} <= {latest})"));
    }

    fn quota(&mut self, attribute: &str, by: Nanos, most: Nanos) {
        let (name, value) = (self.name(attribute), self.value(most));
        let condition = match most {
            ..0 => format!("{name} <= {value}"),
            0.. => format!("(attribute_not_exists({name}) OR {name} <= {value})"),
        };
        self.count(&name, by);
        self.conditions.push(condition);
    }

    fn count(&mut self, name: &str, by: Nanos) {
        let (zero, by) = (self.value(0), self.value(by));
        self.sets
            .push(format!("{name} = if_not_exists({name}, {zero}) + {by}"));
    }

    fn set(&mut self, attribute: &str, to: Nanos) {
        let (name, to) = (self.name(attribute), self.value(to));
        self.sets.push(format!("{name} = {to}"));
    }

    fn lower(&mut self, attribute: &str, above: Nanos, to: Nanos) {
        let (name, above, to) = (self.name(attribute), self.value(above), self.value(to));
        self.sets.push(format!("{name} = {to}"));
        self.conditions.push(format!("{name} > {above}"));
    }

    fn remove(&mut self, attribute: &str, most: Nanos) {
        let (name, most) = (self.name(attribute), self.value(most));
        self.conditions.push(format!(
            "(attribute_not_exists({name}) OR {name} <= {most})"
        ));
        self.removes.push(name);
    }

    pub(super) fn name(&mut self, attribute: &str) -> String {
        let name = format!("#a{}", self.expression.names.len());
        self.expression
            .names
            .push((name.clone(), attribute.to_owned()));
        name
    }

    /// Returns one placeholder per number: DynamoDB refuses an unused value, and the bytes of
    /// values count.
    pub(super) fn value(&mut self, number: Nanos) -> String {
        if let Some((name, _)) = self
            .expression
            .values
            .iter()
            .find(|(_, known)| *known == number)
        {
            return name.clone();
        }
        let name = format!(":v{}", self.expression.values.len());
        self.expression.values.push((name.clone(), number));
        name
    }

    fn finish(mut self) -> Expression {
        for (keyword, actions) in [("SET", &self.sets), ("REMOVE", &self.removes)] {
            if !actions.is_empty() {
                let space = if self.expression.update.is_empty() {
                    ""
                } else {
                    " "
                };
                // Writing to a string cannot fail.
                let _ = write!(
                    self.expression.update,
                    "{space}{keyword} {}",
                    actions.join(", ")
                );
            }
        }
        self.expression.condition =
            (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "));
        self.expression
    }
}

#[cfg(test)]
pub(super) mod tests;
