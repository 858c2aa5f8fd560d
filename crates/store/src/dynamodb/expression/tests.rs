use super::*;
use testing::{Integers, ItemUpdate};

/// Writes the clauses to an item as DynamoDB does. Returns false if their conditions are not met.
pub(in super::super) fn apply(clauses: &[Clause], item: &mut Integers) -> bool {
    let expression = expression(clauses);
    let update = ItemUpdate {
        update: &expression.update,
        condition: expression.condition.as_deref(),
        names: &expression.names.into_iter().collect(),
        values: &expression.values.into_iter().collect(),
    };
    update.apply(item)
}

fn text(clauses: &[Clause]) -> (String, Option<String>, Vec<Nanos>) {
    let expression = expression(clauses);
    (
        expression.update,
        expression.condition,
        expression
            .values
            .into_iter()
            .map(|(_, value)| value)
            .collect(),
    )
}

fn name(text: &str) -> String {
    text.to_owned()
}

#[test]
fn an_idle_bucket_is_set_and_a_busy_one_moved() {
    assert_eq!(
        text(&[Clause::Idle {
            attribute: name("b"),
            now: 5,
            tat: 9
        }]),
        (
            name("SET #a0 = :v1"),
            Some(name("(attribute_not_exists(#a0) OR #a0 <= :v0)")),
            vec![5, 9]
        )
    );
    assert_eq!(
        text(&[Clause::Busy {
            attribute: name("b"),
            now: 5,
            by: 4,
            latest: 8
        }]),
        (
            name("SET #a0 = #a0 + :v1"),
            Some(name("(#a0 > :v0 AND #a0 <= :v2)")),
            vec![5, 4, 8]
        )
    );
}

#[test]
fn a_quota_grows_below_its_limit_and_a_count_without_one() {
    let clauses = [
        Clause::Quota {
            attribute: name("d"),
            by: 2,
            most: 98,
        },
        Clause::Count {
            attribute: name("u"),
            by: 2,
        },
    ];
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
fn a_quota_without_room_of_its_own_needs_a_count_that_a_grant_has_written() {
    let clauses = [Clause::Quota {
        attribute: name("d"),
        by: 2,
        most: -1,
    }];
    assert_eq!(text(&clauses).1, Some(name("#a0 <= :v0")));
}

#[test]
fn what_only_counts_has_no_condition() {
    assert_eq!(
        text(&[Clause::Count {
            attribute: name("u"),
            by: 1
        }])
        .1,
        None
    );
    assert_eq!(
        text(&[Clause::Set {
            attribute: name("v"),
            to: 1
        }]),
        (name("SET #a0 = :v0"), None, vec![1])
    );
}

#[test]
fn a_clamp_lowers_and_tidying_removes_under_conditions_of_their_own() {
    assert_eq!(
        text(&[Clause::Lower {
            attribute: name("b"),
            above: 9,
            to: 7
        }]),
        (name("SET #a0 = :v1"), Some(name("#a0 > :v0")), vec![9, 7])
    );
    let clauses = [
        Clause::Remove {
            attribute: name("b"),
            most: 5,
        },
        Clause::Remove {
            attribute: name("d"),
            most: 6,
        },
    ];
    assert_eq!(
        text(&clauses),
        (
            name("REMOVE #a0, #a1"),
            Some(name(
                "(attribute_not_exists(#a0) OR #a0 <= :v0) AND (attribute_not_exists(#a1) OR #a1 <= :v1)"
            )),
            vec![5, 6]
        )
    );
}

#[test]
fn clauses_are_joined_and_equal_numbers_share_a_value() {
    let clauses = [
        Clause::Idle {
            attribute: name("b"),
            now: 1,
            tat: 2,
        },
        Clause::Idle {
            attribute: name("c"),
            now: 1,
            tat: 2,
        },
        Clause::Set {
            attribute: name("v"),
            to: 1,
        },
    ];
    let expression = expression(&clauses);
    assert_eq!(expression.update, "SET #a0 = :v1, #a1 = :v1, #a2 = :v0");
    assert_eq!(
        expression.condition.as_deref(),
        Some(
            "(attribute_not_exists(#a0) OR #a0 <= :v0) AND (attribute_not_exists(#a1) OR #a1 <= :v0)"
        )
    );
    assert_eq!(expression.names[2], (name("#a2"), name("v")));
}
