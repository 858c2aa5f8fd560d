//! `keys export` and `keys import-csv`: API Gateway key files.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use admin_client::{AdminRequest, path};
use bytes::Bytes;
use clap::Args;
use http::Method;
use serde_json::Value;

use super::export_output::ExportOutput;
use crate::commands::CommandError;
use crate::commands::csv_pages::{CsvPages, without_header};
use crate::commands::value_text::text;
use crate::output::{OutputArgs, Table, escaped, print_json};
use crate::target::TargetArgs;

const CSV: &str = "text/csv";
/// The exit code of an interrupted command, as of shells.
const INTERRUPTED: u8 = 130;
/// The largest key file, in bytes. API Gateway accepts requests of at most 10 MB, the limiter's
/// Lambda function 6 MB.
const MAX_BYTES: u64 = 6 * 1024 * 1024;

/// The options of `keys export`.
#[derive(Debug, Args)]
pub(crate) struct ExportKeys {
    /// File to write. Default: standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Keys on this plan only
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
}

/// The options of `keys import-csv`.
#[derive(Debug, Args)]
pub(crate) struct ImportKeys {
    /// Key file in CSV, with at most 10,000 keys; `-` for standard input
    file: PathBuf,
    /// Plan of every row that --plans does not map
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// Plan for an id in the column UsagePlanIds; may be repeated
    #[arg(long = "plans", value_name = "ID=PLAN", value_parser = super::fields::entry)]
    plans: Vec<(String, String)>,
    /// Check the file and show the result, but write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    target: TargetArgs,
}

/// Writes the key file page by page.
pub(super) async fn export(options: ExportKeys) -> Result<ExitCode, CommandError> {
    let mut output = ExportOutput::open(options.out.as_deref())?;
    tokio::select! {
        written = write_pages(&options, &mut output) => written?,
        // The incomplete file is removed.
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(INTERRUPTED)),
    }
    output.finish()?;
    Ok(ExitCode::SUCCESS)
}

async fn write_pages(options: &ExportKeys, output: &mut ExportOutput) -> Result<(), CommandError> {
    let client = options.target.connect().await?;
    let plan = options.plan.as_deref();
    let parameters: Vec<_> = plan.map(|plan| ("plan", plan)).into_iter().collect();
    let first = path(&["keys", "export"]).query(&parameters).to_string();

    let mut pages = CsvPages::new(client, first);
    let mut is_first = true;
    while let Some(rows) = pages.next().await? {
        // Each page has a header.
        let rows = if is_first {
            &rows
        } else {
            without_header(&rows)
        };
        output.write(rows)?;
        is_first = false;
    }
    Ok(())
}

/// Sends a key file. Importing a file again is safe.
pub(super) async fn import(options: ImportKeys) -> Result<ExitCode, CommandError> {
    let file = read(&options.file)?;
    let client = options.target.connect().await?;

    let plans = options.plans.iter();
    let plans: Vec<_> = plans.map(|(id, plan)| format!("{id}:{plan}")).collect();
    let mut parameters: Vec<_> = plans.iter().map(|plan| ("plans", plan.as_str())).collect();
    parameters.extend(options.plan.as_deref().map(|plan| ("plan", plan)));
    if options.dry_run {
        parameters.push(("dry_run", "true"));
    }
    let path = path(&["keys", "import"]).query(&parameters);
    let response = client.send(AdminRequest::text(Method::POST, &path, CSV, file));
    let result = response.await?.json()?;

    if options.output.json {
        print_json(&result)?;
    } else {
        show(&result)?;
    }
    match result["rejected"].as_u64() {
        Some(0) => Ok(ExitCode::SUCCESS),
        _ => Err(CommandError::refused(format!(
            "{} rows were rejected",
            result["rejected"]
        ))),
    }
}

fn read(path: &Path) -> Result<Bytes, CommandError> {
    let failed = |error| CommandError::usage(format!("{}: {error}", path.display()));
    let mut text = Vec::new();
    let read = if path == Path::new("-") {
        if std::io::stdin().is_terminal() {
            let problem = "standard input is a terminal, expected a file with secrets";
            return Err(CommandError::usage(problem));
        }
        std::io::stdin().take(MAX_BYTES + 1).read_to_end(&mut text)
    } else {
        let file = File::open(path).map_err(failed)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut text)
    };
    read.map_err(failed)?;

    if text.len() as u64 > MAX_BYTES {
        return Err(CommandError::usage(format!(
            "{}: longer than {MAX_BYTES} bytes; split the file",
            path.display()
        )));
    }
    Ok(text.into())
}

/// Prints the rows, and the errors and warnings of the API.
fn show(result: &Value) -> Result<(), CommandError> {
    let mut table = Table::new(&["LINE", "KEY_ID", "RESULT"]).numeric(&["LINE"]);
    for row in result["keys"].as_array().into_iter().flatten() {
        table.row([
            text(&row["line"]),
            text(&row["key_id"]),
            text(&row["outcome"]),
        ]);
    }
    table.print()?;

    let mut errors = std::io::stderr();
    for (kind, rows) in [
        ("error", &result["errors"]),
        ("warning", &result["warnings"]),
    ] {
        for row in rows.as_array().into_iter().flatten() {
            let line = format!("line {}: {kind}: {}", row["line"], text(&row["detail"]));
            let _ = writeln!(errors, "{}", escaped(&line));
        }
    }
    let ignored = text(&result["ignored_columns"]);
    if !ignored.is_empty() {
        let _ = writeln!(errors, "warning: ignored columns: {}", escaped(&ignored));
    }
    let dry_run = if result["dry_run"] == true {
        " (dry run, nothing was written)"
    } else {
        ""
    };
    let _ = writeln!(
        errors,
        "{} created, {} updated, {} unchanged, {} rejected{dry_run}.",
        result["created"], result["updated"], result["unchanged"], result["rejected"]
    );
    Ok(())
}
