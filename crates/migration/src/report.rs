//! The outcome of each part of a configuration.

use std::collections::HashSet;
use std::fmt;

use serde_json::{Value, json};

/// The most findings of one outcome that a report for people lists. The JSON form lists all.
const MAX_PRINTED: usize = 50;

/// The outcome of one part of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It has an equivalent.
    Became,
    /// It has no equivalent, and nothing becomes more permissive.
    NotMapped,
    /// A fact to check, such as an incomplete file.
    Warning,
    /// It has an equivalent that admits less.
    Stricter,
    /// It has no equivalent, so that requests are refused until someone decides.
    Closed,
    /// The result admits something that the other product refuses.
    Laxer,
}

/// A part of a configuration that findings refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The file and the line, such as `kong.yaml:12`.
    pub place: String,
    /// The part of the configuration, such as `route orders`.
    pub what: String,
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// The outcome.
    pub outcome: Outcome,
    /// The part of the configuration.
    pub origin: Origin,
    /// The result, or the reason.
    pub text: String,
}

/// The findings of a conversion so far. A finding that repeats another one is dropped.
#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
    known: HashSet<Finding>,
}

/// The findings of a conversion, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings.
    pub findings: Vec<Finding>,
}

impl Outcome {
    /// All outcomes, in the order of a report.
    pub const ALL: [Self; 6] = [
        Self::Laxer,
        Self::Closed,
        Self::Stricter,
        Self::Warning,
        Self::NotMapped,
        Self::Became,
    ];

    /// Returns the name in a report in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Became => "became",
            Self::NotMapped => "not_mapped",
            Self::Warning => "warning",
            Self::Stricter => "stricter",
            Self::Closed => "closed",
            Self::Laxer => "laxer",
        }
    }

    /// Returns the heading in a report for people.
    const fn heading(self) -> &'static str {
        match self {
            Self::Became => "Converted",
            Self::NotMapped => "Without an equivalent",
            Self::Warning => "To check",
            Self::Stricter => "Stricter than before",
            Self::Closed => "Refused until you decide",
            Self::Laxer => "Laxer than before",
        }
    }
}

impl Origin {
    /// Returns a part of a configuration at a place.
    #[must_use]
    pub fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
        }
    }
}

impl Findings {
    /// Adds a finding.
    pub fn add(&mut self, outcome: Outcome, origin: &Origin, text: impl Into<String>) {
        let finding = Finding {
            outcome,
            origin: origin.clone(),
            text: text.into(),
        };
        if self.known.insert(finding.clone()) {
            self.list.push(finding);
        }
    }

    /// Adds what a part became.
    pub fn became(&mut self, origin: &Origin, text: impl Into<String>) {
        self.add(Outcome::Became, origin, text);
    }

    /// Adds a part without an equivalent.
    pub fn not_mapped(&mut self, origin: &Origin, text: impl Into<String>) {
        self.add(Outcome::NotMapped, origin, text);
    }

    /// Adds a part whose requests are refused until someone decides.
    pub fn closed(&mut self, origin: &Origin, text: impl Into<String>) {
        self.add(Outcome::Closed, origin, text);
    }

    /// Adds a part whose equivalent admits less.
    pub fn stricter(&mut self, origin: &Origin, text: impl Into<String>) {
        self.add(Outcome::Stricter, origin, text);
    }

    /// Adds a fact to check.
    pub fn warning(&mut self, origin: &Origin, text: impl Into<String>) {
        self.add(Outcome::Warning, origin, text);
    }

    /// Adds a part that would become more permissive.
    pub fn laxer(&mut self, origin: &Origin, text: impl Into<String>) {
        self.add(Outcome::Laxer, origin, text);
    }

    /// Returns the report.
    #[must_use]
    pub fn into_report(self) -> Report {
        Report {
            findings: self.list,
        }
    }
}

impl Report {
    /// True if something would become more permissive.
    #[must_use]
    pub fn is_laxer(&self) -> bool {
        self.count(Outcome::Laxer) > 0
    }

    /// Returns the number of findings with an outcome.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.with(outcome).count()
    }

    /// Returns the report as JSON: a list of objects with `outcome`, `place`, `what` and `text`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let findings = self.findings.iter().map(|finding| {
            json!({
                "outcome": finding.outcome.name(),
                "place": finding.origin.place,
                "what": finding.origin.what,
                "text": finding.text,
            })
        });
        findings.collect()
    }

    fn with(&self, outcome: Outcome) -> impl Iterator<Item = &Finding> {
        let findings = self.findings.iter();
        findings.filter(move |finding| finding.outcome == outcome)
    }
}

/// Prints at most 50 findings per outcome, the most important outcome first, and the counts at the
/// end.
impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outcome in Outcome::ALL {
            if self.count(outcome) == 0 {
                continue;
            }
            writeln!(formatter, "{}:", outcome.heading())?;
            for Finding { origin, text, .. } in self.with(outcome).take(MAX_PRINTED) {
                writeln!(formatter, "  {}: {}: {text}", origin.place, origin.what)?;
            }
            let more = self.count(outcome).saturating_sub(MAX_PRINTED);
            if more > 0 {
                writeln!(formatter, "  and {more} more")?;
            }
        }

        let [laxer, closed, stricter, warnings, not_mapped, became] =
            Outcome::ALL.map(|outcome| self.count(outcome));
        write!(
            formatter,
            "{became} converted, {not_mapped} without an equivalent, {warnings} to check, \
             {stricter} stricter, {closed} refused, {laxer} laxer"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut findings = Findings::default();
        let plan = Origin::new("a.json", "usage plan `gold`");
        findings.became(&plan, "plan `gold`");
        findings.became(&plan, "plan `gold`");
        findings.laxer(&plan, "the account's limit does not exist");
        findings.into_report()
    }

    #[test]
    fn report_begins_with_what_is_laxer_and_ends_with_counts() {
        assert_eq!(
            report().to_string(),
            "Laxer than before:\n  a.json: usage plan `gold`: the account's limit does not exist\n\
             Converted:\n  a.json: usage plan `gold`: plan `gold`\n\
             1 converted, 0 without an equivalent, 0 to check, 0 stricter, 0 refused, 1 laxer"
        );
        assert!(report().is_laxer());
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        let mut findings = Findings::default();
        for number in 0..60 {
            findings.became(&Origin::new("a.json", format!("key {number}")), "a key");
        }
        let text = findings.into_report().to_string();
        assert_eq!(text.lines().count(), 53, "{text}");
        assert!(text.contains("  and 10 more\n60 converted"), "{text}");
    }

    #[test]
    fn json_has_the_findings_in_their_order() {
        let report = report().to_json();
        assert_eq!(report[0]["outcome"], "became");
        assert_eq!(report[1]["outcome"], "laxer");
        assert_eq!(report[1]["place"], "a.json");
    }
}
