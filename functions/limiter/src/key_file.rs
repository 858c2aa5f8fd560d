//! API Gateway's key file: CSV with a header. `Name` and `Key` are required, `Description`, `Enabled` and
//! `UsagePlanIds` may be there, in any order and case; other columns are passed over. Names and descriptions may stand
//! behind the apostrophe of an export, see [`formula`](crate::formula).
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-key-file-format.html>.

use csv::{Position, Reader, ReaderBuilder, StringRecord, Trim};
use usage::{KeyHash, LONGEST_DESCRIPTION, LONGEST_NAME};

use crate::formula::unguarded;

/// A good row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// On which line it begins, the header being line 1.
    pub(crate) line: u64,
    pub(crate) hash: KeyHash,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) enabled: bool,
    /// The row's own plan.
    pub(crate) plan: Option<String>,
}

/// A row that is passed over. It repeats nothing that may be a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) line: u64,
    pub(crate) detail: String,
}

/// Which column is where.
#[derive(Debug)]
struct Columns {
    name: usize,
    key: usize,
    description: Option<usize>,
    enabled: Option<usize>,
    plans: Option<usize>,
}

/// Reads a file row by row; only one row is held at a time.
pub(crate) struct KeyFile<'f> {
    text: &'f [u8],
    reader: Reader<&'f [u8]>,
    columns: Columns,
    record: StringRecord,
}

impl<'f> KeyFile<'f> {
    /// # Errors
    /// What is wrong with the header.
    pub(crate) fn open(text: &'f [u8]) -> Result<Self, String> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(text);
        let header = reader.headers().map_err(|_| "the header is not UTF-8 text".to_owned())?;
        let columns = Columns::of(header)?;
        Ok(Self { text, reader, columns, record: StringRecord::new() })
    }

    /// The next row; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Result<Row, Rejected>> {
        let begin = self.reader.position().clone();
        match self.reader.read_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => {
                let line = self.line(self.record.position().unwrap_or(&begin));
                Some(self.row(line).map_err(|detail| Rejected { line, detail }))
            }
            Err(error) => {
                let line = self.line(error.position().unwrap_or(&begin));
                Some(Err(Rejected { line, detail: "it is not UTF-8 text".to_owned() }))
            }
        }
    }

    /// The reader says where it began to look, and passes over empty lines before a row.
    fn line(&self, position: &Position) -> u64 {
        let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
        let empty = self.text.get(from..).unwrap_or_default().iter().take_while(|byte| b"\r\n".contains(byte));
        position.line() + empty.filter(|byte| **byte == b'\n').count() as u64
    }

    fn row(&self, line: u64) -> Result<Row, String> {
        let column =
            |index: Option<usize>| index.and_then(|index| self.record.get(index)).filter(|text| !text.is_empty());
        let name = column(Some(self.columns.name)).ok_or("it has no name")?;
        let name = unguarded(name).to_owned();
        if name.chars().count() > LONGEST_NAME {
            return Err(format!("its name has more than {LONGEST_NAME} characters"));
        }
        let description = column(self.columns.description).map(|text| unguarded(text).to_owned());
        if description.as_ref().is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
            return Err(format!("its description has more than {LONGEST_DESCRIPTION} characters"));
        }
        let key = column(Some(self.columns.key)).ok_or("it has no key")?;
        let hash = KeyHash::of(key).map_err(|error| error.to_string())?;
        let enabled = match column(self.columns.enabled) {
            None => true,
            Some(text) if text.eq_ignore_ascii_case("true") => true,
            Some(text) if text.eq_ignore_ascii_case("false") => false,
            Some(_) => return Err("`Enabled` is TRUE or FALSE".to_owned()),
        };
        let mut plans = column(self.columns.plans).unwrap_or_default().split(',').map(str::trim);
        let plan = plans.next().filter(|plan| !plan.is_empty()).map(str::to_owned);
        if plans.any(|plan| !plan.is_empty()) {
            return Err("it has more than one plan, and a key is on one".to_owned());
        }
        Ok(Row { line, hash, name, description, enabled, plan })
    }
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, String> {
        let find = |name: &str| {
            let mut found = header.iter().enumerate().filter(|(_, column)| column.eq_ignore_ascii_case(name));
            match (found.next(), found.next()) {
                (Some(_), Some(_)) => Err(format!("the header has two columns `{name}`")),
                (first, _) => Ok(first.map(|(index, _)| index)),
            }
        };
        let required = |name: &str| find(name)?.ok_or_else(|| format!("the header has no column `{name}`"));
        let (name, key) = (required("Name")?, required("Key")?);
        let (description, enabled, plans) = (find("Description")?, find("Enabled")?, find("UsagePlanIds")?);
        Ok(Self { name, key, description, enabled, plans })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Result<Row, Rejected>> {
        let mut file = KeyFile::open(text.as_bytes()).unwrap();
        std::iter::from_fn(|| file.next()).collect()
    }

    #[test]
    fn columns_come_in_any_order_and_case_and_unknown_ones_are_passed_over() {
        let text = "enabled,KEY,Colour,usageplanids,NAME,description\n\
                    FALSE,twenty-characters-01,red,\"gold\",first,\"one, two\"\n\
                    ,twenty-characters-02,,,second,\n";
        let found: Vec<_> = rows(text).into_iter().map(Result::unwrap).collect();
        assert_eq!((found[0].line, found[0].name.as_str(), found[0].enabled), (2, "first", false));
        assert_eq!((found[0].plan.as_deref(), found[0].description.as_deref()), (Some("gold"), Some("one, two")));
        assert_eq!(found[0].hash, KeyHash::of("twenty-characters-01").unwrap());
        assert_eq!((found[1].line, found[1].enabled, &found[1].plan), (3, true, &None));
    }

    #[test]
    fn a_rejected_row_is_told_by_its_line_and_without_its_key() {
        let text = format!(
            "Name,Key,Enabled,UsagePlanIds\n,twenty-characters-01\na,my-secret\n\n\"b\nb\",{},yes\nc,twenty-characters-03,TRUE,\"gold, silver\"\n\
             d\n{},twenty-characters-04\ne,twenty-characters-05,true\n",
            "twenty-characters-02",
            "n".repeat(1025)
        );
        let found: Vec<_> = rows(&text)
            .into_iter()
            .map(|row| row.map_or_else(|row| (row.line, row.detail), |row| (row.line, String::new())))
            .collect();
        let lines: Vec<_> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 5, 7, 8, 9, 10]);
        for (index, expected) in
            ["no name", "20 to 128", "TRUE or FALSE", "more than one plan", "no key", "1024 characters", ""]
                .iter()
                .enumerate()
        {
            assert!(found[index].1.contains(expected), "{:?}", found[index]);
        }
        assert!(!format!("{found:?}").contains("secret"));
    }

    #[test]
    fn a_header_without_its_columns_is_refused() {
        for (text, expected) in
            [("", "no column `Name`"), ("Name\n", "no column `Key`"), ("Name,Key,key\n", "two columns `Key`")]
        {
            assert!(KeyFile::open(text.as_bytes()).err().unwrap().contains(expected), "{text}");
        }
        assert!(KeyFile::open("\u{feff}Name,Key\n".as_bytes()).is_ok());
    }

    #[test]
    fn a_row_that_is_no_text_costs_itself_alone() {
        let mut file = KeyFile::open(b"Name,Key\n\xff,twenty-characters-01\na,twenty-characters-02\n").unwrap();
        assert_eq!(file.next().unwrap().unwrap_err().line, 2);
        assert_eq!(file.next().unwrap().unwrap().line, 3);
        assert!(file.next().is_none());
    }
}
