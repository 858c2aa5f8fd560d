//! Errors of the command line in one line.

/// The problem, then clap's tips such as the name that was probably meant, or else where help is.
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

/// `-- --port` would pass the argument as a value, which nothing here takes.
fn is_useful_tip(line: &str) -> bool {
    line.starts_with("tip: ") && !line.contains("as a value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_left_out() {
        let text = "error: unexpected argument '--a' found\n\n  tip: a similar argument exists: '--b'\n\nUsage: x\n";
        assert_eq!(
            one_line(text),
            "unexpected argument '--a' found; tip: a similar argument exists: '--b'"
        );
    }

    #[test]
    fn without_a_tip_help_is_named() {
        let text = "error: unexpected argument '-v' found\n\n  tip: to pass '-v' as a value, use '-- -v'\n\nUsage: x";
        assert_eq!(
            one_line(text),
            "unexpected argument '-v' found; see `tollgate --help`"
        );
    }
}
