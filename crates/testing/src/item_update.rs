//! `UpdateItem` on an item of integers: the conditions and updates of DynamoDB that the stores use.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::vec::IntoIter;

/// An item whose attributes are all integers.
pub type Integers = BTreeMap<String, i128>;

/// The expressions of one `UpdateItem`.
#[derive(Clone, Copy, Debug)]
pub struct ItemUpdate<'e> {
    /// `UpdateExpression`: `SET` and `REMOVE`.
    pub update: &'e str,
    /// `ConditionExpression`: comparisons, `attribute_exists`, `attribute_not_exists`, `AND`, `OR`
    /// and parentheses.
    pub condition: Option<&'e str>,
    /// `ExpressionAttributeNames`, with `#`.
    pub names: &'e BTreeMap<String, String>,
    /// `ExpressionAttributeValues`, with `:`.
    pub values: &'e Integers,
}

/// The text of an expression in parts: names, operators and parentheses.
struct Parts<'e> {
    parts: Peekable<IntoIter<String>>,
    update: &'e ItemUpdate<'e>,
    item: &'e Integers,
}

impl ItemUpdate<'_> {
    /// Applies the update if the condition is met. Returns whether it was.
    ///
    /// # Panics
    /// If DynamoDB would refuse an expression, or if this module does not know it.
    pub fn apply(&self, item: &mut Integers) -> bool {
        self.assert_all_are_used();
        if let Some(condition) = self.condition {
            let mut parts = self.parts(condition, item);
            let is_met = parts.any();
            assert_eq!(parts.parts.next(), None, "{condition}");
            if !is_met {
                return false;
            }
        }

        let (sets, removes) = self.changes(item);
        item.extend(sets);
        item.retain(|name, _| !removes.contains(name));
        true
    }

    fn assert_all_are_used(&self) {
        let text = format!("{} {}", self.update, self.condition.unwrap_or_default());
        let used = split(&text);
        for name in self.names.keys().chain(self.values.keys()) {
            assert!(used.contains(name), "{name} is not used: {text}");
        }
    }

    fn changes(&self, item: &Integers) -> (Vec<(String, i128)>, Vec<String>) {
        let (mut sets, mut removes) = (Vec::new(), Vec::new());
        let mut parts = self.parts(self.update, item);
        let mut is_set = true;
        while let Some(part) = parts.parts.next() {
            match part.as_str() {
                "SET" | "REMOVE" => is_set = part == "SET",
                "," => {}
                name if is_set => {
                    let name = self.name(name).to_owned();
                    parts.expect("=");
                    sets.push((name, parts.sum()));
                }
                name => removes.push(self.name(name).to_owned()),
            }
        }
        (sets, removes)
    }

    fn parts<'e>(&'e self, text: &str, item: &'e Integers) -> Parts<'e> {
        Parts {
            parts: split(text).into_iter().peekable(),
            update: self,
            item,
        }
    }

    fn name(&self, placeholder: &str) -> &str {
        let name = self.names.get(placeholder);
        name.unwrap_or_else(|| panic!("unknown name: {placeholder}"))
    }
}

impl Parts<'_> {
    fn any(&mut self) -> bool {
        let mut is_met = self.all();
        while self.parts.next_if_eq("OR").is_some() {
            is_met |= self.all();
        }
        is_met
    }

    fn all(&mut self) -> bool {
        let mut is_met = self.term();
        while self.parts.next_if_eq("AND").is_some() {
            is_met &= self.term();
        }
        is_met
    }

    fn term(&mut self) -> bool {
        if self.parts.next_if_eq("(").is_some() {
            let is_met = self.any();
            self.expect(")");
            return is_met;
        }

        let first = self.next();
        match first.as_str() {
            "attribute_exists" => self.argument().is_some(),
            "attribute_not_exists" => self.argument().is_none(),
            _ => {
                let left = self.operand(&first);
                let operator = self.next();
                let right = self.next();
                let right = self.operand(&right);
                compare(left, &operator, right)
            }
        }
    }

    fn argument(&mut self) -> Option<i128> {
        self.expect("(");
        let argument = self.next();
        let value = self.operand(&argument);
        self.expect(")");
        value
    }

    fn sum(&mut self) -> i128 {
        let first = self.number();
        if self.parts.next_if_eq("+").is_some() {
            return first + self.number();
        }
        if self.parts.next_if_eq("-").is_some() {
            return first - self.number();
        }
        first
    }

    fn number(&mut self) -> i128 {
        let part = self.next();
        if part != "if_not_exists" {
            let value = self.operand(&part);
            return value.unwrap_or_else(|| panic!("an update of an absent attribute: {part}"));
        }

        self.expect("(");
        let attribute = self.next();
        let value = self.operand(&attribute);
        self.expect(",");
        let default = self.number();
        self.expect(")");
        value.unwrap_or(default)
    }

    fn operand(&self, placeholder: &str) -> Option<i128> {
        if placeholder.starts_with('#') {
            return self.item.get(self.update.name(placeholder)).copied();
        }
        let value = self.update.values.get(placeholder).copied();
        Some(value.unwrap_or_else(|| panic!("unknown value: {placeholder}")))
    }

    fn next(&mut self) -> String {
        self.parts.next().expect("a complete expression")
    }

    fn expect(&mut self, part: &str) {
        assert_eq!(self.next(), part);
    }
}

