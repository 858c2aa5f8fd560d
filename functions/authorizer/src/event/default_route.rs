//! The path of a request on the route `$default`, which has no path of its own.
//!
//! The event's path begins with the name of the stage, unless the stage is `$default`. The backend
//! receives the path without the stage, so rules have to be matched without it too. Two fields of
//! the event must agree on the path, because a wrong one could select a weaker rule.

use percent_encoding::percent_decode_str;

use super::json_str::JsonStr;

/// The key of the route that matches every request without a more specific route.
pub(super) const DEFAULT_ROUTE: &str = "$default";
/// The stage that is served without its name in the path.
const DEFAULT_STAGE: &str = "$default";

/// The fields of an event from which the path is read.
#[derive(Debug)]
pub(crate) struct DefaultRoute<'e> {
    /// `rawPath` or `path`, decoded.
    pub(super) path: Option<JsonStr<'e>>,
    pub(super) stage: Option<JsonStr<'e>>,
    /// `routeArn` or `methodArn`.
    pub(super) arn: Option<JsonStr<'e>>,
}

impl DefaultRoute<'_> {
    /// Returns the path without the stage. The error says why it is unknown.
    pub(super) fn path(&self) -> Result<String, &'static str> {
        let path = self.path.as_deref().ok_or("the event has no path")?;
        let stage = self.stage.as_deref().ok_or("the event has no stage")?;
        let path = without_stage(path, stage).ok_or("the path does not begin with the stage")?;

        let arn = self.arn.as_deref().and_then(|arn| arn_path(arn, stage));
        let arn = arn.ok_or("the event has no ARN with its stage")?;
        if is_same_path(arn, path) {
            Ok(path.to_owned())
        } else {
            Err("the path and the ARN of the event differ")
        }
    }
}

/// Removes the stage from the beginning of the path.
fn without_stage<'p>(path: &'p str, stage: &str) -> Option<&'p str> {
    if stage == DEFAULT_STAGE {
        return Some(path);
    }
    match path.strip_prefix('/')?.strip_prefix(stage)? {
        "" => Some("/"),
        rest => rest.starts_with('/').then_some(rest),
    }
}

/// Returns the path of `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH`, without the slash
/// before it. `None` if the ARN has another stage.
fn arn_path<'a>(arn: &'a str, stage: &str) -> Option<&'a str> {
    let (_, resource) = arn.strip_prefix("arn:")?.split_once(":execute-api:")?;
    let (_, rest) = resource.split_once('/')?;
    let rest = rest.strip_prefix(stage)?.strip_prefix('/')?;
    let (_method, path) = rest.split_once('/').unwrap_or((rest, ""));
    Some(path)
}

/// True if the path of the ARN is this path, percent-encoded or decoded.
fn is_same_path(arn: &str, path: &str) -> bool {
    let Some(path) = path.strip_prefix('/') else {
        return false;
    };
    arn == path || percent_decode_str(arn).eq(path.bytes())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    const UNKNOWN: [&str; 4] = [
        "the event has no path",
        "the path does not begin with the stage",
        "the event has no ARN with its stage",
        "the path and the ARN of the event differ",
    ];

    fn path(path: &str, stage: &str, arn: &str) -> Result<String, &'static str> {
        let text = |text: &str| Some(JsonStr(Cow::Owned(text.to_owned())));
        let arn = format!("arn:aws:execute-api:eu-central-1:123456789012:abc/{arn}");
        let route = DefaultRoute {
            path: text(path),
            stage: text(stage),
            arn: text(&arn),
        };
        route.path()
    }

    #[test]
    fn stage_is_removed_from_the_path() {
        for (sent, stage, arn, expected) in [
            (
                "/orders/7",
                "$default",
                "$default/GET/orders/7",
                "/orders/7",
            ),
            ("/", "$default", "$default/GET/", "/"),
            ("/", "$default", "$default/GET", "/"),
            ("/prod/orders", "prod", "prod/GET/orders", "/orders"),
            (
                "/prod/prod/orders",
                "prod",
                "prod/GET/prod/orders",
                "/prod/orders",
            ),
            ("/prod", "prod", "prod/GET", "/"),
            ("/prod/", "prod", "prod/GET/", "/"),
            ("/prod/a b", "prod", "prod/GET/a%20b", "/a b"),
            ("/a%20b", "$default", "$default/GET/a%20b", "/a%20b"),
        ] {
            assert_eq!(path(sent, stage, arn).as_deref(), Ok(expected), "{sent}");
        }
    }

    #[test]
    fn path_with_conflicting_fields_is_unknown() {
        for (sent, stage, arn) in [
            // A custom domain whose events have no stage would serve `/public/x` here.
            ("/public/x", "public", "public/GET/public/x"),
            ("/orders", "prod", "prod/GET/orders"),
            ("/production/orders", "prod", "prod/GET/uction/orders"),
            ("/prod/orders", "prod", "prod/GET/other"),
            ("/prod/orders", "prod", "staging/GET/orders"),
            // The key of an API mapping, in events of format 1.0.
            ("/v1/orders", "$default", "$default/GET/orders"),
            ("prod/orders", "prod", "prod/GET/orders"),
            ("", "$default", "$default/GET/"),
            ("orders", "$default", "$default/GET/orders"),
        ] {
            assert!(path(sent, stage, arn).is_err(), "{sent} {stage} {arn}");
        }
        let empty = DefaultRoute {
            path: None,
            stage: None,
            arn: None,
        };
        assert_eq!(empty.path(), Err("the event has no path"));
    }

    proptest! {
        /// A path is only accepted if the ARN has it and the event's path is the stage and this path.
        #[test]
        fn accepted_path_is_what_the_backend_receives(
            sent in "/?(prod|public|x|/|%2f|\\.){0,6}", stage in prop::sample::select(vec!["$default", "prod", "public"]),
            arn in "(\\$default|prod|public)(/GET)?/?(prod|public|x|/|%2f|\\.){0,6}",
        ) {
            match path(&sent, stage, &arn) {
                Ok(path) => {
                    let prefix = if stage == "$default" { String::new() } else { format!("/{stage}") };
                    let is_root = path == "/" && sent == prefix;
                    let whole = [prefix, path].concat();
                    prop_assert!(sent == whole || is_root);
                }
                Err(problem) => prop_assert!(UNKNOWN.contains(&problem)),
            }
        }
    }
}
