//! Kong's paths as paths of route keys.
//!
//! Kong compares a prefix with the text of a path: `/orders` also selects `/orders-old`. A route
//! key compares segments. A regular expression is anchored at its beginning only.

use routes::RouteKey;

/// One segment of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Segment {
    Literal(String),
    /// Any text that is not empty and has no slash.
    Variable(String),
}

/// The paths that a route key selects.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Region {
    pub(super) segments: Vec<Segment>,
    /// True if all paths below belong to it.
    pub(super) is_open_ended: bool,
}

/// The relation of a region to the paths that Kong selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// Both are the same.
    Exact,
    /// The region has more paths.
    Wider,
    /// The expression is not understood. The region has all paths that it can select.
    Around,
}

/// A path of a Kong route as a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MappedPath {
    pub(super) region: Region,
    pub(super) fit: Fit,
    /// True if Kong also selects paths whose last segment is longer, such as `/orders-old`.
    pub(super) has_siblings: bool,
    pub(super) is_regex: bool,
}

impl Region {
    /// Returns the paths of the route keys that select the region.
    pub(super) fn paths(&self) -> Vec<String> {
        let keys = self.keys().into_iter();
        keys.map(|(path, _)| path).collect()
    }

    /// Returns the paths of the route keys that select the region, each with its part of the region.
    pub(super) fn keys(&self) -> Vec<(String, Self)> {
        let path = self.path();
        if !self.is_open_ended {
            let path = if path.is_empty() {
                "/".to_owned()
            } else {
                path
            };
            return vec![(path, self.clone())];
        }

        // The rule for everything below also applies to the path itself, except for the root.
        let below = (format!("{path}/{{proxy+}}"), self.clone());
        if self.segments.is_empty() {
            return vec![("/".to_owned(), Self::default()), below];
        }
        vec![below]
    }

    /// Returns the path with variables that `rename` gives a name.
    fn text<'s>(&'s self, rename: impl Fn(&'s str) -> &'s str) -> String {
        let mut path = String::new();
        for segment in &self.segments {
            path.push('/');
            match segment {
                Segment::Literal(text) => path.push_str(text),
                Segment::Variable(name) => path.push_str(&format!("{{{}}}", rename(name))),
            }
        }
        path
    }

    /// Returns the path of the region with its variables.
    pub(super) fn path(&self) -> String {
        self.text(|name| name)
    }

    /// Returns the same text for regions with the same paths, whatever the names of their variables.
    pub(super) fn identity(&self) -> String {
        let end = if self.is_open_ended { "/+" } else { "" };
        format!("{}{end}", self.text(|_| ""))
    }

    /// Returns paths that belong to both regions: the shortest one, and one below it if there is
    /// any.
    pub(super) fn common_paths(&self, other: &Self) -> Vec<String> {
        let length = self.segments.len().max(other.segments.len());
        let mut path = String::new();
        for index in 0..length {
            let pair = (self.segments.get(index), other.segments.get(index));
            let text = match pair {
                (Some(Segment::Literal(one)), Some(Segment::Literal(other))) if one != other => {
                    return Vec::new();
                }
                (None, _) if !self.is_open_ended => return Vec::new(),
                (_, None) if !other.is_open_ended => return Vec::new(),
                (Some(Segment::Literal(text)), _) | (_, Some(Segment::Literal(text))) => text,
                _ => "x",
            };
            path.push('/');
            path.push_str(text);
        }

        let below = (self.is_open_ended && other.is_open_ended).then(|| format!("{path}/x"));
        if path.is_empty() {
            path.push('/');
        }
        std::iter::once(path).chain(below).collect()
    }
}

