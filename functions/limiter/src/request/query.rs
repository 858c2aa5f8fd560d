//! Query parameters, read into one type per route.
//!
//! An unknown or repeated parameter is a mistake, because it was meant to narrow the result. All
//! mistakes are reported at once. `axum::extract::Query` and `axum-extra`'s stop at the first one,
//! and replace invalid UTF-8 instead of reporting it.

use std::collections::BTreeMap;

use http::Uri;
use jiff::civil::Date;
use percent_encoding::percent_decode_str;

use super::accept::JSON;
use super::cursor::List;
use crate::problem::{Mistake, Problem};

/// The most items of a page, and the default.
const MAX_PAGE_ITEMS: usize = 100;

/// The query parameters of a route, and the media types that the route offers.
pub(crate) trait QueryParameters: Sized {
    /// The names of all parameters. A name that ends with a dot is the beginning of names.
    const NAMES: &'static [&'static str];
    /// The parameters that may be repeated.
    const LISTS: &'static [&'static str] = &[];
    /// The media types of the response, the default first.
    const MEDIA_TYPES: &'static [&'static str] = &[JSON];

    /// Takes the values, and reports invalid ones with [`Parameters::report`].
    fn read(parameters: &mut Parameters) -> Self;
}

/// The query of a route without parameters.
pub(crate) struct NoParameters;

impl QueryParameters for NoParameters {
    const NAMES: &'static [&'static str] = &[];

    fn read(_: &mut Parameters) -> Self {
        Self
    }
}

/// Reads the query of a request.
///
/// # Errors
/// 400 with every mistake.
pub(crate) fn read<Q: QueryParameters>(uri: &Uri) -> Result<Q, Problem> {
    let mut parameters = Parameters::parse(uri, Q::NAMES, Q::LISTS);
    let query = Q::read(&mut parameters);

    if parameters.mistakes.is_empty() {
        Ok(query)
    } else {
        Err(Problem::invalid_parameters(parameters.mistakes))
    }
}

/// Decoded parameters, and the mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    values: BTreeMap<String, Vec<String>>,
    mistakes: Vec<Mistake>,
}

impl Parameters {
    fn parse(uri: &Uri, names: &[&str], lists: &[&str]) -> Self {
        let mut parameters = Self::default();
        let pairs = uri.query().unwrap_or_default().split('&');

        for pair in pairs.filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name), decode(value)) else {
                parameters.report(name, "expected UTF-8 text");
                continue;
            };

            if !names.iter().any(|known| is_known(known, &name)) {
                parameters.report(&name, &unknown(names));
            } else if parameters.values.contains_key(&name) && !lists.contains(&name.as_str()) {
                parameters.report(&name, "the parameter is repeated, expected it once");
            } else {
                parameters.values.entry(name).or_default().push(value);
            }
        }
        parameters
    }

    /// Adds a mistake in the parameter `name`.
    pub(crate) fn report(&mut self, name: &str, detail: &str) {
        self.mistakes.push(Mistake::in_parameter(name, detail));
    }

    /// Takes a value.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)?.pop()
    }

    /// Takes a value. An empty one counts as absent.
    pub(crate) fn nonempty(&mut self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// Takes `cursor`: the item after which a page of `list` begins, or `None` for the first page.
    pub(crate) fn cursor(&mut self, list: List<'_>) -> Option<String> {
        let cursor = self.nonempty("cursor")?;
        let position = list.position(&cursor);

        if position.is_none() {
            self.report(
                "cursor",
                "unknown cursor, expected the one that the previous page returned, with the same other parameters",
            );
        }
        position
    }

    /// Takes the items of a list, which are separated by commas or repeated.
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

    /// Takes `true` or `false`. Absent is false.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        match self.text(name).as_deref() {
            Some("true") => true,
            None | Some("false") => false,
            Some(_) => {
                self.report(name, "expected `true` or `false`");
                false
            }
        }
    }

    /// Takes `true` or `false`, or `None` if the parameter is absent.
    pub(crate) fn choice(&mut self, name: &str) -> Option<bool> {
        let is_present = self.values.contains_key(name);
        let value = self.flag(name);
        is_present.then_some(value)
    }

    /// Takes all parameters whose names begin with `prefix`, by the rest of the name.
    pub(crate) fn entries(&mut self, prefix: &str) -> BTreeMap<String, String> {
        let values = std::mem::take(&mut self.values);
        let (entries, others) = values
            .into_iter()
            .partition(|(name, _)| name.starts_with(prefix));
        self.values = others;

        let entries: BTreeMap<String, Vec<String>> = entries;
        let entries = entries.into_iter().filter_map(|(name, mut values)| {
            Some((name.strip_prefix(prefix)?.to_owned(), values.pop()?))
        });
        entries.collect()
    }

    /// Takes `limit`: the number of items of a page, 1 to 100. Absent is 100.
    pub(crate) fn limit(&mut self) -> usize {
        let Some(text) = self.text("limit") else {
            return MAX_PAGE_ITEMS;
        };

        match text.parse() {
            Ok(limit @ 1..=MAX_PAGE_ITEMS) => limit,
            _ => {
                self.report("limit", "expected a whole number from 1 to 100");
                MAX_PAGE_ITEMS
            }
        }
    }

    /// Takes a day in the form `2026-11-22`.
    pub(crate) fn day(&mut self, name: &str) -> Option<Date> {
        let text = self.text(name)?;
        // `Date` also accepts a date with a time.
        let day = text
            .parse::<Date>()
            .ok()
            .filter(|day| day.to_string() == text);

        if day.is_none() {
            self.report(name, "expected a day such as `2026-11-22`");
        }
        day
    }
}

