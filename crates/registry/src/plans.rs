//! Plans and policies, which are documents with names.

use crate::RegistryError;
use limits::check_name;
use limits::{Plan, PlanDocument};

use crate::audit::{Attempt, Change};
use crate::item::{CommitOutcome, Guard, Item, ItemKey, Write};
use crate::{Admin, AdminError, Condition, Page, Refusal, Version, VersionedDocument};

/// The greatest number of attempts of a change that meets other changes.
pub(super) const ATTEMPTS: usize = 5;

/// The outcome of writing a whole document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// True if the document is new.
    pub created: bool,
    /// The document that was replaced, as JSON.
    pub before: Option<String>,
    /// The version of the document now.
    pub version: Version,
}

impl Admin<'_> {
    /// Returns a plan as it is stored.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`AdminError::Registry`].
    pub async fn plan(&self, name: &str) -> Result<VersionedDocument<PlanDocument>, AdminError> {
        let stored = self.document(name, ItemKey::of_plan(name)).await?;
        Ok(VersionedDocument {
            document: plan(&stored.document)?,
            version: stored.version,
        })
    }

    /// Writes a plan, and returns it as it is stored, with the canonical names of time zones.
    /// Instances use a cached version for at most 30 s.
    ///
    /// # Errors
    /// [`Refusal::Precondition`], [`RegistryError::Plan`] if the plan is invalid,
    /// [`AdminError::Registry`].
    pub async fn put_plan(
        &self,
        name: &str,
        document: &PlanDocument,
        condition: &Condition,
    ) -> Result<(Put, PlanDocument), AdminError> {
        Plan::new(name, document.clone()).map_err(RegistryError::Plan)?;
        let stored = |before: Option<&str>| {
            // An unreadable plan is replaced.
            let stored = document.stored(before.and_then(|text| plan(text).ok()).as_ref());
            let text =
                serde_json::to_string(&stored).map_err(|error| item_error("plan", &error))?;
            Ok((text, stored))
        };
        self.put_document(ItemKey::of_plan(name), stored, condition)
            .await
    }

    /// Deletes a plan unless a key uses it, and returns its document as JSON. The module `plan_use`
    /// handles keys that are created at the same time.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Precondition`], [`Refusal::PlanInUse`],
    /// [`AdminError::Registry`].
    pub async fn delete_plan(
        &self,
        name: &str,
        condition: &Condition,
    ) -> Result<String, AdminError> {
        let mut tried = None;
        for _ in 0..ATTEMPTS {
            let stored = match self.document(name, ItemKey::of_plan(name)).await {
                // An earlier attempt, whose response was lost, may have deleted it.
                Err(error) if error.is_not_found() => return self.outcome_of(tried, error).await,
                stored => stored?,
            };
            if !condition.holds(Some(&stored.version)) {
                return Err(Refusal::Precondition.into());
            }
            // Read before the index, which may lack a key that is created in between.
            let (last, unused) = self.last_key_on(name).await?;
            let listed = self
                .keys(Some(name), None, 1)
                .await?
                .items
                .pop()
                .map(|stored| stored.document);
            if let Some(record) = listed.or(last) {
                return Err(Refusal::PlanInUse {
                    key_id: record.key.key_id,
                }
                .into());
            }

            let delete = Write::Delete(
                ItemKey::of_plan(name),
                Guard::Unchanged(stored.document.clone()),
            );
            let mut writes = vec![delete, unused];
            let record = self.record_of(&Change::Plan {
                before: Some(&stored.document),
                after: None,
            });
            let attempt = Attempt::of(record.as_ref());
            writes.extend(record);
            if self.table.commit(writes).await? == CommitOutcome::Yes {
                return Ok(stored.document);
            }
            tried = attempt.map(|attempt| attempt.with(stored.document));
        }
        Err(Refusal::Busy.into())
    }

    /// Returns at most `limit` policies after a name, in the order of their names. Each is JSON.
    ///
    /// # Errors
    /// [`AdminError::Registry`].
    pub async fn policies(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<(String, String)>, AdminError> {
        let mut items = self.table.list(ItemKey::POLICY, after, limit + 1).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|(name, _)| name.clone());
        Ok(Page { items, next })
    }

    /// Returns at most `limit` plans after a name, in the order of their names.
    ///
    /// # Errors
    /// [`AdminError::Registry`].
    pub async fn plans(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<(String, VersionedDocument<PlanDocument>)>, AdminError> {
        let mut found = self.table.list(ItemKey::PLAN, after, limit + 1).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(name, _)| name.clone());
        let read = |(name, text): (String, String)| {
            Ok((
                name,
                VersionedDocument {
                    document: plan(&text)?,
                    version: Version::of(&text),
                },
            ))
        };
        Ok(Page {
            items: found
                .into_iter()
                .map(read)
                .collect::<Result<_, RegistryError>>()?,
            next,
        })
    }

    /// Returns the document of a policy as JSON.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`AdminError::Registry`].
    pub async fn policy(&self, name: &str) -> Result<VersionedDocument<String>, AdminError> {
        self.document(name, ItemKey::of_policy(name)).await
    }

    /// Writes a policy. The caller must check that the authorizer can load it.
    ///
    /// # Errors
    /// [`Refusal::Precondition`], [`RegistryError::Plan`] if the name is invalid,
    /// [`AdminError::Registry`].
    pub async fn put_policy(
        &self,
        name: &str,
        document: &str,
        condition: &Condition,
    ) -> Result<Put, AdminError> {
        check_name(name).map_err(RegistryError::Plan)?;
        let stored = |_: Option<&str>| Ok((document.to_owned(), ()));
        Ok(self
            .put_document(ItemKey::of_policy(name), stored, condition)
            .await?
            .0)
    }

    async fn document(
        &self,
        name: &str,
        key: ItemKey,
    ) -> Result<VersionedDocument<String>, AdminError> {
        if check_name(name).is_err() {
            return Err(Refusal::NotFound.into());
        }
        let (document, _) = self.table.get(&key).await?.ok_or(Refusal::NotFound)?;
        let version = Version::of(&document);
        Ok(VersionedDocument { document, version })
    }

    /// Writes the document that `stored` makes from the present one, and returns its other result.
    async fn put_document<T>(
        &self,
        key: ItemKey,
        stored: impl Fn(Option<&str>) -> Result<(String, T), RegistryError>,
        condition: &Condition,
    ) -> Result<(Put, T), AdminError> {
        let mut before = None;
        for attempt in 0..ATTEMPTS {
            let there = self.table.get(&key).await?.map(|(document, _)| document);
            let (text, stored) = stored(there.as_deref())?;
            let version = Version::of(&text);
            // If a response of DynamoDB was lost, the next attempt finds its own write.
            if attempt > 0 && there.as_ref() == Some(&text) {
                return Ok((
                    Put {
                        created: before.is_none(),
                        before,
                        version,
                    },
                    stored,
                ));
            }
            if !condition.holds(there.as_deref().map(Version::of).as_ref()) {
                return Err(Refusal::Precondition.into());
            }
            let created = there.is_none();
            before.clone_from(&there);
            let change = Change::of_document(&key, there.as_deref(), &text);
            let record = self.record_of(&change);
            let guard = there.map_or(Guard::Absent, Guard::Unchanged);
            let mut writes = vec![Write::Put(Item::new(key.clone(), text), guard)];
            writes.extend(record);
            if self.table.commit(writes).await? == CommitOutcome::Yes {
                return Ok((
                    Put {
                        created,
                        before,
                        version,
                    },
                    stored,
                ));
            }
        }
        Err(Refusal::Busy.into())
    }
}

fn plan(text: &str) -> Result<PlanDocument, RegistryError> {
    serde_json::from_str(text).map_err(|error| item_error("plan", &error))
}

pub(super) fn item_error(kind: &'static str, error: &serde_json::Error) -> RegistryError {
    RegistryError::Item {
        kind,
        reason: error.to_string(),
    }
}
