//! Candidates of policies, and the deletion of policies.
//!
//! A candidate has an item of its own, under another partition key than policies. It is therefore in
//! no list of policies, and no authorizer can use it as its policy. It records the version of the
//! policy that it was written for. A policy that was changed since is not replaced by the candidate,
//! because that would undo the change.

use limits::check_name;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::audit::{Attempt, Change};
use crate::item::{CommitOutcome, Guard, Item, ItemKey, Write};
use crate::plans::{ATTEMPTS, item_error};
use crate::{
    Admin, AdminError, Condition, ManagedBy, NamedDocument, Put, Refusal, RegistryError, Version,
    VersionedDocument,
};

/// The document of the item.
#[derive(Deserialize, Serialize)]
struct CandidateDocument {
    /// The version of the policy for which the candidate was written.
    base: String,
    policy: Box<RawValue>,
}

/// A policy in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyEntry {
    /// The name of the policy.
    pub name: String,
    /// The version of the policy.
    pub version: Version,
    /// True if the policy has a candidate.
    pub has_candidate: bool,
    /// The program that created the policy.
    pub managed_by: Option<ManagedBy>,
}

/// The outcome of putting a candidate in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// The policy that was replaced, as JSON.
    pub before: String,
    /// The policy that is in force now, as JSON.
    pub after: String,
    /// The version of the policy now.
    pub version: Version,
}

/// The policy in the document of a candidate's item.
pub(crate) fn candidate_policy(document: &str) -> Result<String, RegistryError> {
    Ok(read(document)?.policy.get().to_owned())
}

