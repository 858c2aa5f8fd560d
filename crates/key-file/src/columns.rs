//! The header of a key file: the position of each column.

use std::fmt;

/// A column that an import reads. API Gateway's key files have the first five. An export has all
/// except `Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The name of the key.
    Name,
    /// The secret.
    Key,
    /// The purpose of the key.
    Description,
    /// `TRUE` or `FALSE`.
    Enabled,
    /// The plan, or a list of ids of usage plans in another account.
    UsagePlanIds,
    /// The id of the key.
    KeyId,
    /// An instant (RFC 3339).
    ExpiresAt,
    /// An instant (RFC 3339).
    NotBefore,
    /// Addresses and networks, separated by spaces.
    AllowedIps,
    /// The group of the key.
    Group,
    /// The `user_id` of the key's requests.
    Subject,
    /// Scopes, separated by spaces.
    Scopes,
    /// A JSON object of strings.
    Metadata,
    /// An instant (RFC 3339).
    CreatedAt,
}

const ALL: [Column; 14] = [
    Column::Name,
    Column::Key,
    Column::Description,
    Column::Enabled,
    Column::UsagePlanIds,
    Column::KeyId,
    Column::ExpiresAt,
    Column::NotBefore,
    Column::AllowedIps,
    Column::Group,
    Column::Subject,
    Column::Scopes,
    Column::Metadata,
    Column::CreatedAt,
];
/// The most ignored columns that are listed, and the most characters of each name.
const MAX_IGNORED_COLUMNS: usize = 50;
const MAX_COLUMN_CHARS: usize = 64;
/// The separators of other CSV dialects, and their names.
const OTHER_SEPARATORS: [(char, &str); 3] =
    [(';', "semicolons"), ('\t', "tabs"), ('|', "vertical bars")];

/// The position of each column.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    positions: [Option<usize>; ALL.len()],
    /// The number of columns in the header.
    pub(crate) count: usize,
    /// The names of the first 50 columns that an import ignores.
    pub(crate) ignored: Vec<String>,
}

impl Column {
    /// Returns the column with this name. Case is ignored.
    pub(crate) fn of(name: &str) -> Option<Self> {
        ALL.into_iter()
            .find(|column| name.eq_ignore_ascii_case(&column.to_string()))
    }
}

impl fmt::Display for Column {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl Columns {
    /// No columns.
    pub(crate) fn none() -> Self {
        Self {
            positions: [None; ALL.len()],
            count: 0,
            ignored: Vec::new(),
        }
    }

    /// Reads the cells of a header.
    ///
    /// # Errors
    /// Returns what is wrong. It does not repeat the header, which may be a row with a secret.
    pub(crate) fn of(header: &[&str]) -> Result<Self, String> {
        let mut columns = Self {
            count: header.len(),
            ..Self::none()
        };
        for (position, name) in header.iter().enumerate() {
            match Column::of(name) {
                Some(column) if columns.position(column).is_some() => {
                    return Err(format!("the header has two columns `{column}`"));
                }
                Some(column) => columns.positions[column as usize] = Some(position),
                None => columns.ignore(position, name),
            }
        }

        if columns.position(Column::Key).is_some() {
            return Ok(columns);
        }
        Err(other_separator(header).unwrap_or_else(|| "the header has no column `Key`".to_owned()))
    }

    /// Returns the position of a column, counted from 0.
    pub(crate) fn position(&self, column: Column) -> Option<usize> {
        self.positions[column as usize]
    }

    fn ignore(&mut self, position: usize, name: &str) {
        if self.ignored.len() == MAX_IGNORED_COLUMNS {
            return;
        }

        self.ignored.push(match name {
            "" => format!("(column {})", position + 1),
            name => name.chars().take(MAX_COLUMN_CHARS).collect(),
        });
    }
}

/// Returns the error of a header whose columns are not separated by commas.
fn other_separator(header: &[&str]) -> Option<String> {
    let line = header.join(",");
    if line
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("sep="))
    {
        let detail = "the first line names a separator (`sep=`), expected a header whose columns are separated by commas";
        return Some(detail.to_owned());
    }

    let has_key = |separator: char| {
        let mut names = line
            .split(separator)
            .map(|name| name.trim_matches(['"', ' ', '\t']));
        names.any(|name| Column::of(name) == Some(Column::Key))
    };

    let (separator, name) = OTHER_SEPARATORS
        .into_iter()
        .find(|(separator, _)| has_key(*separator))?;
    Some(format!(
        "the columns are separated by {name} (`{}`), expected commas",
        separator.escape_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_in_any_order_and_case() {
        let columns = Columns::of(&["enabeld", "usageplanIds", "KEY", "", "expiresat"]).unwrap();
        assert_eq!(columns.position(Column::Key), Some(2));
        assert_eq!(columns.position(Column::UsagePlanIds), Some(1));
        assert_eq!(columns.position(Column::ExpiresAt), Some(4));
        assert_eq!(columns.position(Column::Enabled), None);
        assert_eq!(columns.ignored, ["enabeld", "(column 4)"]);
    }

    #[test]
    fn ignored_columns_are_bounded() {
        let long = "x".repeat(1_000);
        let mut header = vec![long.as_str(); 1_000];
        header.push("Key");
        let ignored = Columns::of(&header).unwrap().ignored;
        assert_eq!((ignored.len(), ignored[0].len()), (50, 64));
    }

    #[test]
    fn header_errors_name_the_cause() {
        for (header, expected) in [
            (&["Name"][..], "the header has no column `Key`"),
            (&["Name", "Key", "key"], "the header has two columns `Key`"),
            (
                &["Name;key;description"],
                "the columns are separated by semicolons (`;`), expected commas",
            ),
            (
                &["\"Name\"\t\"Key\""],
                "the columns are separated by tabs (`\\t`), expected commas",
            ),
            (
                &["a", "b|Key"],
                "the columns are separated by vertical bars (`|`), expected commas",
            ),
            (&["sep=;"], "the first line names a separator (`sep=`)"),
            (
                &["first", "a-secret-of-somebody"],
                "the header has no column `Key`",
            ),
        ] {
            let error = Columns::of(header).unwrap_err();
            assert!(
                error.starts_with(expected) && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
