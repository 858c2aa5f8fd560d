//! Converts clap's errors to one line.

/// Returns the problem and clap's tips, such as a similar name, or a hint to `--help`.
pub(super) fn one_line(text: &str) -> String {
    let mut paragraphs = text.split("\n\n");
    let joined = |paragraph: &str| {
        paragraph
            .lines()
            .map(str::trim)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let problem = joined(paragraphs.next().unwrap_or_default());
    let problem = problem.strip_prefix("error: ").unwrap_or(&problem);

    let tips: Vec<_> = paragraphs
        .flat_map(str::lines)
        .map(str::trim)
        .filter(|line| is_useful_tip(line))
        .collect();
    let hint = if tips.is_empty() {
        "see `tollgate --help`".to_owned()
    } else {
        tips.join("; ")
    };
    format!("{problem}; {hint}")
}

/// False for the tip to pass an argument as a value: no command takes free values.
fn is_useful_tip(line: &str) -> bool {
    line.starts_with("tip: ") && !line.contains("as a value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_omitted() {
        let text = "error: unexpected argument '--a' found\n\n  tip: a similar argument exists: '--b'\n\nUsage: x\n";
        assert_eq!(
            one_line(text),
            "unexpected argument '--a' found; tip: a similar argument exists: '--b'"
        );
    }

    #[test]
    fn error_without_a_tip_refers_to_help() {
        let text = "error: unexpected argument '-v' found\n\n  tip: to pass '-v' as a value, use '-- -v'\n\nUsage: x";
        assert_eq!(
            one_line(text),
            "unexpected argument '-v' found; see `tollgate --help`"
        );
    }
}
