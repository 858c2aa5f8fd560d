//! Key files of API Gateway.

use std::collections::{BTreeSet, HashMap};

use declaration::{Declaration, DeclaredKey};
use key_file::{KeyFile, Row};
use registry::KeyHash;
use serde_json::{Map, Value};

use crate::names::Names;
use crate::{Findings, ImportError, Migration, Origin};

/// The largest file, in bytes.
const MAX_FILE_BYTES: usize = 64 * 1024 * 1024;
/// The most rows of a file.
const MAX_ROWS: usize = 200_000;

/// The plans of the rows of a key file.
#[derive(Clone, Debug, Default)]
pub struct KeyFilePlans {
    /// The plan of rows whose ids are not in `by_id`. Without it, an id is the name of a plan.
    pub default: Option<String>,
    /// Plans by the id of a usage plan.
    pub by_id: HashMap<String, String>,
}

/// Converts a key file.
///
/// ```
/// use migration::{KeyFilePlans, migrate_key_file};
///
/// let text = b"Name,Key,UsagePlanIds\nFirst,made-up-0123456789abcdefghij,c7y23b\n";
/// let plans = KeyFilePlans {
///     by_id: [("c7y23b".to_owned(), "basic".to_owned())].into(),
///     ..KeyFilePlans::default()
/// };
/// let migration = migrate_key_file("keys.csv", text, &plans)?;
/// let key = &migration.declaration.keys[0];
/// assert_eq!((key.key_id.as_str(), &key.fields["plan"]), ("first", &"basic".into()));
/// # Ok::<(), migration::ImportError>(())
/// ```
///
/// # Errors
/// [`ImportError`] if the file or its header cannot be read. A row that cannot be read is a finding.
pub fn migrate_key_file(
    file: &str,
    bytes: &[u8],
    plans: &KeyFilePlans,
) -> Result<Migration, ImportError> {
    for plan in plans.default.iter().chain(plans.by_id.values()) {
        limits::check_name(plan).map_err(|error| ImportError::new("plan", error.to_string()))?;
    }
    if bytes.len() > MAX_FILE_BYTES {
        let problem = format!("the file is larger than {} MiB", MAX_FILE_BYTES >> 20);
        return Err(ImportError::new(file, problem));
    }

    let mut findings = Findings::default();
    let rows = rows(file, bytes, &mut findings)?;
    let mut names = Names::default();
    let keys = rows.into_iter();
    let keys = keys.filter_map(|row| key(file, row, plans, &mut names, &mut findings));
    let declaration = Declaration {
        keys: keys.collect(),
        ..Declaration::default()
    };
    Ok(Migration {
        declaration,
        report: findings.into_report(),
    })
}

/// Returns the valid rows. Of several rows with the same key, the last one counts, as in API
/// Gateway.
fn rows(file: &str, bytes: &[u8], findings: &mut Findings) -> Result<Vec<Row>, ImportError> {
    let mut key_file =
        KeyFile::open(bytes).map_err(|problem| ImportError::new(format!("{file}:1"), problem))?;
    for column in key_file.ignored_columns() {
        let origin = Origin::new(format!("{file}:1"), "the header");
        findings.warning(&origin, format!("the column `{column}` is not read"));
    }

    let mut rows: Vec<Row> = Vec::new();
    let mut indices: HashMap<KeyHash, usize> = HashMap::new();
    while let Some(read) = key_file.next() {
        let row = match read {
            Ok(row) => row,
            Err(rejection) => {
                let origin = Origin::new(format!("{file}:{}", rejection.line), "the row");
                findings.closed(&origin, rejection.detail);
                continue;
            }
        };
        if rows.len() == MAX_ROWS {
            return Err(ImportError::new(
                file,
                format!("there are more than {MAX_ROWS} rows"),
            ));
        }
        match indices.get(&row.hash) {
            Some(index) => {
                let earlier = std::mem::replace(&mut rows[*index], row);
                let origin = Origin::new(format!("{file}:{}", earlier.line), "the row");
                let text = format!(
                    "the row in line {} has the same key and replaces it",
                    rows[*index].line
                );
                findings.not_mapped(&origin, text);
            }
            None => {
                indices.insert(row.hash, rows.len());
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

fn key(
    file: &str,
    row: Row,
    plans: &KeyFilePlans,
    names: &mut Names,
    findings: &mut Findings,
) -> Option<DeclaredKey> {
    let name = row.name.clone().unwrap_or_default();
    let origin = Origin::new(format!("{file}:{}", row.line), format!("key `{name}`"));
    let plan = match plan(&row.plans, plans) {
        Ok(plan) => plan,
        Err(problem) => {
            findings.closed(&origin, problem);
            return None;
        }
    };

    let wanted = row.key_id.clone().unwrap_or(name);
    let key_id = names.key(&wanted, &format!("key-{}", row.line), row.key_id.is_some());
    if row.key_id.as_ref().is_some_and(|id| *id != key_id) {
        findings.warning(
            &origin,
            format!("its id is invalid or in use, and becomes `{key_id}`"),
        );
    }
    findings.became(&origin, format!("key `{key_id}` with the plan `{plan}`"));
    Some(DeclaredKey {
        key_id,
        hash: Some(row.hash.hex()),
        fields: fields(row, plan),
    })
}

/// Returns the plan of a row, or the reason why it has none.
fn plan(ids: &[String], plans: &KeyFilePlans) -> Result<String, String> {
    let mapped = |id: &String| {
        plans
            .by_id
            .get(id)
            .or(plans.default.as_ref())
            .unwrap_or(id)
            .clone()
    };
    let names: BTreeSet<_> = ids.iter().map(mapped).collect();
    let mut names = names.into_iter();
    match (names.next(), names.next()) {
        (None, _) => {
            let missing = "the row names no plan, choose one with `--plan NAME`";
            plans.default.clone().ok_or_else(|| missing.to_owned())
        }
        (Some(_), Some(_)) => Err(
            "`UsagePlanIds` names several plans, but a key has one plan; choose it with `--plan NAME` or \
             `--plans ID=NAME`"
                .to_owned(),
        ),
        (Some(plan), None) if limits::check_name(&plan).is_ok() => Ok(plan),
        (Some(_), None) => Err("`UsagePlanIds` is not the name of a plan".to_owned()),
    }
}

fn fields(row: Row, plan: String) -> Map<String, Value> {
    let text = |text: Option<String>| text.map(Value::from);
    let instant = |instant: Option<jiff::Timestamp>| instant.map(|it| Value::from(it.to_string()));
    let networks = row.allowed_ips.map(|networks| {
        let networks = networks
            .iter()
            .map(|network| Value::from(network.to_string()));
        networks.collect::<Value>()
    });
    let mut metadata = row.metadata.unwrap_or_default();
    if let Some(created) = row.created_at {
        metadata
            .entry("created_at".to_owned())
            .or_insert_with(|| created.to_string());
    }

    let all = [
        ("name", text(row.name)),
        ("description", text(row.description)),
        ("plan", Some(Value::from(plan))),
        (
            "enabled",
            row.enabled.filter(|enabled| !enabled).map(Value::from),
        ),
        ("expires_at", instant(row.expires_at)),
        ("not_before", instant(row.not_before)),
        ("allowed_ips", networks),
        ("group", text(row.group)),
        ("subject", text(row.subject)),
        ("scopes", row.scopes.map(Value::from)),
        (
            "metadata",
            Some(metadata)
                .filter(|it| !it.is_empty())
                .map(|it| it.into_iter().collect()),
        ),
    ];
    let present = all
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    present.collect()
}

#[cfg(test)]
mod tests;
