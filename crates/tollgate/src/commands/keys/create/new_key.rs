//! The creation of a key whose secret was generated here.

use admin_client::{AdminClient, AdminRequest, ClientError, path};
use registry::{is_chosen_key_id, random_bytes};
use serde_json::{Map, Value, json};

use super::slug::id_of_name;
use crate::commands::CommandError;
use crate::commands::keys::idempotency_key;
use crate::secrets::SecretsError;

/// The result of a creation.
#[derive(Debug)]
pub(super) enum Outcome {
    Created(Value),
    /// The key existed with the same secret. An earlier call has created it.
    Existed(Value),
    /// The key existed with another secret.
    Conflict,
}

/// Creates a key with the SHA-256 of its secret. An existing key is never changed.
///
/// # Errors
/// [`CommandError`] if the API refuses the key or does not respond.
pub(super) async fn put(
    client: &AdminClient,
    key_id: &str,
    mut document: Map<String, Value>,
    hash: &str,
) -> Result<Outcome, CommandError> {
    let path = path(&["keys", key_id]);
    document.insert("hash".to_owned(), hash.into());
    let request = AdminRequest::put(&path, &document.into())
        .if_none_match_any()
        .idempotency_key(idempotency_key()?);
    let refusal = match client.send(request).await {
        Ok(response) => return Ok(Outcome::Created(response.json()?)),
        Err(error) if error.is_precondition_failed() || error.is_conflict() => error,
        Err(error) => return Err(error.into()),
    };

    // A change of nothing succeeds only if the key exists and has this secret.
    let request = AdminRequest::put(&path, &json!({"hash": hash})).if_match("*");
    match client.send(request).await {
        Ok(response) => Ok(Outcome::Existed(response.json()?)),
        Err(error) if error.is_conflict() => Ok(Outcome::Conflict),
        // The key does not exist, for example because its id was used before.
        Err(error) if error.is_precondition_failed() => Err(refusal.into()),
        Err(error) => Err(error.into()),
    }
}

/// Returns the message for a key that exists with another secret.
pub(super) fn other_secret(key_id: &str) -> String {
    format!("key {key_id} exists already with another secret, so it was not changed")
}

/// Returns the id of a key with this name, or a random one.
///
/// # Errors
/// [`CommandError`] if the random number generator fails.
pub(super) fn new_id(name: Option<&str>) -> Result<String, CommandError> {
    if let Some(name) = name {
        return Ok(id_of_name(name));
    }
    let bytes = random_bytes::<12>().map_err(SecretsError::from)?;
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    Ok(format!("key-{}", digits.collect::<String>()))
}

/// Checks the id of a new key.
///
/// # Errors
/// The expected form.
pub(super) fn check_id(key_id: &str) -> Result<(), String> {
    if is_chosen_key_id(key_id) {
        return Ok(());
    }
    Err(format!(
        "key_id `{key_id}`: expected 2 to 64 lower-case letters, digits, `_` or `-`, beginning with a letter or digit"
    ))
}

/// True if other keys would fail in the same way, because the API does not respond or does not allow
/// the request.
pub(super) fn stops_the_others(error: &CommandError) -> bool {
    match error {
        CommandError::Client(error) => !matches!(refusal(error), Some(400 | 404 | 409 | 412 | 422)),
        _ => true,
    }
}

fn refusal(error: &ClientError) -> Option<u16> {
    error.status().filter(|status| (400..500).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_ids_differ_and_can_be_chosen() {
        let (one, other) = (new_id(None).unwrap(), new_id(None).unwrap());
        assert!(one != other && check_id(&one).is_ok());
        assert_eq!(new_id(Some("Acme")).unwrap(), "acme");
    }

    #[test]
    fn invalid_id_is_named() {
        for key_id in ["a", "Acme", "-a", "import", ""] {
            let error = check_id(key_id).unwrap_err();
            assert!(error.contains(&format!("key_id `{key_id}`")), "{error}");
        }
    }
}