/// Returns false if an operand is absent, except for `<>`, as DynamoDB does.
fn compare(left: Option<i128>, operator: &str, right: Option<i128>) -> bool {
    let both = left.zip(right);
    let holds = |compare: fn(&i128, &i128) -> bool| both.is_some_and(|(a, b)| compare(&a, &b));
    match operator {
        "=" => holds(i128::eq),
        "<>" => left != right,
        "<" => holds(i128::lt),
        "<=" => holds(i128::le),
        ">" => holds(i128::gt),
        ">=" => holds(i128::ge),
        _ => panic!("unknown operator: {operator}"),
    }
}

fn split(text: &str) -> Vec<String> {
    let spaced = text
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace(',', " , ");
    spaced.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(update: &str, condition: Option<&str>, item: &mut Integers) -> bool {
        let placeholders = |sign: &str| {
            let text = format!("{update} {}", condition.unwrap_or_default());
            let names = split(&text).into_iter();
            names
                .filter(|part| part.starts_with(sign))
                .collect::<Vec<_>>()
        };
        let names = placeholders("#")
            .into_iter()
            .map(|name| (name.clone(), name[1..].to_owned()))
            .collect();
        let values = placeholders(":")
            .into_iter()
            .map(|name| (name.clone(), name[1..].parse().unwrap()))
            .collect();
        let update = ItemUpdate {
            update,
            condition,
            names: &names,
            values: &values,
        };
        update.apply(item)
    }

    fn item() -> Integers {
        Integers::from([("a".to_owned(), 5), ("b".to_owned(), 7)])
    }

    #[test]
    fn an_update_reads_the_item_before_it() {
        let mut item = item();
        assert!(apply(
            "SET #a = #b + :1, #b = #a - :1 REMOVE #c",
            None,
            &mut item
        ));
        assert_eq!(
            item,
            Integers::from([("a".to_owned(), 8), ("b".to_owned(), 4)])
        );
    }

    #[test]
    fn absent_attributes_have_a_default_and_can_be_removed() {
        let mut item = item();
        assert!(apply(
            "SET #c = if_not_exists(#c, :2) + :3 REMOVE #a",
            None,
            &mut item
        ));
        assert_eq!(
            item,
            Integers::from([("b".to_owned(), 7), ("c".to_owned(), 5)])
        );
    }

    #[test]
    fn a_condition_that_is_not_met_changes_nothing() {
        for (condition, is_met) in [
            ("#a <= :5", true),
            ("#a > :5", false),
            ("#a = #b", false),
            ("#c <= :5", false),
            ("#c <> #a", true),
            ("attribute_not_exists(#c) AND attribute_exists(#a)", true),
            ("#a > :5 OR #b > :5 AND #a > :4", true),
            ("(#a > :4 OR #b > :5) AND #a > :5", false),
        ] {
            let mut item = item();
            assert_eq!(
                apply("SET #d = :1", Some(condition), &mut item),
                is_met,
                "{condition}"
            );
            assert_eq!(item.contains_key("d"), is_met, "{condition}");
        }
    }

    #[test]
    #[should_panic(expected = "is not used")]
    fn an_unused_value_is_refused() {
        let update = ItemUpdate {
            update: "SET #a = :1",
            condition: None,
            names: &BTreeMap::from([("#a".to_owned(), "a".to_owned())]),
            values: &Integers::from([(":1".to_owned(), 1), (":2".to_owned(), 2)]),
        };
        update.apply(&mut Integers::new());
    }
}
