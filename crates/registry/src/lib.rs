//! API keys, usage plans, policies and compositions as versioned documents.
//!
//! [`EmbeddedRegistry`] keeps them in memory, [`DynamoDbRegistry`] in a table that all instances
//! share. Decisions read documents by name or by the SHA-256 of a secret. [`Admin`] reads and
//! changes them, with optimistic concurrency.
//!
//! - reads: plans, policies and compositions by name, keys by hash, and the blocks. Plans and keys
//!   from DynamoDB are cached for 30 s and stay usable for 15 minutes while the table does not
//!   respond. The blocks stay in force until they can be read again.
//! - writes: documents, each with the version that it replaces
//! - on failure: a refused change is a [`Refusal`], an invalid document a [`KeyError`], `PlanError`
//!   or [`SeedsError`], our own failure a [`RegistryError`]
//!
//! ```
//! use registry::{EmbeddedRegistry, KeyHash, Seeds};
//!
//! let seeds = Seeds::parse(
//!     r#"{"plans": {"free": {}},
//!         "keys": [{"key": "an-example-key-000000001", "key_id": "k1", "plan": "free"}]}"#,
//! )?;
//! let registry = EmbeddedRegistry::new(&seeds)?;
//!
//! let key = registry.key(&KeyHash::of("an-example-key-000000001")?).ok_or("no such key")?;
//! assert_eq!(key.plan, "free");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod admin;
mod admin_error;
mod api_key;
mod audit;
mod block;
mod block_changes;
mod blocks;
mod bulk;
mod candidates;
mod compositions;
mod deleted;
mod dynamodb;
mod embedded;
mod ended;
mod error;
mod generated;
mod import;
mod import_decision;
mod import_group;
mod imported;
mod item;
mod key_filter;
mod key_id;
mod keys;
mod listing;
mod managed_by;
mod new_secret;
mod once;
mod partition_keys;
mod plan_use;
mod plans;
mod record;
mod reload_schedule;
mod rotation;
mod scan;
mod schema_version;
mod secret;
mod secret_lookup;
mod seeds;
mod shared_secret;
mod table;
mod transaction_size;
mod version;

pub use crate::dynamodb::{DynamoDbRegistry, TABLE_SCHEMA};
pub use admin::{Admin, Page};
pub use admin_error::{AdminError, Refusal};
pub use api_key::{
    ApiKey, KeyError, KeyHash, KeyStatus, MAX_ALLOWED_IPS, is_chosen_key_id, is_chosen_name,
    is_key_id,
};
pub use audit::{AuditRecord, AuditTrail, Change, KeyChange, instant_name};
pub use block::{
    Block, BlockIdError, BlockKind, BlockTarget, MAX_ISSUER_BYTES, MAX_NOTE_CHARACTERS,
};
pub use block_changes::PutBlock;
pub use blocks::{Blocks, MAX_BLOCKS};
pub use bulk::{BULK_KEYS, BulkRefusal, BulkRow, SelectedKey};
pub use candidates::{PolicyEntry, Promotion};
pub use compositions::CompositionEntry;
pub use deleted::DeletedKey;
pub use embedded::EmbeddedRegistry;
pub use error::RegistryError;
pub use generated::{
    RandomError, generate_key_id, generate_secret, has_valid_checksum, random_bytes,
};
pub use import::IMPORT_BATCH;
pub use imported::{ImportChange, ImportNote, ImportRefusal, ImportedKey, ImportedRow, WrittenKey};
pub use key_filter::KeyFilter;
pub use keys::UpdatedKey;
pub use managed_by::ManagedBy;
pub use new_secret::NewSecret;
pub use once::{Keep, KeptAnswer, Once, RESPONSE_LIFETIME_S};
pub use partition_keys::{COMPOSER_KEY_PATTERNS, DECISION_KEY_PATTERNS};
pub use plans::Put;
pub use record::{
    KeyPatch, KeyRecord, MAX_DESCRIPTION_CHARACTERS, MAX_METADATA_CHARACTERS, MAX_METADATA_ENTRIES,
    MAX_NAME_CHARACTERS, MAX_PREFIX_CHARACTERS, MAX_SCOPE_CHARACTERS, MAX_SCOPES, Retirement, hint,
};
pub use reload_schedule::{ReloadSchedule, ReloadStep};
pub use scan::{KeyScan, MIN_SCAN_ENTRIES, ScannedKey};
pub use secret::Secret;
pub use secret_lookup::SecretState;
pub use seeds::{KeySeed, Seeds, SeedsError};
pub use shared_secret::SECRET_BYTES;
pub use version::{Condition, NamedDocument, Version, VersionedDocument};
