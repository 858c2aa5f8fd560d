//! The versions of clients, and the shapes that apply to them.

use semver::Version;

use crate::model::VersionShape;

/// The longest version of a client, in bytes.
const MAX_VERSION_BYTES: usize = 128;

/// Reads the version of a client. `2`, `2.1` and `v2.1.0` are versions too. Returns `None` if the
/// text is no version.
#[must_use]
pub fn client_version(text: &str) -> Option<Version> {
    let text = text.trim_matches([' ', '\t']);
    if text.len() > MAX_VERSION_BYTES {
        return None;
    }

    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let padding = match numbers.matches('.').count() {
        0 => ".0.0",
        1 => ".0",
        _ => "",
    };
    Version::parse(&format!("{numbers}{padding}{rest}")).ok()
}

impl VersionShape {
    /// True if the shape is for a client of this version. Build metadata does not count (semver.org,
    /// 10).
    #[must_use]
    pub fn applies_to(&self, version: &Version) -> bool {
        let is_from = |from: &Version| version.cmp_precedence(from).is_ge();
        let is_below = |below: &Version| version.cmp_precedence(below).is_lt();
        self.from.as_ref().is_none_or(is_from) && self.below.as_ref().is_none_or(is_below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_versions_are_padded() {
        for (text, expected) in [
            ("2", "2.0.0"),
            ("2.1", "2.1.0"),
            ("v2.1.0", "2.1.0"),
            (" 2.1.3 ", "2.1.3"),
            ("2-beta.1", "2.0.0-beta.1"),
            ("2.1+build.5", "2.1.0+build.5"),
            ("2.1.0-rc.1+a-b.c", "2.1.0-rc.1+a-b.c"),
        ] {
            assert_eq!(client_version(text), expected.parse().ok(), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_versions() {
        let long = format!("1.0.0-{}", "a".repeat(MAX_VERSION_BYTES));
        for text in [
            "",
            "v",
            "vv1",
            "1.",
            ".1",
            "1..2",
            "1.2.3.4",
            "01.0.0",
            "1.0.0-01",
            "-1",
            "1,2",
            "latest",
            "1.0.0 (iPhone)",
            "99999999999999999999",
            "１.0",
            &long,
        ] {
            assert_eq!(client_version(text), None, "{text}");
        }
    }

    #[test]
    fn range_includes_its_lower_end_and_excludes_its_upper_end() {
        let shape = VersionShape {
            header: http::HeaderName::from_static("x-app-version"),
            from: Some(Version::new(1, 2, 0)),
            below: Some(Version::new(2, 0, 0)),
            changes: Vec::new(),
        };
        for (version, applies) in [
            ("1.1.9", false),
            ("1.2.0-rc.1", false),
            ("1.2.0", true),
            ("1.2", true),
            ("1.2.0+build.9", true),
            ("1.99.99", true),
            ("2.0.0-rc.1", true),
            ("2.0.0", false),
            ("2.0.0+build.1", false),
        ] {
            let version = client_version(version).unwrap();
            assert_eq!(shape.applies_to(&version), applies, "{version}");
        }
    }
}
