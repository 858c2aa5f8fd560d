//! CSV files of reports.

use csv::WriterBuilder;

use crate::problem::Problem;

/// Returns a CSV file. Text cells must be escaped with [`escape`](key_file::formula::escape).
///
/// # Errors
/// 500 if it cannot be written.
pub(crate) fn csv_file<const COLUMNS: usize>(
    header: Option<[&str; COLUMNS]>,
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> Result<Vec<u8>, Problem> {
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    if let Some(header) = header {
        writer
            .write_record(header)
            .map_err(|error| Problem::fault(&error))?;
    }

    for row in rows {
        writer
            .write_record(row)
            .map_err(|error| Problem::fault(&error))?;
    }
    writer
        .into_inner()
        .map_err(|error| Problem::fault(error.error()))
}
