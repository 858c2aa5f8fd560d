//! ARNs of secrets and parameters in an IAM policy, and the objects that they match.

/// The number of random characters at the end of the ARN of a secret, after a hyphen.
const RANDOM_CHARS: usize = 6;

/// An ARN in `SecretArns`, which is a resource of an IAM policy. Its end can be a wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    arn: &'a str,
    pub(super) region: &'a str,
    pub(super) kind: Kind<'a>,
}

/// The objects that an ARN matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// One secret, by its ARN or name.
    Secret(&'a str),
    /// The secrets whose names begin with this.
    Secrets(&'a str),
    /// Parameters of Systems Manager, by the option of a filter and its values.
    Parameters {
        filter: &'static str,
        names: Vec<String>,
    },
}

impl<'a> Reference<'a> {
    /// Returns the reference of an ARN, or `None` for another text.
    pub(super) fn parse(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (_, _, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, _, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = match service {
            "secretsmanager" => secret(arn, rest.strip_prefix("secret:")?),
            "ssm" => parameter(rest.strip_prefix("parameter/")?),
            _ => return None,
        };
        Some(Self { arn, region, kind })
    }

    /// True if the ARN of an object matches. `?` stands for one character, and `*` at the end for
    /// any.
    pub(super) fn matches(&self, found: &str) -> bool {
        let (pattern, is_open) = match self.arn.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (self.arn, false),
        };
        let is_prefix = found.len() >= pattern.len()
            && pattern
                .bytes()
                .zip(found.bytes())
                .all(|(expected, byte)| expected == b'?' || expected == byte);
        is_prefix && (is_open || found.len() == pattern.len())
    }
}

fn secret<'a>(arn: &'a str, name: &'a str) -> Kind<'a> {
    if let Some(prefix) = name.strip_suffix('*') {
        return Kind::Secrets(prefix);
    }
    let fixed = name.trim_end_matches('?');
    let wildcards = name.len() - fixed.len();
    match fixed.strip_suffix('-') {
        _ if wildcards == 0 => Kind::Secret(arn),
        Some(name) if wildcards == RANDOM_CHARS => Kind::Secret(name),
        _ => Kind::Secrets(fixed),
    }
}

/// The ARN of a parameter has no slash before its name, also if the name begins with one.
fn parameter<'a>(name: &str) -> Kind<'a> {
    let fixed = name.trim_end_matches(['*', '?']);
    let filter = if fixed == name {
        "Equals"
    } else {
        "BeginsWith"
    };
    let absolute = format!("/{fixed}");
    let names = if fixed.contains('/') {
        vec![absolute]
    } else {
        vec![fixed.to_owned(), absolute]
    };
    Kind::Parameters { filter, names }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:";
    const PARAMETER: &str = "arn:aws:ssm:eu-west-1:111122223333:parameter/";

    fn kind(arn: &str) -> Option<Kind<'_>> {
        Reference::parse(arn).map(|reference| reference.kind)
    }

    #[test]
    fn secrets_are_named_by_arn_name_or_prefix() {
        let full = format!("{SECRET}prod/api-AbCdEf");
        assert_eq!(kind(&full), Some(Kind::Secret(&full)));
        let any_end = format!("{SECRET}prod/api-??????");
        assert_eq!(kind(&any_end), Some(Kind::Secret("prod/api")));
        let open = format!("{SECRET}prod/*");
        assert_eq!(kind(&open), Some(Kind::Secrets("prod/")));
        let some = format!("{SECRET}prod/api-???");
        assert_eq!(kind(&some), Some(Kind::Secrets("prod/api-")));
    }

    #[test]
    fn parameters_are_named_with_and_without_a_slash() {
        let names = |arn: &str| match kind(arn) {
            Some(Kind::Parameters { filter, names }) => format!("{filter} {}", names.join(" ")),
            other => format!("{other:?}"),
        };
        assert_eq!(names(&format!("{PARAMETER}a/b")), "Equals /a/b");
        assert_eq!(names(&format!("{PARAMETER}a")), "Equals a /a");
        assert_eq!(names(&format!("{PARAMETER}a/*")), "BeginsWith /a/");
    }

    #[test]
    fn other_texts_are_no_references() {
        for text in ["", "secret", "arn:aws:s3:::bucket", "arn:aws:ssm:r:1:x/y"] {
            assert_eq!(kind(text), None, "{text}");
        }
    }

    #[test]
    fn arns_match_as_in_iam() {
        let matches = |pattern: &str, arn: &str| {
            let (pattern, arn) = (format!("{SECRET}{pattern}"), format!("{SECRET}{arn}"));
            Reference::parse(&pattern).is_some_and(|it| it.matches(&arn))
        };
        assert!(matches("api-AbCdEf", "api-AbCdEf"));
        assert!(matches("api-??????", "api-AbCdEf"));
        assert!(matches("api*", "api-AbCdEf"));
        assert!(!matches("api", "api-AbCdEf"));
        assert!(!matches("api-?????", "api-AbCdEf"));
        assert!(!matches("web*", "api-AbCdEf"));
    }
}
