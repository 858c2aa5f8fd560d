//! Plans and policies, which are documents with names.

use crate::RegistryError;
use limits::check_name;
use limits::{Plan, PlanDocument};

use crate::audit::{Attempt, Change};
use crate::item::{CommitOutcome, Guard, Item, ItemKey, StoredItem, Write};
use crate::{Admin, AdminError, Condition, ManagedBy, NamedDocument, Page, Refusal, Version};

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
    /// The program that created the document.
    pub managed_by: Option<ManagedBy>,
}

impl Put {
    /// Returns the program that has created the document with this write, if it gave its name.
    #[must_use]
    pub fn creator(&self) -> Option<&ManagedBy> {
        self.managed_by.as_ref().filter(|_| self.created)
    }
}

impl Admin<'_> {
    /// Returns a plan as it is stored.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`AdminError::Registry`].
    pub async fn plan(&self, name: &str) -> Result<NamedDocument<PlanDocument>, AdminError> {
        let stored = self.document(name, ItemKey::of_plan(name)).await?;
        Ok(NamedDocument {
            document: plan(&stored.document)?,
            version: stored.version,
            managed_by: stored.managed_by,
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
                creator: None,
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
        let page = self.named(ItemKey::POLICY, after, limit).await?;
        let items = page.items.into_iter();
        let items = items.map(|(name, stored)| (name, stored.document));
        Ok(Page {
            items: items.collect(),
            next: page.next,
        })
    }

    /// Returns at most `limit` plans after a name, in the order of their names.
    ///
    /// # Errors
    /// [`AdminError::Registry`].
    pub async fn plans(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<(String, NamedDocument<PlanDocument>)>, AdminError> {
        let page = self.named(ItemKey::PLAN, after, limit).await?;
        let read = |(name, stored): (String, NamedDocument<String>)| {
            let document = NamedDocument {
                document: plan(&stored.document)?,
                version: stored.version,
                managed_by: stored.managed_by,
            };
            Ok((name, document))
        };
        let items = page.items.into_iter().map(read);
        Ok(Page {
            items: items.collect::<Result<_, RegistryError>>()?,
            next: page.next,
        })
    }

    /// Returns at most `limit` documents of one kind after a name, in the order of their names.
    pub(super) async fn named(
        &self,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<(String, NamedDocument<String>)>, AdminError> {
        let mut found = self.table.list(kind, after, limit + 1).await?;
        let has_more = found.len() > limit;
        found.truncate(limit);

        let last = found.last().filter(|_| has_more);
        let next = last.map(|(name, _)| name.clone());
        let items = found.into_iter();
        let items = items.map(|(name, stored)| (name, NamedDocument::from(stored)));
        Ok(Page {
            items: items.collect(),
            next,
        })
    }

    /// Returns the document of a policy as JSON.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`AdminError::Registry`].
    pub async fn policy(&self, name: &str) -> Result<NamedDocument<String>, AdminError> {
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

    /// Returns the document of an item with this name.
    pub(super) async fn document(
        &self,
        name: &str,
        key: ItemKey,
    ) -> Result<NamedDocument<String>, AdminError> {
        if check_name(name).is_err() {
            return Err(Refusal::NotFound.into());
        }
        let stored = self.table.get(&key).await?.ok_or(Refusal::NotFound)?;
        Ok(stored.into())
    }

    /// Writes the document that `stored` makes from the present one, and returns its other result.
    /// A document that exists keeps the name of the program that created it.
    pub(super) async fn put_document<T>(
        &self,
        key: ItemKey,
        stored: impl Fn(Option<&str>) -> Result<(String, T), RegistryError>,
        condition: &Condition,
    ) -> Result<(Put, T), AdminError> {
        let mut before = None;
        for attempt in 0..ATTEMPTS {
            let found = self.table.get(&key).await?;
            let (there, managed_by) = match found {
                Some(found) => (Some(found.document), found.managed_by),
                None => (None, self.creator.cloned()),
            };
            let (text, stored) = stored(there.as_deref())?;
            let put = |created, before| Put {
                created,
                before,
                version: Version::of(&text),
                managed_by: managed_by.clone(),
            };

            // If a response of DynamoDB was lost, the next attempt finds its own write.
            if attempt > 0 && there.as_ref() == Some(&text) {
                return Ok((put(before.is_none(), before), stored));
            }
            if !condition.holds(there.as_deref().map(Version::of).as_ref()) {
                return Err(Refusal::Precondition.into());
            }

            let change = Change::of_document(&key, there.as_deref(), &text, managed_by.as_ref());
            let record = self.record_of(&change);
            let outcome = put(there.is_none(), there.clone());
            before.clone_from(&there);
            let guard = match there {
                Some(there) => Guard::UnchangedObject(there, managed_by.clone()),
                None => Guard::Absent,
            };
            let item = Item {
                managed_by,
                ..Item::new(key.clone(), text)
            };
            let mut writes = vec![Write::Put(item, guard)];
            writes.extend(record);
            if self.table.commit(writes).await? == CommitOutcome::Yes {
                return Ok((outcome, stored));
            }
        }
        Err(Refusal::Busy.into())
    }
}

impl Admin<'_> {
    /// Deletes a document together with other items, and returns it.
    pub(super) async fn delete_document(
        &self,
        name: &str,
        key: ItemKey,
        with_it: &[Write],
        condition: &Condition,
    ) -> Result<String, AdminError> {
        let mut tried = None;
        for _ in 0..ATTEMPTS {
            let stored = match self.document(name, key.clone()).await {
                // An earlier attempt, whose response was lost, may have deleted it.
                Err(error) if error.is_not_found() => return self.outcome_of(tried, error).await,
                stored => stored?,
            };
            if !condition.holds(Some(&stored.version)) {
                return Err(Refusal::Precondition.into());
            }

            let unchanged = Guard::Unchanged(stored.document.clone());
            let mut writes = vec![Write::Delete(key.clone(), unchanged)];
            writes.extend_from_slice(with_it);
            let record = self.record_of(&Change::Document {
                before: Some(&stored.document),
                after: None,
                creator: None,
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
}

impl From<StoredItem> for NamedDocument<String> {
    fn from(stored: StoredItem) -> Self {
        Self {
            version: Version::of(&stored.document),
            document: stored.document,
            managed_by: stored.managed_by,
        }
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