/// Returns true if `name` is the known name, or has the known beginning.
fn is_known(known: &str, name: &str) -> bool {
    if known.ends_with('.') {
        name.len() > known.len() && name.starts_with(known)
    } else {
        known == name
    }
}

fn decode(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    let text = percent_decode_str(&text).decode_utf8().ok()?;
    Some(text.into_owned())
}

fn unknown(names: &[&str]) -> String {
    if names.is_empty() {
        "this resource has no parameters".to_owned()
    } else {
        format!(
            "unknown parameter, expected one of `{}`",
            names.join("`, `").replace(".`", ".NAME`")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str, names: &[&str], lists: &[&str]) -> Parameters {
        Parameters::parse(&query.parse().unwrap(), names, lists)
    }

    fn names(parameters: Parameters) -> Vec<String> {
        let mistakes = parameters.mistakes.into_iter();
        mistakes.filter_map(|mistake| mistake.parameter).collect()
    }

    #[test]
    fn every_invalid_parameter_is_reported_at_once() {
        let mut parameters = parse(
            "/?limit=0&limit=2&from=22.11.2026&x=1&%ff=1",
            &["limit", "from"],
            &[],
        );

        assert_eq!(parameters.limit(), 100);
        assert_eq!(parameters.day("from"), None);
        assert_eq!(names(parameters), ["limit", "x", "%ff", "limit", "from"]);
    }

    #[test]
    fn invalid_parameters_are_a_bad_request() {
        let problem = read::<NoParameters>(&"/?x=1".parse().unwrap()).err();
        let problem = serde_json::to_value(problem.unwrap()).unwrap();

        assert_eq!(problem["status"], 400);
        assert_eq!(problem["errors"][0]["parameter"], "x");
    }

    #[test]
    fn lists_may_be_repeated_and_flags_are_true_or_false() {
        let names_of_all = ["plans", "dry_run", "off", "absent"];
        let mut parameters = parse(
            "/?plans=a:b,%20c:d&plans=e:f,&dry_run=true&off=false",
            &names_of_all,
            &["plans"],
        );

        assert_eq!(parameters.list("plans"), ["a:b", "c:d", "e:f"]);
        let flags = ["dry_run", "off", "absent"].map(|name| parameters.flag(name));
        assert_eq!(flags, [true, false, false]);
        assert!(names(parameters).is_empty());

        let mut parameters = parse("/?dry_run=yes", &["dry_run"], &[]);
        parameters.flag("dry_run");
        assert_eq!(names(parameters), ["dry_run"]);
    }

    #[test]
    fn name_with_a_dot_at_its_end_begins_other_names() {
        let mut parameters = parse(
            "/?metadata.a%2Eb=1&metadata.c=&metadata.=x&metadata=x&enabled=no",
            &["metadata.", "enabled"],
            &[],
        );

        let entries = parameters.entries("metadata.");
        let expected = [("a.b", "1"), ("c", "")];
        assert_eq!(
            entries,
            expected
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into()
        );
        assert_eq!(parameters.choice("enabled"), Some(false));
        assert_eq!(parameters.choice("absent"), None);
        assert_eq!(names(parameters), ["metadata.", "metadata", "enabled"]);
    }

    #[test]
    fn values_are_percent_decoded() {
        let mut parameters = parse(
            "/?plan=a%2Bb+c&limit=7&to=2026-02-28",
            &["plan", "limit", "to"],
            &[],
        );

        assert_eq!(parameters.text("plan").as_deref(), Some("a+b c"));
        assert_eq!(parameters.limit(), 7);
        assert_eq!(parameters.day("to"), Some(Date::constant(2026, 2, 28)));
        assert!(names(parameters).is_empty());
    }
}
