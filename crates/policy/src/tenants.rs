//! Issuers with many tenants, whose tokens differ in the tenant id.

use serde::Deserialize;

use crate::error::FieldProblem;

/// The place of the tenant id in `issuer`.
pub(crate) const PLACEHOLDER: &str = "{tenantid}";
/// Every tenant.
const ANY: &str = "any";
/// The tenant of Microsoft's personal accounts, which anyone can create.
const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The tenants whose tokens are accepted.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Tenants))]
#[serde(
    untagged,
    expecting = "invalid tenants, expected a list of tenant ids, or \"any\""
)]
pub(crate) enum TenantsDocument {
    /// `any`: every tenant, except for personal accounts.
    Any(String),
    /// Tenant ids. `any` in the list adds every other tenant, except for personal accounts.
    Listed(Vec<String>),
}

/// An issuer in which a tenant id varies.
#[derive(Debug, PartialEq, Eq)]
pub struct TenantPattern {
    prefix: String,
    suffix: String,
    tenants: Vec<String>,
    accepts_any: bool,
}

impl TenantPattern {
    /// Checks an `issuer` with its `tenants`. `None` for an issuer without tenants.
    ///
    /// # Errors
    /// The invalid field and the problem.
    pub(crate) fn check(
        issuer: &str,
        tenants: Option<TenantsDocument>,
    ) -> Result<Option<Self>, FieldProblem> {
        let (prefix, suffix) = match (issuer.split_once(PLACEHOLDER), &tenants) {
            (Some(parts), Some(_)) => parts,
            (Some(_), None) => {
                return problem("tenants", "is missing: `issuer` contains `{tenantid}`");
            }
            (None, Some(_)) => return problem("tenants", "needs `{tenantid}` in `issuer`"),
            (None, None) if issuer.contains(['{', '}']) => {
                return problem("issuer", "contains a brace, expected `{tenantid}` or none");
            }
            (None, None) => return Ok(None),
        };
        if suffix.contains(['{', '}']) || prefix.contains(['{', '}']) {
            return problem(
                "issuer",
                "contains more than one `{tenantid}`, or another brace",
            );
        }

        let listed = match tenants {
            Some(TenantsDocument::Any(any)) => vec![any],
            Some(TenantsDocument::Listed(listed)) => listed,
            None => Vec::new(),
        };
        let (any, ids): (Vec<_>, Vec<_>) = listed.into_iter().partition(|tenant| tenant == ANY);
        if any.is_empty() && ids.is_empty() {
            return problem("tenants", "is empty: no token would be accepted");
        }
        if let Some(invalid) = ids.iter().find(|id| !is_uuid(id)) {
            let expected =
                "expected a UUID, such as `11111111-2222-3333-4444-555555555555`, or `any`";
            return Err((
                "tenants",
                format!("`{invalid}` is not a tenant id, {expected}"),
            ));
        }

        Ok(Some(Self {
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
            tenants: ids.iter().map(|id| id.to_ascii_lowercase()).collect(),
            accepts_any: !any.is_empty(),
        }))
    }

    /// Returns the tenant id in the `iss` of a token, if the token is of this issuer.
    #[must_use]
    pub fn tenant<'i>(&self, iss: &'i str) -> Option<&'i str> {
        let tenant = iss
            .strip_prefix(&*self.prefix)?
            .strip_suffix(&*self.suffix)?;
        is_uuid(tenant).then_some(tenant)
    }

    /// True if tokens of this tenant are accepted.
    #[must_use]
    pub fn accepts(&self, tenant: &str) -> bool {
        let is_listed = self
            .tenants
            .iter()
            .any(|listed| listed.eq_ignore_ascii_case(tenant));
        is_listed || self.accepts_any && !PERSONAL_ACCOUNTS.eq_ignore_ascii_case(tenant)
    }

    /// True if tenants are accepted that the policy does not list.
    pub(crate) fn accepts_any(&self) -> bool {
        self.accepts_any
    }

    /// True if at least two tenants are accepted.
    pub(crate) fn has_several(&self) -> bool {
        self.accepts_any || self.tenants.len() > 1
    }
}

/// True if a signing key with the field `issuer` may sign tokens of `iss`.
///
/// In a key set that tenants share, the field may contain `{tenantid}` for each of them. An issuer
/// without tenants accepts such a key, because the sets of Entra ID's v1.0 and v2.0 tokens overlap.
#[must_use]
pub fn key_serves(key_issuer: &str, iss: &str, tenant: Option<&str>) -> bool {
    match tenant {
        Some(tenant) => key_issuer.replace(PLACEHOLDER, tenant) == iss,
        None => key_issuer == iss || key_issuer.contains(PLACEHOLDER),
    }
}

