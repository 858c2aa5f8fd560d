//! Parameters of the query. One that nobody knows is a mistake, because it was meant to narrow
//! something.

use std::collections::BTreeMap;

use http::Uri;
use jiff::civil::Date;
use percent_encoding::percent_decode_str;

use crate::problem::{Mistake, Problem};
use crate::request::cursor::List;

const MOST: usize = 100;

/// A query's parameters, decoded, with what was found wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Query {
    values: BTreeMap<String, Vec<String>>,
    mistakes: Vec<Mistake>,
}

impl Query {
    /// Those of `known` that are there.
    pub(crate) fn of(uri: &Uri, known: &[&str]) -> Self {
        Self::with_lists(uri, known, &[])
    }

    /// The same, where `lists` of them may be repeated.
    pub(crate) fn with_lists(uri: &Uri, known: &[&str], lists: &[&str]) -> Self {
        let may_be_repeated = |name: &str| lists.contains(&name);
        let mut query = Self::default();
        let decode = |text: &str| {
            percent_decode_str(&text.replace('+', " "))
                .decode_utf8()
                .map(|text| text.into_owned())
        };
        for pair in uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (decode(name), decode(value)) {
                (Ok(name), Ok(value))
                    if known.contains(&name.as_str())
                        && (may_be_repeated(&name) || !query.values.contains_key(&name)) =>
                {
                    query.values.entry(name).or_default().push(value);
                }
                (Ok(name), Ok(_)) if known.contains(&name.as_str()) => {
                    query.mistake(&name, "it stands there twice")
                }
                (Ok(name), Ok(_)) => {
                    let detail = if known.is_empty() {
                        "this resource has no parameters".to_owned()
                    } else {
                        format!("nobody knows it; known are `{}`", known.join("`, `"))
                    };
                    query.mistake(&name, &detail);
                }
                _ => query.mistake(name, "it is not UTF-8 text"),
            }
        }
        query
    }

    pub(crate) fn mistake(&mut self, name: &str, detail: &str) {
        self.mistakes.push(Mistake::in_parameter(name, detail));
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)?.pop()
    }

    /// A text that is not empty.
    pub(crate) fn nonempty(&mut self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// The item after which a page of `list` begins, or `None` for the first page.
    pub(crate) fn cursor(&mut self, list: List<'_>) -> Option<String> {
        let cursor = self.nonempty("cursor")?;
        let position = list.position(&cursor);
        if position.is_none() {
            self.mistake(
                "cursor",
                "unknown cursor, expected the one that the previous page of this list returned",
            );
        }
        position
    }

    /// The items of a list, separated by commas or repeated.
    pub(crate) fn list(&mut self, name: &str) -> Vec<String> {
        let values = self.values.remove(name).unwrap_or_default();
        let items = values
            .iter()
            .flat_map(|value| value.split(','))
            .map(str::trim);
        items
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// `true` or `false`, and false where absent.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        match self.text(name).as_deref() {
            Some("true") => true,
            None | Some("false") => false,
            Some(_) => {
                self.mistake(name, "expected `true` or `false`");
                false
            }
        }
    }

    /// How many items a page has, 1 to 100.
    pub(crate) fn limit(&mut self) -> usize {
        let Some(text) = self.text("limit") else {
            return MOST;
        };
        match text.parse() {
            Ok(limit @ 1..=MOST) => limit,
            _ => {
                self.mistake("limit", "it is a whole number from 1 to 100");
                MOST
            }
        }
    }

    /// A day, or `default`.
    pub(crate) fn day(&mut self, name: &str, default: Date) -> Date {
        let Some(text) = self.text(name) else {
            return default;
        };
        // jiff would take more than the date alone.
        match text
            .parse::<Date>()
            .ok()
            .filter(|day| day.to_string() == text)
        {
            Some(day) => day,
            None => {
                self.mistake(name, "it is a day as in 2026-11-22");
                default
            }
        }
    }

    /// Whether all was well.
    ///
    /// # Errors
    /// 400 with every mistake.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.mistakes.is_empty() {
            Ok(())
        } else {
            Err(Problem::parameters(self.mistakes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_parameter_is_named_at_once() {
        let mut query = Query::of(
            &"/?limit=0&limit=2&from=22.11.2026&x=1&%ff=1"
                .parse()
                .unwrap(),
            &["limit", "from"],
        );
        assert_eq!(query.limit(), 100);
        assert_eq!(
            query.day("from", Date::constant(2026, 11, 1)),
            Date::constant(2026, 11, 1)
        );
        let problem = serde_json::to_value(query.finish().unwrap_err()).unwrap();
        let names: Vec<_> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["parameter"].clone())
            .collect();
        assert_eq!(
            (problem["status"].as_u64(), names),
            (
                Some(400),
                vec![
                    "limit".into(),
                    "x".into(),
                    "%ff".into(),
                    "limit".into(),
                    "from".into()
                ]
            )
        );
    }

    #[test]
    fn lists_may_be_repeated_and_flags_are_true_or_false() {
        let uri = "/?plans=a:b,%20c:d&plans=e:f,&dry_run=true&off=false"
            .parse()
            .unwrap();
        let mut query = Query::with_lists(&uri, &["plans", "dry_run", "off", "none"], &["plans"]);
        assert_eq!(query.list("plans"), ["a:b", "c:d", "e:f"]);
        assert_eq!(
            ["dry_run", "off", "none"].map(|name| query.flag(name)),
            [true, false, false]
        );
        assert!(query.finish().is_ok());

        let mut query = Query::of(&"/?dry_run=yes".parse().unwrap(), &["dry_run"]);
        query.flag("dry_run");
        assert!(query.finish().is_err());
    }

    #[test]
    fn what_is_right_is_read_decoded() {
        let mut query = Query::of(
            &"/?plan=a%2Bb+c&limit=7&to=2026-02-28".parse().unwrap(),
            &["plan", "limit", "to"],
        );
        assert_eq!(
            (query.text("plan").as_deref(), query.limit()),
            (Some("a+b c"), 7)
        );
        assert_eq!(query.day("to", Date::MIN), Date::constant(2026, 2, 28));
        assert!(query.finish().is_ok());
    }
}
