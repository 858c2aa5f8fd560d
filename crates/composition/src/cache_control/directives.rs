//! The directives of one `Cache-Control`, and the stricter of two.

use super::PartCaching;

/// The most seconds of an age (RFC 9111, section 1.2.2).
const MAX_SECONDS: u64 = 1 << 31;

/// The directives of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the directives are independent"
)]
pub(super) struct Directives {
    pub(super) no_store: bool,
    pub(super) no_cache: bool,
    pub(super) is_private: bool,
    pub(super) is_public: bool,
    pub(super) no_transform: bool,
    pub(super) must_revalidate: bool,
    pub(super) proxy_revalidate: bool,
    pub(super) is_immutable: bool,
    /// The seconds in which a cache may use the response, `max-age` minus `Age`.
    pub(super) max_age: u64,
    /// The same for shared caches. `None` if no part has `s-maxage`.
    pub(super) shared_age: Option<u64>,
    pub(super) stale_while_revalidate: Option<u64>,
    pub(super) stale_if_error: Option<u64>,
}

impl Directives {
    /// Reads the headers of a part. What cannot be read has its strictest meaning.
    pub(super) fn of(part: &PartCaching<'_>) -> Self {
        let header = part
            .cache_control
            .filter(|header| !header.trim().is_empty());
        let mut directives = header.map_or_else(Self::absent, Self::parse);

        directives.subtract_age(part.age);
        directives.apply_vary(part.vary.unwrap_or_default());
        directives
    }

    /// Returns the directives of a response without the header.
    fn absent() -> Self {
        Self {
            is_private: true,
            no_cache: true,
            ..Self::default()
        }
    }

    fn parse(header: &str) -> Self {
        let mut directives = Self::default();
        let mut max_age = None;
        let mut rest = header;

        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            let Some((name, value, after)) = first_directive(rest) else {
                return Self {
                    no_store: true,
                    ..directives
                };
            };
            directives.add(&name.to_ascii_lowercase(), value.as_deref(), &mut max_age);
            rest = after;
        }

        directives.max_age = max_age.unwrap_or(0);
        directives
    }

    fn add(&mut self, name: &str, value: Option<&str>, max_age: &mut Option<u64>) {
        match name {
            "no-store" => self.no_store = true,
            // With field names, the directives apply to these fields only. The merged response has
            // none of them, but a cache that knows no field names takes them as they are here.
            "no-cache" => self.no_cache = true,
            "private" => self.is_private = true,
            "public" => self.is_public = true,
            "no-transform" => self.no_transform = true,
            "must-revalidate" => self.must_revalidate = true,
            "proxy-revalidate" => self.proxy_revalidate = true,
            "immutable" => self.is_immutable = true,
            "max-age" => keep_least(max_age, value),
            "s-maxage" => keep_least(&mut self.shared_age, value),
            "stale-while-revalidate" => keep_least(&mut self.stale_while_revalidate, value),
            "stale-if-error" => keep_least(&mut self.stale_if_error, value),
            // `must-understand` permits caches to ignore `no-store`, so it is not passed on. Unknown
            // directives are ignored (section 5.2.3).
            _ => {}
        }
    }

    /// Subtracts the time that the response has been in caches. An invalid age uses it up.
    fn subtract_age(&mut self, age: Option<&str>) {
        let age = age.map_or(0, |age| seconds(age.trim()).unwrap_or(MAX_SECONDS));

        self.max_age = self.max_age.saturating_sub(age);
        self.shared_age = self.shared_age.map(|shared| shared.saturating_sub(age));
    }

    fn apply_vary(&mut self, vary: &str) {
        for name in vary.split(',').map(str::trim) {
            if name == "*" {
                self.no_cache = true;
                self.is_private = true;
            }
            // The headers that identify the caller.
            let prefix = name.get(.."x-tollgate-".len());
            self.is_private |=
                prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("x-tollgate-"));
        }
    }

    /// Returns the directives that are at least as strict as both.
    pub(super) fn strictest(self, other: Self) -> Self {
        Self {
            no_store: self.no_store || other.no_store,
            no_cache: self.no_cache || other.no_cache,
            is_private: self.is_private || other.is_private,
            is_public: self.is_public && other.is_public,
            no_transform: self.no_transform || other.no_transform,
            must_revalidate: self.must_revalidate || other.must_revalidate,
            proxy_revalidate: self.proxy_revalidate || other.proxy_revalidate,
            is_immutable: self.is_immutable && other.is_immutable,
            max_age: self.max_age.min(other.max_age),
            shared_age: self.strictest_shared_age(&other),
            stale_while_revalidate: both(self.stale_while_revalidate, other.stale_while_revalidate),
            stale_if_error: both(self.stale_if_error, other.stale_if_error),
        }
    }

    /// Returns the age for shared caches, which is `max-age` for a part without `s-maxage`.
    fn strictest_shared_age(&self, other: &Self) -> Option<u64> {
        let least = |shared: u64, without: &Self| shared.min(without.max_age);

        match (self.shared_age, other.shared_age) {
            (None, None) => None,
            (Some(shared), None) => Some(least(shared, other)),
            (None, Some(shared)) => Some(least(shared, self)),
            (Some(shared), Some(also)) => Some(shared.min(also)),
        }
    }
}

fn both(first: Option<u64>, second: Option<u64>) -> Option<u64> {
    Some(first?.min(second?))
}

/// Keeps the least of several values. An invalid value is 0.
fn keep_least(kept: &mut Option<u64>, value: Option<&str>) {
    let value = value.and_then(seconds).unwrap_or(0);
    *kept = Some(kept.map_or(value, |kept| kept.min(value)));
}

/// Returns the seconds of an age, at most [`MAX_SECONDS`].
fn seconds(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // Digits that do not fit are more than the most seconds.
    is_number.then(|| {
        text.parse()
            .map_or(MAX_SECONDS, |seconds: u64| seconds.min(MAX_SECONDS))
    })
}

/// Returns the name and the value of the first directive, and the text after it. `None` if it is
/// malformed.
fn first_directive(text: &str) -> Option<(&str, Option<String>, &str)> {
    let end = text
        .find(|character| !is_token(character))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }

    let (value, rest) = match rest.strip_prefix('=') {
        Some(rest) => {
            let (value, rest) = argument(rest)?;
            (Some(value), rest)
        }
        None => (None, rest),
    };

    let rest = rest.trim_start_matches([' ', '\t']);
    let is_complete = rest.is_empty() || rest.starts_with(',');
    is_complete.then_some((name, value, rest))
}

/// Returns a token or a quoted string without its quotes, and the text after it.
fn argument(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .find(|character| !is_token(character))
            .unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };

    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[index + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

/// True for the characters of a token (RFC 9110, section 5.6.2).
fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}
