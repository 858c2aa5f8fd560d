//! The headers of a request.

use std::borrow::Cow;

use super::json_str::JsonStr;

/// Headers by their names in lower case.
#[derive(Debug, Default)]
pub(crate) struct Headers<'e>(Vec<(Cow<'e, str>, Cow<'e, str>)>);

impl<'e> Headers<'e> {
    /// Collects headers. The values of a header that was sent several times, in any spelling, are
    /// joined by commas in their order (RFC 9110, section 5.3), and those of cookies by semicolons
    /// (RFC 9113, section 8.2.3).
    pub(crate) fn new(headers: impl IntoIterator<Item = (JsonStr<'e>, JsonStr<'e>)>) -> Self {
        let mut headers: Vec<_> = headers
            .into_iter()
            .map(|(name, value)| (lower_case(name.0), value.0))
            .collect();

        // This sort is stable, so values keep their order.
        headers.sort_by(|(one, _), (other, _)| one.cmp(other));
        headers.dedup_by(|(name, value), (previous, values)| {
            let is_repeated = name == previous;
            if is_repeated {
                let values = values.to_mut();
                values.push(if *previous == "cookie" { ';' } else { ',' });
                values.push_str(value);
            }
            is_repeated
        });
        Self(headers)
    }

    /// Returns a header by its name in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let index = self
            .0
            .binary_search_by(|(known, _)| (**known).cmp(name))
            .ok()?;
        Some(&self.0[index].1)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }
}

fn lower_case(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::super::fields::Fields;
    use super::*;

    fn headers(json: &str) -> Headers<'_> {
        let fields: Fields<'_, JsonStr<'_>> = serde_json::from_str(json).unwrap();
        Headers::new(fields.0)
    }

    #[test]
    fn headers_are_found_by_lower_case_name() {
        let headers = headers(r#"{"X-B":"2","a":"1","c":null,"\u0064":"\u0034"}"#);

        assert_eq!(
            ["a", "x-b", "c", "d", "X-B"].map(|name| headers.get(name)),
            [Some("1"), Some("2"), None, Some("4"), None]
        );
        assert_eq!(headers.names().collect::<Vec<_>>(), ["a", "d", "x-b"]);
    }

    #[test]
    fn header_in_several_spellings_is_joined_in_order() {
        let headers = headers(r#"{"B":"0","A":"1","a":"2","A":"3","b":""}"#);
        assert_eq!(headers.get("a"), Some("1,2,3"));
    }

    #[test]
    fn several_cookie_headers_are_one_list_of_cookies() {
        let headers = headers(r#"{"Cookie":"a=1; b=2","cookie":"c=3"}"#);
        assert_eq!(headers.get("cookie"), Some("a=1; b=2;c=3"));
    }
}