impl Admin<'_> {
    /// Returns at most `limit` policies after a name, in the order of their names.
    ///
    /// # Errors
    /// [`AdminError::Registry`].
    pub async fn policy_entries(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<crate::Page<PolicyEntry>, AdminError> {
        let policies = self.named(ItemKey::POLICY, after, limit).await?;
        // Each candidate has a policy, so no policy of the page has a later candidate.
        let candidates = self.table.list(ItemKey::CANDIDATE, after, limit).await?;

        let entry = |(name, stored): (String, NamedDocument<String>)| PolicyEntry {
            version: stored.version,
            managed_by: stored.managed_by,
            has_candidate: candidates.iter().any(|(candidate, _)| *candidate == name),
            name,
        };
        Ok(crate::Page {
            items: policies.items.into_iter().map(entry).collect(),
            next: policies.next,
        })
    }

    /// Deletes a policy with its candidate, and returns its document as JSON.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Precondition`], [`AdminError::Registry`].
    pub async fn delete_policy(
        &self,
        name: &str,
        condition: &Condition,
    ) -> Result<String, AdminError> {
        let with_it = [Write::Delete(ItemKey::of_candidate(name), Guard::None)];
        self.delete_document(name, ItemKey::of_policy(name), &with_it, condition)
            .await
    }

    /// Returns the candidate of a policy as JSON.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`AdminError::Registry`].
    pub async fn candidate(&self, name: &str) -> Result<VersionedDocument<String>, AdminError> {
        let stored = self.required_candidate(name, &Condition::None).await?;
        Ok(VersionedDocument {
            document: candidate_policy(&stored)?,
            version: Version::of(&stored),
        })
    }

    /// Writes the candidate of a policy that exists. The caller must check that the authorizer can
    /// load it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if there is no such policy, [`Refusal::Precondition`],
    /// [`AdminError::Registry`].
    pub async fn put_candidate(
        &self,
        name: &str,
        document: &str,
        condition: &Condition,
    ) -> Result<Put, AdminError> {
        let key = ItemKey::of_candidate(name);
        let (mut replaced, mut is_created) = (None, false);

        for attempt in 0..ATTEMPTS {
            let base = self.policy(name).await?.version;
            let before = self.stored_candidate(name).await?;
            let text = candidate_text(&base, document)?;
            let put = |created, before| Put {
                created,
                before,
                version: Version::of(&text),
                managed_by: None,
            };

            // If a response of DynamoDB was lost, the next attempt finds its own write.
            if attempt > 0 && before.as_ref() == Some(&text) {
                return Ok(put(is_created, replaced));
            }
            if !condition.holds(before.as_deref().map(Version::of).as_ref()) {
                return Err(Refusal::Precondition.into());
            }

            // An unreadable candidate is replaced.
            replaced = before
                .as_deref()
                .and_then(|text| candidate_policy(text).ok());
            let change = Change::Candidate {
                before: replaced.as_deref(),
                after: Some(document),
            };
            let is_changed = before.as_ref() != Some(&text);
            let record = is_changed.then(|| self.record_of(&change)).flatten();

            is_created = before.is_none();
            let guard = before.map_or(Guard::Absent, Guard::Unchanged);
            let mut writes = vec![
                Write::Put(Item::new(key.clone(), text.clone()), guard),
                Write::Check(ItemKey::of_policy(name)),
            ];
            writes.extend(record);
            if self.table.commit(writes).await? == CommitOutcome::Yes {
                return Ok(put(is_created, replaced));
            }
        }
        Err(Refusal::Busy.into())
    }

    /// Deletes the candidate of a policy, and returns it as JSON.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Precondition`], [`AdminError::Registry`].
    pub async fn delete_candidate(
        &self,
        name: &str,
        condition: &Condition,
    ) -> Result<String, AdminError> {
        let mut tried = None;
        for _ in 0..ATTEMPTS {
            let stored = match self.required_candidate(name, condition).await {
                // An earlier attempt, whose response was lost, may have deleted it.
                Err(error) if error.is_not_found() => return self.outcome_of(tried, error).await,
                stored => stored?,
            };

            let candidate = candidate_policy(&stored).unwrap_or_default();
            let unchanged = Guard::Unchanged(stored);
            let mut writes = vec![Write::Delete(ItemKey::of_candidate(name), unchanged)];
            let record = self.record_of(&Change::Candidate {
                before: Some(&candidate),
                after: None,
            });
            let attempt = Attempt::of(record.as_ref());
            writes.extend(record);
            if self.table.commit(writes).await? == CommitOutcome::Yes {
                return Ok(candidate);
            }
            tried = attempt.map(|attempt| attempt.with(candidate));
        }
        Err(Refusal::Busy.into())
    }

    /// Puts the candidate of a policy in force: one transaction replaces the policy and deletes the
    /// candidate. `condition` is about the candidate.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if there is no candidate, [`Refusal::Precondition`],
    /// [`Refusal::PolicyChanged`] if the policy was changed after the candidate was written,
    /// [`AdminError::Registry`].
    pub async fn promote_candidate(
        &self,
        name: &str,
        condition: &Condition,
    ) -> Result<Promotion, AdminError> {
        let mut tried = None;
        for _ in 0..ATTEMPTS {
            let stored = match self.required_candidate(name, condition).await {
                // An earlier attempt, whose response was lost, may have put it in force.
                Err(error) if error.is_not_found() => return self.outcome_of(tried, error).await,
                stored => stored?,
            };

            let candidate = read(&stored)?;
            let policy = self.policy(name).await?;
            if candidate.base != policy.version.as_str() {
                return Err(Refusal::PolicyChanged.into());
            }

            let after = candidate.policy.get().to_owned();
            let item = Item {
                managed_by: policy.managed_by.clone(),
                ..Item::new(ItemKey::of_policy(name), after.clone())
            };
            let unchanged = Guard::UnchangedObject(policy.document.clone(), policy.managed_by);
            let mut writes = vec![
                Write::Put(item, unchanged),
                Write::Delete(ItemKey::of_candidate(name), Guard::Unchanged(stored)),
            ];
            let record = self.record_of(&Change::Promotion {
                before: &policy.document,
                after: &after,
            });
            let attempt = Attempt::of(record.as_ref());
            writes.extend(record);
            let promotion = Promotion {
                before: policy.document,
                version: Version::of(&after),
                after,
            };
            if self.table.commit(writes).await? == CommitOutcome::Yes {
                return Ok(promotion);
            }
            tried = attempt.map(|attempt| attempt.with(promotion));
        }
        Err(Refusal::Busy.into())
    }

    /// Returns the document of a candidate that exists and meets the condition.
    async fn required_candidate(
        &self,
        name: &str,
        condition: &Condition,
    ) -> Result<String, AdminError> {
        let stored = self.stored_candidate(name).await?;
        let stored = stored.ok_or(Refusal::NotFound)?;
        if !condition.holds(Some(&Version::of(&stored))) {
            return Err(Refusal::Precondition.into());
        }
        Ok(stored)
    }

    async fn stored_candidate(&self, name: &str) -> Result<Option<String>, AdminError> {
        if check_name(name).is_err() {
            return Err(Refusal::NotFound.into());
        }
        let found = self.table.get(&ItemKey::of_candidate(name)).await?;
        Ok(found.map(|stored| stored.document))
    }
}

fn read(document: &str) -> Result<CandidateDocument, RegistryError> {
    serde_json::from_str(document).map_err(|error| item_error("policy candidate", &error))
}

fn candidate_text(base: &Version, document: &str) -> Result<String, RegistryError> {
    let invalid = |error| item_error("policy candidate", &error);
    let document = CandidateDocument {
        base: base.as_str().to_owned(),
        policy: serde_json::from_str(document).map_err(invalid)?,
    };
    serde_json::to_string(&document).map_err(invalid)
}
