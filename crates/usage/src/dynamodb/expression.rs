//! What a write to a usage item does and under which condition, as clauses and as DynamoDB's text.
//!
//! DynamoDB knows no maximum and no arithmetic in conditions, so every bound is computed here, from `now`.

use std::fmt::Write as _;

use crate::Nanos;

/// One attribute's part of a write. All of them happen, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Clause {
    /// A bucket that is full at `now`: its `tat` becomes `tat`, unless it lies ahead of `now`.
    Idle { attribute: String, now: Nanos, tat: Nanos },
    /// A bucket that is not: its `tat` moves by `by`, if it lies ahead of `now` and at `latest` at most.
    Busy { attribute: String, now: Nanos, by: Nanos, latest: Nanos },
    /// A quota: its count grows by `by`, if it is at most `most`.
    Quota { attribute: String, by: Nanos, most: Nanos },
    /// A counter that refuses nothing.
    Count { attribute: String, by: Nanos },
    /// Becomes `to`, whatever it was.
    Set { attribute: String, to: Nanos },
    /// Is brought down to `to`, if it is above `above`.
    Lower { attribute: String, above: Nanos, to: Nanos },
    /// Goes, if it is at most `most` (or has gone).
    Remove { attribute: String, most: Nanos },
    /// Only a condition: it is there.
    Present { attribute: String },
    /// Only a condition: it is not there.
    Absent { attribute: String },
    /// Only a condition: it is at least `least`.
    AtLeast { attribute: String, least: Nanos },
    /// Only a condition: it is at most `most`, or not there.
    AtMost { attribute: String, most: Nanos },
    /// Only a condition: it is something other than `from`, or not there.
    Differs { attribute: String, from: Nanos },
}

/// A write as DynamoDB takes it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expression {
    /// `UpdateExpression`.
    pub(super) update: String,
    /// `ConditionExpression`, where there is one.
    pub(super) condition: Option<String>,
    /// `ExpressionAttributeNames`: `#a0`, `#a1` …
    pub(super) names: Vec<(String, String)>,
    /// `ExpressionAttributeValues`, all numbers: `:v0`, `:v1` …
    pub(super) values: Vec<(String, Nanos)>,
}

#[derive(Default)]
struct Writer {
    sets: Vec<String>,
    removes: Vec<String>,
    conditions: Vec<String>,
    expression: Expression,
}