/// Returns the region of a path of a route. `has_unmarked_regex` is true for formats before 3.0.
pub(super) fn map_path(path: &str, has_unmarked_regex: bool) -> MappedPath {
    if let Some(expression) = path.strip_prefix('~') {
        return map_regex(expression);
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-~%".contains(&byte);
    if has_unmarked_regex && !path.bytes().all(is_plain) {
        return map_regex(path);
    }
    map_prefix(path)
}

fn map_prefix(path: &str) -> MappedPath {
    let trimmed = path.trim_end_matches('/');
    let segments: Vec<Segment> = trimmed
        .split('/')
        .skip(1)
        .map(|text| Segment::Literal(text.to_owned()))
        .collect();
    let region = Region {
        segments,
        is_open_ended: true,
    };

    if path.starts_with('/') && is_valid(&region) {
        return MappedPath {
            has_siblings: !path.ends_with('/'),
            region,
            fit: Fit::Exact,
            is_regex: false,
        };
    }
    MappedPath {
        region: literal_folder(path, |letter| "{}*%:<>[] ".contains(letter)),
        fit: Fit::Around,
        has_siblings: false,
        is_regex: false,
    }
}

fn is_valid(region: &Region) -> bool {
    let is_empty = |segment: &Segment| matches!(segment, Segment::Literal(text) if text.is_empty());
    let has_escape = |segment: &Segment| matches!(segment, Segment::Literal(text) if text.contains(['%', '\\', '?', '#', ';']));
    let is_key = |path: &String| format!("ANY {path}").parse::<RouteKey>().is_ok();

    !region.segments.iter().any(is_empty)
        && !region.segments.iter().any(has_escape)
        && region.paths().iter().all(is_key)
}

/// Returns everything below the folder before the first special character.
fn literal_folder(path: &str, is_special: impl Fn(char) -> bool) -> Region {
    let everything = Region {
        segments: Vec::new(),
        is_open_ended: true,
    };
    let end = path.find(is_special).unwrap_or(path.len());
    let Some((folder, _)) = path[..end].rsplit_once('/') else {
        return everything;
    };

    let segments = folder.split('/').skip(1);
    let region = Region {
        segments: segments
            .map(|text| Segment::Literal(text.to_owned()))
            .collect(),
        is_open_ended: true,
    };
    if is_valid(&region) {
        region
    } else {
        everything
    }
}

/// The characters with a meaning in regular expressions.
const SPECIAL: &str = "\\.[](){}*+?|^$";

fn map_regex(expression: &str) -> MappedPath {
    let expression = expression.strip_prefix('^').unwrap_or(expression);
    parse_regex(expression).unwrap_or_else(|| MappedPath {
        region: regex_folder(expression),
        fit: Fit::Around,
        has_siblings: false,
        is_regex: true,
    })
}

/// Returns a region with every path that the expression can select.
fn regex_folder(expression: &str) -> Region {
    if expression.contains('|') {
        // An alternative may begin anywhere.
        let before = expression.find(['(', '|']).unwrap_or(0);
        if expression[before..].starts_with('|') {
            return literal_folder("", |_| true);
        }
    }
    let end = expression
        .find(|letter| SPECIAL.contains(letter))
        .unwrap_or(expression.len());
    let is_optional = expression[end..].starts_with(['?', '*', '{']);
    let literal = &expression[..end];
    // A quantifier belongs to the last character, so that it may be absent.
    let literal = if is_optional {
        literal
            .char_indices()
            .next_back()
            .map_or("", |(last, _)| &literal[..last])
    } else {
        literal
    };
    literal_folder(literal, |_| false)
}

/// The end of an expression.
enum Tail {
    /// Nothing may follow.
    End,
    /// Everything below may follow.
    Below,
    /// Anything may follow, also in the last segment.
    Anything,
}

/// Returns the region of an expression whose segments are literal text or simple patterns.
fn parse_regex(expression: &str) -> Option<MappedPath> {
    const TAILS: [(&str, Tail); 9] = [
        ("(?:/.*)?$", Tail::Below),
        ("(/.*)?$", Tail::Below),
        ("/.*$", Tail::Below),
        ("/.*", Tail::Below),
        ("/.+", Tail::Below),
        (".*$", Tail::Anything),
        (".*", Tail::Anything),
        ("/?$", Tail::End),
        ("$", Tail::End),
    ];
    let found = TAILS.iter().find_map(|(suffix, tail)| {
        let body = expression.strip_suffix(suffix)?;
        (!body.ends_with('\\')).then_some((body, tail))
    });
    let (body, tail) = found.unwrap_or((expression, &Tail::Anything));
    let (body, ends_with_slash) = match body.strip_suffix('/') {
        Some(shorter) => (shorter, true),
        None => (body, false),
    };

    let (mut segments, mut fit) = (Vec::new(), Fit::Exact);
    for (index, text) in split_segments(body)?.iter().enumerate() {
        let (segment, is_narrower) = parse_segment(text, index)?;
        if is_narrower {
            fit = Fit::Wider;
        }
        segments.push(segment);
    }

    let ends_with_text = matches!(segments.last(), Some(Segment::Literal(_)));
    let region = Region {
        is_open_ended: ends_with_slash || !matches!(tail, Tail::End),
        segments,
    };
    is_valid(&region).then_some(MappedPath {
        has_siblings: matches!(tail, Tail::Anything) && ends_with_text && !ends_with_slash,
        region,
        fit,
        is_regex: true,
    })
}

/// Splits an expression at the slashes that are not inside brackets.
fn split_segments(body: &str) -> Option<Vec<String>> {
    if body.is_empty() {
        return Some(Vec::new());
    }
    let rest = body.strip_prefix('/')?;

    let (mut segments, mut current) = (Vec::new(), String::new());
    let (mut depth, mut is_class) = (0_i32, false);
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                current.push(letter);
                current.push(letters.next()?);
                continue;
            }
            '[' if !is_class => is_class = true,
            ']' => is_class = false,
            '(' if !is_class => depth += 1,
            ')' if !is_class => depth -= 1,
            '/' if !is_class && depth == 0 => {
                segments.push(std::mem::take(&mut current));
                continue;
            }
            _ => {}
        }
        current.push(letter);
    }
    segments.push(current);
    (depth == 0 && !is_class).then_some(segments)
}

