//! Changes of blocks by administrators. All blocks are one document, so that decisions read one
//! item.

use std::time::Duration;

use jiff::Timestamp;

use crate::audit::Change;
use crate::blocks::{BlocksDocument, MAX_BLOCKS, MAX_BLOCKS_BYTES};
use crate::item::{CommitOutcome, Guard, Item, ItemKey, Write};
use crate::plans::item_error;
use crate::{
    Admin, AdminError, Block, BlockTarget, Condition, Refusal, RegistryError, Version,
    VersionedDocument,
};

/// The greatest number of attempts of a change. Each time that an attempt fails, another change was
/// made, so many changes at once all succeed.
const BLOCK_ATTEMPTS: u32 = 40;
/// The longest pause after the first attempt, in milliseconds. It doubles with each attempt, so that
/// many changes at once soon disturb each other less.
const FIRST_PAUSE_MS: u64 = 20;
/// The longest pause after any attempt, in milliseconds.
const MAX_PAUSE_MS: u64 = 1_000;

/// The outcome of writing a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutBlock {
    /// The block as it is stored.
    pub block: Block,
    /// The block that was replaced, if there was one in force.
    pub before: Option<Block>,
    /// The version of the block now.
    pub version: Version,
}

impl Admin<'_> {
    /// Returns the blocks that are in force, in the order of their targets.
    ///
    /// # Errors
    /// [`AdminError::Registry`].
    pub async fn blocks(&self, now: Timestamp) -> Result<Vec<Block>, AdminError> {
        Ok(self.stored_blocks(now).await?.1)
    }

    /// Returns a block that is in force.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`AdminError::Registry`].
    pub async fn block(
        &self,
        target: &BlockTarget,
        now: Timestamp,
    ) -> Result<VersionedDocument<Block>, AdminError> {
        let mut blocks = self.blocks(now).await?;
        let at = position(&blocks, target).map_err(|_| Refusal::NotFound)?;
        let document = blocks.swap_remove(at);
        let version = version(&document)?;
        Ok(VersionedDocument { document, version })
    }

    /// Writes a block, and removes those that have ended. A replaced block keeps its instant of
    /// creation. Instances use the new blocks within 30 s.
    ///
    /// # Errors
    /// [`Refusal::Precondition`], [`Refusal::TooManyBlocks`], [`Refusal::Busy`],
    /// [`AdminError::Registry`].
    pub async fn put_block(
        &self,
        block: &Block,
        condition: &Condition,
        now: Timestamp,
    ) -> Result<PutBlock, AdminError> {
        let mut tried: Option<PutBlock> = None;
        for attempt in 0..BLOCK_ATTEMPTS {
            let (stored, mut blocks) = self.stored_blocks(now).await?;
            let place = position(&blocks, &block.target);
            let before = place.ok().and_then(|at| blocks.get(at)).cloned();
            // If a response of DynamoDB was lost, the next attempt finds its own write.
            if let Some(put) = tried.take()
                && before.as_ref() == Some(&put.block)
            {
                return Ok(put);
            }

            check(condition, before.as_ref())?;
            let created_at = before.as_ref().map_or(now, |before| before.created_at);
            let block = Block {
                created_at,
                ..block.clone()
            };
            match place {
                Ok(at) => blocks[at] = block.clone(),
                Err(at) => blocks.insert(at, block.clone()),
            }

            let put = PutBlock {
                version: version(&block)?,
                block,
                before,
            };
            let change = Change::Block {
                before: put.before.as_ref(),
                after: Some(&put.block),
            };
            if self.store_blocks(stored, blocks, &change, attempt).await? {
                return Ok(put);
            }
            tried = Some(put);
        }
        Err(Refusal::Busy.into())
    }

    /// Removes a block, and returns it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Precondition`], [`Refusal::Busy`],
    /// [`AdminError::Registry`].
    pub async fn delete_block(
        &self,
        target: &BlockTarget,
        condition: &Condition,
        now: Timestamp,
    ) -> Result<Block, AdminError> {
        let mut tried = None;
        for attempt in 0..BLOCK_ATTEMPTS {
            let (stored, mut blocks) = self.stored_blocks(now).await?;
            let Ok(at) = position(&blocks, target) else {
                // An earlier attempt, whose response was lost, or another request removed it.
                return tried.ok_or_else(|| Refusal::NotFound.into());
            };

            check(condition, blocks.get(at))?;
            let block = blocks.remove(at);
            let change = Change::Block {
                before: Some(&block),
                after: None,
            };
            if self.store_blocks(stored, blocks, &change, attempt).await? {
                return Ok(block);
            }
            tried = Some(block);
        }
        Err(Refusal::Busy.into())
    }

    /// Returns the document, and the blocks in it that are in force.
    async fn stored_blocks(
        &self,
        now: Timestamp,
    ) -> Result<(Option<String>, Vec<Block>), RegistryError> {
        let Some(stored) = self.table.get(&ItemKey::of_blocks()).await? else {
            return Ok((None, Vec::new()));
        };

        let mut blocks = BlocksDocument::parse(&stored.document)?.blocks;
        blocks.retain(|block| block.is_in_force(now));
        blocks.sort_unstable_by(|one, other| one.target.cmp(&other.target));
        Ok((Some(stored.document), blocks))
    }

    /// Replaces the document if it is still `stored`, writes the record of the change, and returns
    /// true. If the document is another one by now, pauses before the next attempt.
    async fn store_blocks(
        &self,
        stored: Option<String>,
        blocks: Vec<Block>,
        change: &Change<'_>,
        attempt: u32,
    ) -> Result<bool, AdminError> {
        let is_full = blocks.len() > MAX_BLOCKS;
        let text = serde_json::to_string(&BlocksDocument { blocks })
            .map_err(|error| item_error("blocks", &error))?;
        let grows = stored
            .as_ref()
            .is_none_or(|stored| text.len() > stored.len());
        if is_full || (grows && text.len() > MAX_BLOCKS_BYTES) {
            return Err(Refusal::TooManyBlocks.into());
        }

        let guard = stored.map_or(Guard::Absent, Guard::Unchanged);
        let mut writes = vec![Write::Put(Item::new(ItemKey::of_blocks(), text), guard)];
        writes.extend(self.record_of(change));
        if self.table.commit(writes).await? == CommitOutcome::Yes {
            return Ok(true);
        }

        let longest = FIRST_PAUSE_MS.saturating_mul(2_u64.saturating_pow(attempt));
        let pause_ms = fastrand::u64(0..=longest.min(MAX_PAUSE_MS));
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        Ok(false)
    }
}

