//! The audiences that tokens of an issuer must name.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::claim_reference::ClaimReference;
use crate::error::FieldProblem;

/// Tokens with any audience, or with none.
const ANY: &str = "any";

/// The accepted audiences in a policy.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Audiences))]
#[serde(
    untagged,
    expecting = "invalid audiences, expected a list of audiences, or \"any\""
)]
pub(crate) enum AudiencesDocument {
    /// A token's audience must contain one of these.
    Listed(Vec<String>),
    /// `any`: the audience is not checked. A token for any other application of the issuer is then
    /// accepted too.
    Any(String),
}

/// The audiences that are accepted.
#[derive(Debug)]
pub enum Audiences {
    /// The audience is not checked.
    Any,
    /// A token's audience must contain one of these.
    Listed {
        /// The accepted audiences.
        names: Vec<String>,
        /// The claim that contains a token's audience.
        claim: ClaimReference,
    },
}

impl AudiencesDocument {
    /// Checks the audiences, and the claims that contain them.
    ///
    /// # Errors
    /// The invalid field and the problem.
    pub(crate) fn check(self, claims: Option<&[String]>) -> Result<Audiences, FieldProblem> {
        let names = match self {
            Self::Any(any) if any == ANY => {
                return match claims {
                    None => Ok(Audiences::Any),
                    Some(_) => Err((
                        "audience_claims",
                        "is not used with `audiences` `any`".to_owned(),
                    )),
                };
            }
            Self::Any(other) => {
                let problem = format!("`{other}` is not a list, expected a list or `any`");
                return Err(("audiences", problem));
            }
            Self::Listed(names) => names,
        };
        if names.is_empty() || names.iter().any(String::is_empty) {
            let problem = "must not be empty or contain empty strings: no token would match";
            return Err(("audiences", problem.to_owned()));
        }

        // API Gateway's JWT authorizer reads the same claims: Cognito's access tokens have
        // `client_id` and no `aud`.
        let claim = match claims {
            None => ClaimReference::to_names(&["aud", "client_id"]),
            Some(claims) => {
                ClaimReference::parse(claims).map_err(|problem| ("audience_claims", problem))?
            }
        };
        Ok(Audiences::Listed { names, claim })
    }
}

impl Audiences {
    /// True if the first audience claim that is present names an accepted audience.
    #[must_use]
    pub fn accept(&self, claims: &Map<String, Value>) -> bool {
        let Self::Listed { names, claim } = self else {
            return true;
        };
        let is_ours = |audience: &Value| {
            audience
                .as_str()
                .is_some_and(|audience| names.iter().any(|name| name == audience))
        };

        match claim.find(claims) {
            Some((_, Value::Array(audiences))) => {
                audiences.iter().all(Value::is_string) && audiences.iter().any(is_ours)
            }
            Some((_, audience)) => is_ours(audience),
            None => false,
        }
    }

    /// Returns an audience for which two entries of one issuer would both be chosen. `any` accepts
    /// what no earlier entry does.
    pub(crate) fn conflict(&self, earlier: &Self) -> Option<String> {
        match (earlier, self) {
            (Self::Any, _) => Some(ANY.to_owned()),
            (Self::Listed { .. }, Self::Any) => None,
            (
                Self::Listed { names, claim },
                Self::Listed {
                    names: others,
                    claim: other_claim,
                },
            ) => names
                .iter()
                .find(|name| others.contains(name) && claim.overlaps(other_claim))
                .cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn audiences(json: Value, claims: Option<&[&str]>) -> Result<Audiences, String> {
        let claims: Option<Vec<String>> =
            claims.map(|claims| claims.iter().map(|&claim| claim.to_owned()).collect());
        let document: AudiencesDocument =
            serde_json::from_value(json).map_err(|error| error.to_string())?;
        document
            .check(claims.as_deref())
            .map_err(|(field, problem)| format!("{field}: {problem}"))
    }

    #[test]
    fn first_audience_claim_that_is_present_decides() {
        let ours = audiences(json!(["api", "web"]), None).unwrap();
        let nested = audiences(json!(["api"]), Some(&["/ext/client"])).unwrap();
        for (audiences, claims, expected) in [
            (&ours, json!({"aud": "api"}), true),
            (&ours, json!({"aud": ["x", "web"]}), true),
            (&ours, json!({"aud": ["x"]}), false),
            (&ours, json!({"aud": ["api", 1]}), false),
            (&ours, json!({"aud": "x", "client_id": "api"}), false),
            (&ours, json!({"aud": [], "client_id": "api"}), true),
            (&ours, json!({"aud": null, "client_id": "api"}), true),
            (&ours, json!({"client_id": "api"}), true),
            (&ours, json!({"azp": "api"}), false),
            (&ours, json!({}), false),
            (&nested, json!({"ext": {"client": "api"}}), true),
            (&nested, json!({"aud": "api"}), false),
            (&Audiences::Any, json!({}), true),
        ] {
            let accepted = audiences.accept(claims.as_object().unwrap());
            assert_eq!(accepted, expected, "{claims}");
        }
    }

    #[test]
    fn any_is_a_choice_of_its_own() {
        assert!(matches!(audiences(json!("any"), None), Ok(Audiences::Any)));
        for (json, claims, expected) in [
            (
                json!("any"),
                Some(&["aud"][..]),
                "audience_claims: is not used",
            ),
            (json!("api"), None, "audiences: `api` is not a list"),
            (json!([]), None, "audiences: must not be empty"),
            (json!([""]), None, "audiences: must not be empty"),
            (json!(["a"]), Some(&[][..]), "audience_claims: is empty"),
            (json!(7), None, "invalid audiences, expected a list"),
        ] {
            let error = audiences(json, claims).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn entries_conflict_if_a_token_could_be_for_both() {
        let conflict = |earlier: (Value, Option<&[&str]>), later: (Value, Option<&[&str]>)| {
            let earlier = audiences(earlier.0, earlier.1).unwrap();
            audiences(later.0, later.1).unwrap().conflict(&earlier)
        };
        assert_eq!(
            conflict((json!(["a", "b"]), None), (json!(["c", "b"]), None)).as_deref(),
            Some("b")
        );
        assert_eq!(conflict((json!(["a"]), None), (json!(["b"]), None)), None);
        assert_eq!(
            conflict(
                (json!(["a"]), Some(&["aud"])),
                (json!(["a"]), Some(&["client_id"]))
            ),
            None
        );
        assert_eq!(conflict((json!(["a"]), None), (json!("any"), None)), None);
        assert_eq!(
            conflict((json!("any"), None), (json!(["a"]), None)).as_deref(),
            Some("any")
        );
    }
}
