//! The client that the authorizer is to an introspection server.

use crate::error::FieldProblem;
use crate::introspection_server::{ClientAuth, ClientKey};
use crate::secret_reference::SecretReference;

/// The fields of a policy that describe the client.
pub(crate) struct IntrospectionClient<'d> {
    pub(crate) auth: ClientAuth,
    pub(crate) id: &'d str,
    pub(crate) secret: Option<&'d str>,
    pub(crate) key: Option<&'d str>,
    pub(crate) key_id: Option<&'d str>,
    pub(crate) assertion_audience: Option<&'d str>,
    /// The audience of assertions if the policy does not name one.
    pub(crate) default_audience: &'d str,
}

/// The credentials of a client: a secret, a key, or none.
#[derive(Debug, Default)]
pub(crate) struct ClientCredentials {
    pub(crate) secret: Option<SecretReference>,
    pub(crate) key: Option<ClientKey>,
}

impl IntrospectionClient<'_> {
    /// Checks the fields. `lookup` returns environment variables.
    ///
    /// # Errors
    /// The invalid field and the problem.
    pub(crate) fn check(
        &self,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<ClientCredentials, FieldProblem> {
        self.check_fields_of_method()?;
        self.check_id()?;

        match self.auth {
            ClientAuth::None => Ok(ClientCredentials::default()),
            ClientAuth::PrivateKeyJwt => Ok(ClientCredentials {
                key: Some(self.key(lookup)?),
                ..ClientCredentials::default()
            }),
            ClientAuth::Basic | ClientAuth::BasicRaw | ClientAuth::Post => Ok(ClientCredentials {
                secret: Some(self.secret(lookup)?),
                ..ClientCredentials::default()
            }),
        }
    }

    /// Refuses fields that the method of authentication does not use. A field without effect would
    /// hide that the client authenticates in another way than intended.
    fn check_fields_of_method(&self) -> Result<(), FieldProblem> {
        let has_key = self.auth == ClientAuth::PrivateKeyJwt;
        let has_secret = !has_key && self.auth != ClientAuth::None;
        let unused = |field: &'static str, expected: &str| {
            let problem = format!("is not used with `auth` `{}`{expected}", name(self.auth));
            Err((field, problem))
        };

        if self.secret.is_some() && !has_secret {
            let expected = if has_key {
                ", expected `client_key`"
            } else {
                ""
            };
            return unused("client_secret", expected);
        }
        for (field, value) in [
            ("client_key", self.key),
            ("client_key_id", self.key_id),
            ("client_assertion_audience", self.assertion_audience),
        ] {
            if value.is_some() && !has_key {
                return unused(field, ", only with `private_key_jwt`");
            }
        }
        Ok(())
    }

    fn check_id(&self) -> Result<(), FieldProblem> {
        if self.id.is_empty() && self.auth != ClientAuth::None {
            return Err(("client_id", "is missing or empty".to_owned()));
        }
        // Without encoding, the server takes everything before the first colon for the id.
        if self.auth == ClientAuth::BasicRaw && self.id.contains(':') {
            return Err((
                "client_id",
                "contains `:`, which `auth` `basic_raw` cannot send".to_owned(),
            ));
        }
        Ok(())
    }

    fn secret(
        &self,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<SecretReference, FieldProblem> {
        let text = self
            .secret
            .ok_or_else(|| ("client_secret", "is missing".to_owned()))?;
        SecretReference::parse(text, lookup).map_err(|error| ("client_secret", error.to_string()))
    }

    fn key(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<ClientKey, FieldProblem> {
        let text = self
            .key
            .ok_or_else(|| ("client_key", "is missing".to_owned()))?;
        for (field, value) in [
            ("client_key_id", self.key_id),
            ("client_assertion_audience", self.assertion_audience),
        ] {
            if value.is_some_and(str::is_empty) {
                return Err((field, "is empty".to_owned()));
            }
        }

        let reference = SecretReference::parse_reference(text, lookup)
            .map_err(|error| ("client_key", error.to_string()))?;
        Ok(ClientKey {
            reference,
            id: self.key_id.map(str::to_owned),
            audience: self
                .assertion_audience
                .unwrap_or(self.default_audience)
                .to_owned(),
        })
    }
}

/// Returns the name of a method in policies.
const fn name(auth: ClientAuth) -> &'static str {
    match auth {
        ClientAuth::Basic => "basic",
        ClientAuth::BasicRaw => "basic_raw",
        ClientAuth::Post => "post",
        ClientAuth::PrivateKeyJwt => "private_key_jwt",
        ClientAuth::None => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITH_KEY: IntrospectionClient<'static> = IntrospectionClient {
        auth: ClientAuth::PrivateKeyJwt,
        id: "tollgate",
        secret: None,
        key: Some("ssm:/tollgate/client-key"),
        key_id: None,
        assertion_audience: None,
        default_audience: "https://auth.example.com",
    };

    const WITH_SECRET: IntrospectionClient<'static> = IntrospectionClient {
        auth: ClientAuth::Basic,
        secret: Some("env:SECRET"),
        key: None,
        ..WITH_KEY
    };

    fn checked(client: &IntrospectionClient<'_>) -> Result<ClientCredentials, String> {
        let lookup = |name: &str| (name == "SECRET").then(|| "hush".to_owned());
        client
            .check(&lookup)
            .map_err(|(field, problem)| format!("{field}: {problem}"))
    }

    #[test]
    fn key_has_an_audience_and_maybe_an_id() {
        let key = checked(&WITH_KEY).unwrap().key.unwrap();
        assert_eq!(key.audience, "https://auth.example.com");
        assert_eq!(key.id, None);
        assert!(matches!(key.reference, SecretReference::Stored(_)));

        let client = IntrospectionClient {
            key_id: Some("2026-11"),
            assertion_audience: Some("https://auth.example.com/token"),
            ..WITH_KEY
        };
        let key = checked(&client).unwrap().key.unwrap();
        assert_eq!(key.audience, "https://auth.example.com/token");
        assert_eq!(key.id.as_deref(), Some("2026-11"));
    }

    #[test]
    fn contradictory_fields_are_refused_by_name() {
        for (client, expected) in [
            (
                IntrospectionClient {
                    secret: Some("env:SECRET"),
                    ..WITH_KEY
                },
                "client_secret: is not used with `auth` `private_key_jwt`, expected `client_key`",
            ),
            (
                IntrospectionClient {
                    auth: ClientAuth::None,
                    ..WITH_SECRET
                },
                "client_secret: is not used with `auth` `none`",
            ),
            (
                IntrospectionClient {
                    key: Some("ssm:/key"),
                    ..WITH_SECRET
                },
                "client_key: is not used with `auth` `basic`, only with `private_key_jwt`",
            ),
            (
                IntrospectionClient {
                    auth: ClientAuth::Post,
                    key_id: Some("1"),
                    ..WITH_SECRET
                },
                "client_key_id: is not used with `auth` `post`, only with `private_key_jwt`",
            ),
            (
                IntrospectionClient {
                    auth: ClientAuth::None,
                    secret: None,
                    assertion_audience: Some("https://a"),
                    ..WITH_SECRET
                },
                "client_assertion_audience: is not used with `auth` `none`, only with `private_key_jwt`",
            ),
            (
                IntrospectionClient {
                    auth: ClientAuth::BasicRaw,
                    id: "a:b",
                    ..WITH_SECRET
                },
                "client_id: contains `:`, which `auth` `basic_raw` cannot send",
            ),
        ] {
            assert_eq!(checked(&client).unwrap_err(), expected);
        }
    }

    #[test]
    fn missing_and_empty_fields_are_refused_by_name() {
        let empty = Some("");
        for (client, expected) in [
            (
                IntrospectionClient {
                    key: None,
                    ..WITH_KEY
                },
                "client_key: is missing",
            ),
            (
                IntrospectionClient {
                    key: empty,
                    ..WITH_KEY
                },
                "client_key: is empty",
            ),
            (
                IntrospectionClient { id: "", ..WITH_KEY },
                "client_id: is missing or empty",
            ),
            (
                IntrospectionClient {
                    key_id: empty,
                    ..WITH_KEY
                },
                "client_key_id: is empty",
            ),
            (
                IntrospectionClient {
                    assertion_audience: empty,
                    ..WITH_KEY
                },
                "client_assertion_audience: is empty",
            ),
            (
                IntrospectionClient {
                    secret: None,
                    ..WITH_SECRET
                },
                "client_secret: is missing",
            ),
        ] {
            assert_eq!(checked(&client).unwrap_err(), expected);
        }
    }

    #[test]
    fn key_in_the_policy_is_refused_and_not_repeated() {
        for key in ["-----BEGIN PRIVATE KEY-----\nhush", "hush"] {
            let client = IntrospectionClient {
                key: Some(key),
                ..WITH_KEY
            };
            let error = checked(&client).unwrap_err();
            let expected = "client_key: is not a reference to a secret, expected `env:NAME`, ";
            assert!(
                error.starts_with(expected) && !error.contains("hush"),
                "{error}"
            );
        }
    }
}