fn position(blocks: &[Block], target: &BlockTarget) -> Result<usize, usize> {
    blocks.binary_search_by(|block| block.target.cmp(target))
}

fn check(condition: &Condition, before: Option<&Block>) -> Result<(), AdminError> {
    let before = before.map(version).transpose()?;
    if condition.holds(before.as_ref()) {
        Ok(())
    } else {
        Err(Refusal::Precondition.into())
    }
}

fn version(block: &Block) -> Result<Version, RegistryError> {
    let text = serde_json::to_string(block).map_err(|error| item_error("blocks", &error))?;
    Ok(Version::of(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EmbeddedRegistry;

    fn block(number: usize) -> Block {
        Block {
            target: BlockTarget::Key(format!("key-{number:04}")),
            until: None,
            note: None,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn one_block_more_than_the_maximum_is_refused() {
        let (registry, now) = (EmbeddedRegistry::default(), Timestamp::UNIX_EPOCH);
        let admin = Admin::embedded(&registry);
        let document = BlocksDocument {
            blocks: (1..MAX_BLOCKS).map(block).collect(),
        };
        let text = serde_json::to_string(&document).unwrap();
        let item = Item::new(ItemKey::of_blocks(), text);
        let fill = vec![Write::Put(item, Guard::Absent)];
        assert_eq!(admin.table.commit(fill).await.unwrap(), CommitOutcome::Yes);

        let put = async |number| {
            let block = block(number);
            admin.put_block(&block, &Condition::None, now).await
        };
        put(MAX_BLOCKS).await.unwrap();
        let full = put(MAX_BLOCKS + 1).await;
        assert!(matches!(
            full,
            Err(AdminError::Refused(Refusal::TooManyBlocks))
        ));
        put(1).await.unwrap();
        assert_eq!(admin.blocks(now).await.unwrap().len(), MAX_BLOCKS);
    }
}