/// The text of a write.
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
            Clause::Idle { attribute, now, tat } => self.idle(attribute, *now, *tat),
            Clause::Busy { attribute, now, by, latest } => self.busy(attribute, *now, *by, *latest),
            Clause::Quota { attribute, by, most } => self.quota(attribute, *by, *most),
            Clause::Count { attribute, by } => {
                let name = self.name(attribute);
                self.count(&name, *by);
            }
            Clause::Set { attribute, to } => self.set(attribute, *to),
            Clause::Lower { attribute, above, to } => self.lower(attribute, *above, *to),
            Clause::Remove { attribute, most } => self.remove(attribute, *most),
            Clause::Present { attribute } => self.require(attribute, |name| format!("attribute_exists({name})")),
            Clause::Absent { attribute } => self.require(attribute, |name| format!("attribute_not_exists({name})")),
            Clause::AtLeast { attribute, least } => self.compare(attribute, ">=", *least),
            Clause::AtMost { attribute, most } => self.compare_or_absent(attribute, "<=", *most),
            Clause::Differs { attribute, from } => self.compare_or_absent(attribute, "<>", *from),
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
        self.require(attribute, |name| format!("(attribute_not_exists({name}) OR {name} {operator} {value})"));
    }

    fn idle(&mut self, attribute: &str, now: Nanos, tat: Nanos) {
        let (name, now, tat) = (self.name(attribute), self.value(now), self.value(tat));
        self.sets.push(format!("{name} = {tat}"));
        self.conditions.push(format!("(attribute_not_exists({name}) OR {name} <= {now})"));
    }

    fn busy(&mut self, attribute: &str, now: Nanos, by: Nanos, latest: Nanos) {
        let (name, now, by, latest) = (self.name(attribute), self.value(now), self.value(by), self.value(latest));
        self.sets.push(format!("{name} = {name} + {by}"));
        self.conditions.push(format!("({name} > {now} AND {name} <= {latest})"));
    }

    fn quota(&mut self, attribute: &str, by: Nanos, most: Nanos) {
        let (name, most) = (self.name(attribute), self.value(most));
        self.count(&name, by);
        self.conditions.push(format!("(attribute_not_exists({name}) OR {name} <= {most})"));
    }

    fn count(&mut self, name: &str, by: Nanos) {
        let (zero, by) = (self.value(0), self.value(by));
        self.sets.push(format!("{name} = if_not_exists({name}, {zero}) + {by}"));
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
        self.conditions.push(format!("(attribute_not_exists({name}) OR {name} <= {most})"));
        self.removes.push(name);
    }

    fn name(&mut self, attribute: &str) -> String {
        let name = format!("#a{}", self.expression.names.len());
        self.expression.names.push((name.clone(), attribute.to_owned()));
        name
    }

    /// One placeholder a number: DynamoDB refuses a value that no expression uses, and counts their bytes.
    fn value(&mut self, number: Nanos) -> String {
        if let Some((name, _)) = self.expression.values.iter().find(|(_, known)| *known == number) {
            return name.clone();
        }
        let name = format!(":v{}", self.expression.values.len());
        self.expression.values.push((name.clone(), number));
        name
    }

    fn finish(mut self) -> Expression {
        for (keyword, actions) in [("SET", &self.sets), ("REMOVE", &self.removes)] {
            if !actions.is_empty() {
                let space = if self.expression.update.is_empty() { "" } else { " " };
                // Writing to a string cannot fail.
                let _ = write!(self.expression.update, "{space}{keyword} {}", actions.join(", "));
            }
        }
        self.expression.condition = (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "));
        self.expression
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// An item as the expressions see it.
    pub(in super::super) type Attributes = BTreeMap<String, Nanos>;

    impl Clause {
        fn holds(&self, item: &Attributes) -> bool {
            let value = |attribute: &String| item.get(attribute).copied();
            match self {
                Self::Idle { attribute, now, .. } => value(attribute).is_none_or(|tat| tat <= *now),
                Self::Busy { attribute, now, latest, .. } => {
                    value(attribute).is_some_and(|tat| tat > *now && tat <= *latest)
                }
                Self::Quota { attribute, most, .. }
                | Self::Remove { attribute, most }
                | Self::AtMost { attribute, most } => value(attribute).is_none_or(|count| count <= *most),
                Self::Present { attribute } => value(attribute).is_some(),
                Self::Absent { attribute } => value(attribute).is_none(),
                Self::AtLeast { attribute, least } => value(attribute).is_some_and(|value| value >= *least),
                Self::Differs { attribute, from } => value(attribute) != Some(*from),
                Self::Lower { attribute, above, .. } => value(attribute).is_some_and(|value| value > *above),
                Self::Count { .. } | Self::Set { .. } => true,
            }
        }

        fn write(&self, item: &mut Attributes) {
            match self {
                Self::Idle { attribute, tat: to, .. }
                | Self::Set { attribute, to }
                | Self::Lower { attribute, to, .. } => {
                    item.insert(attribute.clone(), *to);
                }
                Self::Busy { attribute, by, .. }
                | Self::Quota { attribute, by, .. }
                | Self::Count { attribute, by } => {
                    *item.entry(attribute.clone()).or_default() += by;
                }
                Self::Remove { attribute, .. } => {
                    item.remove(attribute);
                }
                Self::Present { .. }
                | Self::Absent { .. }
                | Self::AtLeast { .. }
                | Self::AtMost { .. }
                | Self::Differs { .. } => {}
            }
        }
    }

    /// What DynamoDB does with a write, on one item: the model that the real servers are compared with.
    pub(in super::super) fn apply(clauses: &[Clause], item: &mut Attributes) -> bool {
        let holds = clauses.iter().all(|clause| clause.holds(item));
        if holds {
            clauses.iter().for_each(|clause| clause.write(item));
        }
        holds
    }

    fn text(clauses: &[Clause]) -> (String, Option<String>, Vec<Nanos>) {
        let expression = expression(clauses);
        (expression.update, expression.condition, expression.values.into_iter().map(|(_, value)| value).collect())
    }

    fn name(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn an_idle_bucket_is_set_and_a_busy_one_moved() {
        assert_eq!(
            text(&[Clause::Idle { attribute: name("b"), now: 5, tat: 9 }]),
            (name("SET #a0 = :v1"), Some(name("(attribute_not_exists(#a0) OR #a0 <= :v0)")), vec![5, 9])
        );
        assert_eq!(
            text(&[Clause::Busy { attribute: name("b"), now: 5, by: 4, latest: 8 }]),
            (name("SET #a0 = #a0 + :v1"), Some(name("(#a0 > :v0 AND #a0 <= :v2)")), vec![5, 4, 8])
        );
    }

    #[test]
    fn a_quota_grows_below_its_limit_and_a_count_without_one() {
        let clauses =
            [Clause::Quota { attribute: name("d"), by: 2, most: 98 }, Clause::Count { attribute: name("u"), by: 2 }];
        assert_eq!(
            text(&clauses),
            (
                name("SET #a0 = if_not_exists(#a0, :v1) + :v2, #a1 = if_not_exists(#a1, :v1) + :v2"),
                Some(name("(attribute_not_exists(#a0) OR #a0 <= :v0)")),
                vec![98, 0, 2]
            )
        );
    }

    #[test]
    fn what_only_counts_has_no_condition() {
        assert_eq!(text(&[Clause::Count { attribute: name("u"), by: 1 }]).1, None);
        assert_eq!(text(&[Clause::Set { attribute: name("v"), to: 1 }]), (name("SET #a0 = :v0"), None, vec![1]));
    }

    #[test]
    fn a_clamp_lowers_and_tidying_removes_under_conditions_of_their_own() {
        assert_eq!(
            text(&[Clause::Lower { attribute: name("b"), above: 9, to: 7 }]),
            (name("SET #a0 = :v1"), Some(name("#a0 > :v0")), vec![9, 7])
        );
        let clauses =
            [Clause::Remove { attribute: name("b"), most: 5 }, Clause::Remove { attribute: name("d"), most: 6 }];
        assert_eq!(
            text(&clauses),
            (
                name("REMOVE #a0, #a1"),
                Some(name("(attribute_not_exists(#a0) OR #a0 <= :v0) AND (attribute_not_exists(#a1) OR #a1 <= :v1)")),
                vec![5, 6]
            )
        );
    }

    #[test]
    fn clauses_are_joined_and_equal_numbers_share_a_value() {
        let clauses = [
            Clause::Idle { attribute: name("b"), now: 1, tat: 2 },
            Clause::Idle { attribute: name("c"), now: 1, tat: 2 },
            Clause::Set { attribute: name("v"), to: 1 },
        ];
        let expression = expression(&clauses);
        assert_eq!(expression.update, "SET #a0 = :v1, #a1 = :v1, #a2 = :v0");
        assert_eq!(
            expression.condition.as_deref(),
            Some("(attribute_not_exists(#a0) OR #a0 <= :v0) AND (attribute_not_exists(#a1) OR #a1 <= :v0)")
        );
        assert_eq!(expression.names[2], (name("#a2"), name("v")));
    }
}
