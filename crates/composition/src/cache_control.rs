//! The `Cache-Control` of a merged response (RFC 9111).

mod directives;

use std::fmt::Write as _;

use directives::Directives;

/// The headers of a part's response that say how it may be cached.
#[derive(Clone, Copy, Debug, Default)]
pub struct PartCaching<'h> {
    /// `Cache-Control`. Several lines are joined by commas.
    pub cache_control: Option<&'h str>,
    /// `Age`.
    pub age: Option<&'h str>,
    /// `Vary`. Several lines are joined by commas.
    pub vary: Option<&'h str>,
}

/// Returns the `Cache-Control` that is at least as strict as that of each part.
///
/// - A part without `Cache-Control` counts as `private, no-cache`. So does `Vary: *`, which no cached
///   response satisfies without its origin (RFC 9111, section 4.1).
/// - A part without a valid `max-age` counts as `max-age=0`. `Age` is subtracted.
/// - `public` and `s-maxage` need `public` in each part. They are never sent if `used_identity` is
///   true, or if a part varies with an `x-tollgate-*` header. Then the response is `private`.
/// - Directives that permit more (`immutable`, `stale-*`) need each part, and those that forbid
///   (`no-store`, `must-revalidate`, `no-transform`) need one.
/// - A header that cannot be parsed counts as `no-store`, as does a response without parts.
///
/// ```
/// use composition::{PartCaching, strictest_cache_control};
///
/// let part = |cache_control| PartCaching { cache_control: Some(cache_control), ..Default::default() };
/// let parts = [part("public, max-age=60"), part("public, max-age=300, no-transform")];
///
/// let value = strictest_cache_control(parts.into_iter(), false);
/// assert_eq!(value, "public, max-age=60, no-transform");
/// ```
#[must_use]
pub fn strictest_cache_control<'h>(
    parts: impl Iterator<Item = PartCaching<'h>>,
    used_identity: bool,
) -> String {
    let strictest = parts
        .map(|part| Directives::of(&part))
        .reduce(Directives::strictest);
    let Some(mut strictest) = strictest.filter(|directives| !directives.no_store) else {
        return "no-store".to_owned();
    };

    if used_identity {
        strictest.is_private = true;
    }
    header(&strictest)
}

fn header(directives: &Directives) -> String {
    let mut header = String::new();
    let mut add = |directive: &str| {
        let comma = if header.is_empty() { "" } else { ", " };
        // Writing to memory cannot fail.
        let _ = write!(header, "{comma}{directive}");
    };
    let is_public = directives.is_public && !directives.is_private;

    if directives.is_private {
        add("private");
    } else if is_public {
        add("public");
    }

    if directives.no_cache {
        // No response is used without validation, so that ages have no meaning.
        add("no-cache");
    } else {
        add_ages(directives, is_public, &mut add);
    }
    if directives.no_transform {
        add("no-transform");
    }

    header
}

fn add_ages(directives: &Directives, is_public: bool, add: &mut impl FnMut(&str)) {
    let shared_age = directives.shared_age.unwrap_or(directives.max_age);
    let max_age = if directives.is_private || is_public {
        directives.max_age
    } else {
        // Without `public`, `s-maxage` would permit more than a part does. `max-age` replaces it.
        directives.max_age.min(shared_age)
    };

    add(&format!("max-age={max_age}"));
    if is_public && directives.shared_age.is_some() {
        add(&format!("s-maxage={shared_age}"));
    }

    if directives.must_revalidate {
        add("must-revalidate");
    } else if directives.proxy_revalidate && !directives.is_private {
        add("proxy-revalidate");
    }
    if directives.is_immutable {
        add("immutable");
    }
    for (name, seconds) in [
        ("stale-while-revalidate", directives.stale_while_revalidate),
        ("stale-if-error", directives.stale_if_error),
    ] {
        if let Some(seconds) = seconds.filter(|_| !directives.must_revalidate) {
            add(&format!("{name}={seconds}"));
        }
    }
}

#[cfg(test)]
mod tests;