/// Returns a segment, and whether the expression selects fewer values than the segment.
fn parse_segment(text: &str, index: usize) -> Option<(Segment, bool)> {
    if let Some(literal) = unescaped(text) {
        return Some((Segment::Literal(literal), false));
    }

    let (name, pattern) = match text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
    {
        Some(group) => group_name(group)?,
        None => (None, text),
    };
    let name = name.filter(|name| is_variable_name(name));
    // Names in one route key must differ.
    let name = name.map_or_else(|| format!("p{}", index + 1), str::to_owned);
    let variable = Segment::Variable(name);

    if pattern == "[^/]+" {
        return Some((variable, false));
    }
    is_bounded_pattern(pattern).then_some((variable, true))
}

/// Returns the text of an expression without any pattern.
fn unescaped(text: &str) -> Option<String> {
    let mut literal = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => literal.push(letters.next().filter(|next| !next.is_alphanumeric())?),
            _ if SPECIAL.contains(letter) => return None,
            _ => literal.push(letter),
        }
    }
    (!literal.is_empty()).then_some(literal)
}

/// Splits the inside of a group into its name and its pattern.
fn group_name(group: &str) -> Option<(Option<&str>, &str)> {
    for prefix in ["?<", "?P<", "?'"] {
        if let Some(rest) = group.strip_prefix(prefix) {
            let (name, pattern) = rest.split_once(['>', '\''])?;
            return Some((Some(name), pattern));
        }
    }
    match group.strip_prefix("?:") {
        Some(pattern) => Some((None, pattern)),
        None => (!group.starts_with('?')).then_some((None, group)),
    }
}

fn is_variable_name(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.len() <= 64 && name.bytes().all(is_word)
}