/// True for a UUID in the form of RFC 9562, in either case.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn problem<T>(field: &'static str, problem: &str) -> Result<T, FieldProblem> {
    Err((field, problem.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
    const ONE: &str = "11111111-2222-3333-4444-555555555555";
    const OTHER: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

    fn pattern(issuer: &str, tenants: Value) -> Result<Option<TenantPattern>, String> {
        let tenants = match tenants {
            Value::Null => None,
            tenants => Some(serde_json::from_value(tenants).map_err(|error| error.to_string())?),
        };
        TenantPattern::check(issuer, tenants)
            .map_err(|(field, problem)| format!("{field}: {problem}"))
    }

    #[test]
    fn tenant_is_the_part_of_the_issuer_that_varies() {
        let pattern = pattern(ISSUER, json!([ONE])).unwrap().unwrap();
        let iss = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
        assert_eq!(pattern.tenant(&iss(ONE)), Some(ONE));
        assert_eq!(pattern.tenant(&iss(OTHER)), Some(OTHER));
        for iss in [
            iss("common"),
            iss(""),
            iss(&format!("{ONE}/v2.0/{OTHER}")),
            iss(&ONE.replace('-', "_")),
            iss(ONE).replace("https", "http"),
            iss(ONE) + "/",
            ISSUER.to_owned(),
        ] {
            assert_eq!(pattern.tenant(&iss), None, "{iss}");
        }
    }

    #[test]
    fn personal_accounts_are_accepted_only_if_they_are_listed() {
        let accepts = |tenants: Value, tenant: &str| {
            pattern(ISSUER, tenants).unwrap().unwrap().accepts(tenant)
        };
        assert!(accepts(json!([ONE]), ONE) && !accepts(json!([ONE]), OTHER));
        assert!(accepts(json!([OTHER]), &OTHER.to_uppercase()));
        assert!(accepts(json!("any"), ONE) && accepts(json!(["any"]), ONE));
        assert!(!accepts(json!("any"), PERSONAL_ACCOUNTS));
        assert!(!accepts(json!("any"), &PERSONAL_ACCOUNTS.to_uppercase()));
        assert!(accepts(
            json!(["any", PERSONAL_ACCOUNTS]),
            PERSONAL_ACCOUNTS
        ));
        assert!(accepts(json!(["any", PERSONAL_ACCOUNTS]), ONE));
        assert!(!accepts(json!([PERSONAL_ACCOUNTS]), ONE));
    }

    #[test]
    fn contradictions_are_explained() {
        for (issuer, tenants, expected) in [
            (ISSUER, Value::Null, "tenants: is missing"),
            ("https://a", json!("any"), "tenants: needs `{tenantid}`"),
            (
                "https://a/{tid}",
                Value::Null,
                "issuer: contains a brace, expected `{tenantid}`",
            ),
            (
                "https://a/{tenantid}/{tenantid}",
                json!("any"),
                "issuer: contains more than one",
            ),
            (ISSUER, json!([]), "tenants: is empty"),
            (ISSUER, json!("all"), "tenants: `all` is not a tenant id"),
            (
                ISSUER,
                json!(["contoso.com"]),
                "tenants: `contoso.com` is not a tenant id",
            ),
            (ISSUER, json!(7), "invalid tenants, expected a list"),
        ] {
            let error = pattern(issuer, tenants).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        assert_eq!(pattern("https://a", Value::Null), Ok(None));
    }

    #[test]
    fn key_of_one_tenant_does_not_serve_another() {
        let (iss, other) = (
            ISSUER.replace(PLACEHOLDER, ONE),
            ISSUER.replace(PLACEHOLDER, OTHER),
        );
        for (key_issuer, tenant, expected) in [
            (ISSUER, Some(ONE), true),
            (&iss, Some(ONE), true),
            (&other, Some(ONE), false),
            ("https://sts.windows.net/{tenantid}/", Some(ONE), false),
            (&iss, None, true),
            (ISSUER, None, true),
            (&other, None, false),
            ("", None, false),
        ] {
            assert_eq!(
                key_serves(key_issuer, &iss, tenant),
                expected,
                "{key_issuer}"
            );
        }
    }
}
