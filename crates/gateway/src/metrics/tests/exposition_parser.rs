//! A strict parser of both formats, written from their specifications and not from the writer.

use std::collections::{BTreeMap, BTreeSet};

/// A family with its samples by `name{labels}`.
#[derive(Debug, Default)]
pub(super) struct ParsedFamily {
    pub(super) kind: String,
    pub(super) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

/// Parses an exposition. Returns the families by name, or the first mistake.
pub(super) fn parse(
    text: &str,
    is_open_metrics: bool,
) -> Result<BTreeMap<String, ParsedFamily>, String> {
    let mut families = BTreeMap::new();
    let mut current = String::new();
    let mut seen = BTreeSet::new();
    let body = if is_open_metrics {
        text.strip_suffix("# EOF\n").ok_or("there is no EOF")?
    } else {
        text
    };
    if !body.ends_with('\n') {
        return Err("the last line does not end".to_owned());
    }

    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (keyword, name) = (words.next().unwrap(), words.next().ok_or(line)?);
            let rest = words.next().ok_or(line)?;
            match keyword {
                "HELP" if !families.contains_key(name) && rest.ends_with('.') => {
                    name.clone_into(&mut current);
                    families.insert(current.clone(), ParsedFamily::default());
                }
                "TYPE" if name == current && families[name].kind.is_empty() => {
                    families.get_mut(name).unwrap().kind = rest.to_owned();
                }
                "UNIT" if is_open_metrics && name.ends_with(&format!("_{rest}")) => {}
                _ => return Err(line.to_owned()),
            }
            continue;
        }

        let sample = sample(line, is_open_metrics).ok_or(line)?;
        if !seen.insert((sample.name.clone(), sample.labels.clone())) {
            return Err(format!("{line} is repeated"));
        }
        let family = families.get_mut(&current).ok_or(line)?;
        if !suffixes(&family.kind, is_open_metrics)
            .iter()
            .any(|suffix| sample.name == format!("{current}{suffix}"))
        {
            return Err(format!("{line} is in {current}"));
        }
        family.samples.push(sample);
    }
    Ok(families)
}

/// Returns the suffixes of the samples of a family.
fn suffixes(kind: &str, is_open_metrics: bool) -> &'static [&'static str] {
    match (kind, is_open_metrics) {
        ("histogram", _) => &["_bucket", "_sum", "_count"],
        ("counter", true) => &["_total"],
        ("info", true) => &["_info"],
        ("counter" | "gauge", _) => &[""],
        _ => &[],
    }
}

fn sample(line: &str, is_open_metrics: bool) -> Option<Sample> {
    let name_end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(name_end);
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };

    let (value, exemplar) = match rest.split_once(" # ") {
        Some((value, exemplar)) => (value, Some(exemplar)),
        None => (rest, None),
    };
    if let Some(exemplar) = exemplar {
        let (labels, rest) = self::labels(exemplar.strip_prefix('{')?)?;
        let numbers: Vec<f64> = rest
            .strip_prefix(' ')?
            .split(' ')
            .map_while(|number| number.parse().ok())
            .collect();
        let bound: f64 = line
            .split("le=\"")
            .nth(1)?
            .split('"')
            .next()?
            .replace("+Inf", "inf")
            .parse()
            .ok()?;
        let is_valid =
            is_open_metrics && labels.len() == 2 && numbers.len() == 2 && numbers[0] <= bound;
        is_valid.then_some(())?;
    }
    Some(Sample {
        name: Some(name).filter(|name| is_name(name))?.to_owned(),
        labels,
        value: value.strip_prefix(' ')?.parse().ok()?,
    })
}

/// Parses labels and the closing brace. Returns the rest of the line.
fn labels(text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    loop {
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next()? {
                (index, '"') => break index,
                (_, '\\') => value.push(match characters.next()?.1 {
                    'n' => '\n',
                    escaped @ ('"' | '\\') => escaped,
                    _ => return None,
                }),
                (_, other) => value.push(other),
            }
        };
        labels
            .insert(name.to_owned(), value)
            .is_none()
            .then_some(())?;

        rest = &after[end + 1..];
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Some((labels, rest.strip_prefix('}')?)),
        }
    }
}
