//! Documents of compositions. A composer uses one of them, and reads it again every few minutes.

use limits::check_name;

use crate::item::ItemKey;
use crate::{
    Admin, AdminError, Condition, ManagedBy, NamedDocument, Page, Put, RegistryError, Version,
};

/// A document of compositions in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompositionEntry {
    /// The name of the document.
    pub name: String,
    /// The version of the document.
    pub version: Version,
    /// The program that created the document.
    pub managed_by: Option<ManagedBy>,
}

impl Admin<'_> {
    /// Returns at most `limit` documents of compositions after a name, in the order of their names.
    ///
    /// # Errors
    /// [`AdminError::Registry`].
    pub async fn composition_entries(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<CompositionEntry>, AdminError> {
        let page = self.named(ItemKey::COMPOSITION, after, limit).await?;
        let entry = |(name, stored): (String, NamedDocument<String>)| CompositionEntry {
            name,
            version: stored.version,
            managed_by: stored.managed_by,
        };
        Ok(Page {
            items: page.items.into_iter().map(entry).collect(),
            next: page.next,
        })
    }

    /// Returns a document of compositions as JSON.
    ///
    /// # Errors
    /// [`crate::Refusal::NotFound`], [`AdminError::Registry`].
    pub async fn composition(&self, name: &str) -> Result<NamedDocument<String>, AdminError> {
        self.document(name, ItemKey::of_composition(name)).await
    }

    /// Writes a document of compositions. The caller must check that a composer can load it.
    ///
    /// # Errors
    /// [`crate::Refusal::Precondition`], [`RegistryError::Plan`] if the name is invalid,
    /// [`AdminError::Registry`].
    pub async fn put_composition(
        &self,
        name: &str,
        document: &str,
        condition: &Condition,
    ) -> Result<Put, AdminError> {
        check_name(name).map_err(RegistryError::Plan)?;
        let stored = |_: Option<&str>| Ok((document.to_owned(), ()));
        let key = ItemKey::of_composition(name);
        let (put, ()) = self.put_document(key, stored, condition).await?;
        Ok(put)
    }

    /// Deletes a document of compositions, and returns it as JSON.
    ///
    /// # Errors
    /// [`crate::Refusal::NotFound`], [`crate::Refusal::Precondition`], [`AdminError::Registry`].
    pub async fn delete_composition(
        &self,
        name: &str,
        condition: &Condition,
    ) -> Result<String, AdminError> {
        self.delete_document(name, ItemKey::of_composition(name), &[], condition)
            .await
    }
}