/// True if a pattern selects neither an empty text nor a slash.
fn is_bounded_pattern(pattern: &str) -> bool {
    let may_be_empty = pattern.ends_with(['*', '?']) || pattern.contains("{0");
    let has_group = pattern.contains(['(', ')', '^', '$', '.', '/']);
    // At the beginning, a quantifier belongs to the slash.
    let has_leading_quantifier = pattern.starts_with(['?', '*', '+', '{']);
    if pattern.is_empty() || may_be_empty || has_group || has_leading_quantifier {
        return false;
    }

    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' && !letters.next().is_some_and(|next| "dw-_.".contains(next)) {
            return false;
        }
    }
    // Each alternative must be text.
    pattern
        .split('|')
        .all(|part| !part.is_empty() && !part.ends_with(['*', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(path: &str) -> (Vec<String>, Fit, bool) {
        let mapped = map_path(path, false);
        (mapped.region.paths(), mapped.fit, mapped.has_siblings)
    }

    #[test]
    fn prefix_becomes_everything_below_it() {
        let one = |path: &str| vec![path.to_owned()];
        assert_eq!(
            mapped("/"),
            (
                vec!["/".to_owned(), "/{proxy+}".to_owned()],
                Fit::Exact,
                false
            )
        );
        assert_eq!(mapped("/a/b"), (one("/a/b/{proxy+}"), Fit::Exact, true));
        assert_eq!(mapped("/a/b/"), (one("/a/b/{proxy+}"), Fit::Exact, false));
        assert_eq!(mapped("/a/b%20c"), (one("/a/{proxy+}"), Fit::Around, false));
    }

    #[test]
    fn simple_expressions_become_variables() {
        for (path, key, fit, has_siblings) in [
            (r"~/users/(?<id>[^/]+)$", "/users/{id}", Fit::Exact, false),
            (
                r"~/users/(?<id>[^/]+)",
                "/users/{id}/{proxy+}",
                Fit::Exact,
                false,
            ),
            (r"~/users/\d+$", "/users/{p2}", Fit::Wider, false),
            (
                r"~/users/(?<id>\d+)/orders$",
                "/users/{id}/orders",
                Fit::Wider,
                false,
            ),
            (r"~/v1\.0/users/?$", "/v1.0/users", Fit::Exact, false),
            (r"~/v1/users", "/v1/users/{proxy+}", Fit::Exact, true),
            (r"~/v1/users/", "/v1/users/{proxy+}", Fit::Exact, false),
            (r"~/v1(/.*)?$", "/v1/{proxy+}", Fit::Exact, false),
            (r"~^/v1/.*", "/v1/{proxy+}", Fit::Exact, false),
            (
                r"~/(orders|items)/[0-9a-f]{8}$",
                "/{p1}/{p2}",
                Fit::Wider,
                false,
            ),
        ] {
            assert_eq!(
                mapped(path),
                (vec![key.to_owned()], fit, has_siblings),
                "{path}"
            );
        }
    }

    #[test]
    fn other_expressions_are_surrounded_by_their_literal_folder() {
        let root = vec!["/".to_owned(), "/{proxy+}".to_owned()];
        for (path, keys) in [
            (
                r"~/api/v\d/(?!internal).*$",
                vec!["/api/{proxy+}".to_owned()],
            ),
            (r"~/api/?v1$", root.clone()),
            (r"~/a/b|/c", root.clone()),
            (r"~(?i)/a", root.clone()),
            (r"~/a/.+/b$", vec!["/a/{proxy+}".to_owned()]),
            (r"~/a/\d*$", vec!["/a/{proxy+}".to_owned()]),
            (r"~/a/(b/c)?$", vec!["/a/{proxy+}".to_owned()]),
            (r"~/a/\S+$", vec!["/a/{proxy+}".to_owned()]),
            (r"~/v1.0$", root.clone()),
        ] {
            let (paths, fit, _) = mapped(path);
            assert_eq!((paths, fit), (keys, Fit::Around), "{path}");
        }
    }

    #[test]
    fn older_formats_have_expressions_without_a_mark() {
        assert!(map_path(r"/users/\d+", true).is_regex);
        assert!(!map_path("/users/a_b", true).is_regex);
        assert!(!map_path("/users/a_b", false).is_regex);
    }

    #[test]
    fn common_paths_belong_to_both_regions() {
        let region = |path: &str| map_path(path, false).region;
        assert_eq!(
            region("/a").common_paths(&region("/a/b")),
            ["/a/b", "/a/b/x"]
        );
        assert_eq!(region(r"~/a/\d+$").common_paths(&region("/a/b")), ["/a/b"]);
        assert!(region("/a").common_paths(&region("/b")).is_empty());
        assert!(region(r"~/a$").common_paths(&region("/a/b")).is_empty());
        assert_eq!(region("/").common_paths(&region("/")), ["/", "/x"]);
    }
}
