//! Keys whose id the client chooses: create and change in one operation.

use axum::extract::{FromRequest as _, Path, Request};
use axum::response::Response;
use http::StatusCode;
use registry::{
    AdminError, ApiKey, Condition, KeyPatch, KeyRecord, ManagedBy, Refusal, UpdatedKey,
    is_chosen_key_id, is_key_id,
};

use super::key::{Key, KeyWithSecret};
use super::key_put::KeyPut;
use super::secret_response::{SecretResponse, replay, replay_winner};
use super::{RESOURCE, created, mistakes};
use crate::audit::Action;
use crate::audit::changes::Changes;
use crate::error_responses::{Reads, Writes};
use crate::idempotency::Idempotency;
use crate::problem::{Mistake, Problem};
use crate::request::AdminRequest;
use crate::request::document::Document;
use crate::request::managed_by::Creator;
use crate::request::precondition::Precondition;
use crate::response;

/// The greatest number of attempts if other requests create or delete the key at the same time.
const ATTEMPTS: usize = 4;

/// Create or change a key
///
/// Creates a key with an id of your choice, or changes it. The id of a new key has 2 to 64 lower-case
/// letters, digits, `_` and `-`. A new key needs a `plan`. Its response contains the secret, which is
/// not shown again, unless the request has a `hash`. To change a key, an absent field keeps its value,
/// and the secret stays. With an `Idempotency-Key`, a repeated creation gets the same response for 24
/// hours. The id of a deleted key cannot be used again for 400 days.
#[utoipa::path(put, path = "/_tollgate/v1/keys/{key_id}", operation_id = "putKey", tag = "keys",
    params(("key_id" = String, Path), ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header),
        ("x-tollgate-managed-by" = Option<String>, Header, pattern = "^[a-z0-9-]{1,64}$",
        description = "The name of the program that sends the request. It is stored if the request creates the key"),
        ("Idempotency-Key" = Option<String>, Header, min_length = 22, max_length = 255,
        description = "Random: a UUID of version 4, at least 32 hexadecimal digits that include a letter, or at least 22 characters of base64url that include upper case, lower case and a digit")),
    request_body = KeyPut,
    responses((status = 200, description = "The key was changed", body = Key, headers(("ETag" = String))),
        (status = 201, description = "The key was created", body = KeyWithSecret,
        headers(("ETag" = String), ("Location" = String))), Reads, Writes))]
pub(crate) async fn put(
    request: AdminRequest,
    Precondition(condition): Precondition,
    Creator(creator): Creator,
    Path(key_id): Path<String>,
    sent: Request,
) -> Result<Response, Problem> {
    let Document { value, text } = Document::<KeyPut>::from_request(sent, &request.shared).await?;
    let operation = format!("PUT /keys/{key_id}");
    let idempotency = Idempotency::of_secret_request(&request.headers, &operation, &text)?;
    if let Some(response) = replay(&request, idempotency.as_ref(), created).await? {
        return Ok(response);
    }

    let patch = value.patch()?;
    let key = PutKey {
        request: &request,
        key_id,
        patch,
        condition,
        creator,
        idempotency: idempotency.as_ref(),
    };
    key.put().await
}

/// A key to create or change.
struct PutKey<'r> {
    request: &'r AdminRequest,
    key_id: String,
    patch: KeyPatch,
    condition: Condition,
    /// The program that sends the request.
    creator: Option<ManagedBy>,
    idempotency: Option<&'r Idempotency>,
}

impl PutKey<'_> {
    /// Changes the key if it exists, and creates it otherwise. Another request may create or delete
    /// it in between.
    async fn put(&self) -> Result<Response, Problem> {
        for _ in 0..ATTEMPTS {
            match self.request.admin().key(&self.key_id).await {
                Ok(stored) => {
                    if let Some(response) = self.change(&stored.document).await? {
                        return Ok(response);
                    }
                }
                Err(AdminError::Refused(Refusal::NotFound)) => {
                    if let Some(response) = self.create().await? {
                        return Ok(response);
                    }
                }
                Err(error) => return Err(Problem::of_read(error, RESOURCE)),
            }
        }
        Err(Problem::of_read(Refusal::Busy.into(), RESOURCE))
    }

    /// Changes the key. `None` if it was deleted in the meantime.
    async fn change(&self, before: &KeyRecord) -> Result<Option<Response>, Problem> {
        let mistakes = mistakes(&before.clone().patched(&self.patch));
        if !mistakes.is_empty() {
            return Err(Problem::invalid_body(mistakes));
        }

        let now = self.request.now;
        let change = self.request.begin(Action::UpdateKey, &self.key_id);
        let admin = self.request.admin().audited(&change);
        let updated = admin
            .update_key(&self.key_id, &self.patch, &self.condition, now)
            .await;
        let UpdatedKey { before, after } = match updated {
            Ok(updated) => updated,
            Err(AdminError::Refused(Refusal::NotFound)) => {
                change.discard();
                return Ok(None);
            }
            Err(error) => return Err(change.fail(Problem::of_write(error, RESOURCE))),
        };
        change.complete(&Changes::of_key(Some(&before), Some(&after.document)));

        let body = Key::of(after.document, now);
        let response = response::versioned(StatusCode::OK, &after.version, &body);
        Ok(Some(response))
    }

    /// Creates the key. `None` if another request has created it in the meantime.
    async fn create(&self) -> Result<Option<Response>, Problem> {
        if !self.condition.holds(None) {
            return Err(Problem::of_read(Refusal::Precondition.into(), RESOURCE));
        }
        let mut record = self.new_record()?;
        let now = self.request.now;
        let prefix = record.prefix.as_deref();
        let response = SecretResponse::new(self.patch.hash, prefix, now, self.idempotency)?;
        record.hint.clone_from(&response.hint);

        let change = self.request.begin(Action::CreateKey, &self.key_id);
        let made = self
            .request
            .admin()
            .audited(&change)
            .create_key_with_id(&response.hash, &record, &response, now)
            .await;
        match made {
            Ok(version) => {
                change.complete(&Changes::of_key(None, Some(&record)));
                created(response.body(&record)?, Some(&version)).map(Some)
            }
            Err(AdminError::Refused(Refusal::KeyIdInUse)) => {
                change.discard();
                Ok(None)
            }
            Err(AdminError::Refused(Refusal::Repeated)) => {
                change.discard();
                let winner = replay_winner(self.request, self.idempotency, created).await;
                winner.map(Some)
            }
            Err(error) => Err(change.fail(Problem::of_write(error, RESOURCE))),
        }
    }

    fn new_record(&self) -> Result<KeyRecord, Problem> {
        // A key that comes from another stack keeps its id and its secret.
        let is_moved = self.patch.hash.is_some() && is_key_id(&self.key_id);
        if !is_moved && !is_chosen_key_id(&self.key_id) {
            let detail = "expected 2 to 64 lower-case letters, digits, `_` or `-`, beginning with a letter or digit, and \
                          not `import`, `export`, `bulk`, `hashes` or `lookup`";
            let mistake = Mistake::in_parameter("key_id", detail);
            return Err(Problem::invalid_parameters(vec![mistake]));
        }
        let Some(plan) = self.patch.plan.clone() else {
            let mistake = Mistake::at("/plan", "`plan` is required to create a key");
            return Err(Problem::invalid_body(vec![mistake]));
        };

        let key = ApiKey::new(self.key_id.clone(), plan);
        let mut record = KeyRecord::new(key, self.request.now);
        record.managed_by.clone_from(&self.creator);
        Ok(record.patched(&self.patch))
    }
}
