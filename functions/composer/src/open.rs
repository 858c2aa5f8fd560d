//! Sets the composer up: its documents, its services and, if it needs one, its store.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use aws::timeouts::CONNECT_TIMEOUT;
use aws::{Connections, HttpCalls, Reach, Timeouts};
use composition::{CompositionError, Cost};
use environment::SettingError;
use jiff::Timestamp;
use policy::{Policy, PolicySource};
use store::{OpenStore, Store, StoreConfig};
use telemetry::RecordLog;

use crate::active_compositions::{ActiveCompositions, CompositionSettings};
use crate::composer::Composer;
use crate::config::{CompositionsSource, Config, unread_secret};
use crate::document::{Document, DocumentError, DocumentKind, DocumentPlace};
use crate::part_response::MAX_BODY_BYTES;

/// The most idle connections to each host that stay open.
const MAX_IDLE_CONNECTIONS: usize = 64;

/// Opens the connections of the store.
type Connect = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The reason why the composer cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The compositions in the settings are invalid.
    #[error("COMPOSITIONS: {0}")]
    Compositions(#[from] CompositionError),
    /// A document of the registry cannot be loaded.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A setting that the documents need is missing.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] store::OpenError),
}

/// Sets the composer up. It uses `store`, or else the store of its settings, if its documents are
/// in the registry or it charges parts. `setting` returns settings of calls to AWS, and `records`
/// receives the records of calls.
///
/// # Errors
/// [`OpenError`] if a document or a setting is invalid.
pub async fn open(
    config: Config,
    setting: impl Fn(&str) -> Option<String>,
    records: RecordLog,
    store: Option<Arc<Store>>,
) -> Result<Composer, OpenError> {
    open_at(config, setting, records, store, Timestamp::now).await
}

/// Like [`open`], with `clock` as the current time.
///
/// # Errors
/// As [`open`].
pub async fn open_at(
    config: Config,
    setting: impl Fn(&str) -> Option<String>,
    records: RecordLog,
    store: Option<Arc<Store>>,
    clock: impl Fn() -> Timestamp + Send + Sync + 'static,
) -> Result<Composer, OpenError> {
    let now = clock();
    let settings = composition_settings(&config, records.clone());
    let inline = match &config.compositions {
        CompositionsSource::Inline(text) => Some(settings.read(text, None)?),
        CompositionsSource::Table(_) => None,
    };

    let is_policy_stored = matches!(config.policy, PolicySource::Table(_));
    let needs_store = is_policy_stored || inline.as_ref().is_none_or(charges);
    let mut connect: Connect = Box::pin(async {});
    let store = match store {
        None if needs_store => {
            let opened = open_store(config.store.as_ref(), setting, records).await?;
            connect = opened.connect;
            Some(Arc::new(opened.store))
        }
        store => store,
    };

    let stored = store.as_ref();
    let compositions = compositions(config.compositions, settings, inline, stored, now);
    let policy = policy(config.policy, stored, now);
    let documents = async { tokio::try_join!(compositions, policy) };
    let (documents, ()) = tokio::join!(documents, connect);
    let (compositions, policy) = documents?;
    Ok(Composer {
        compositions,
        policy,
        store,
        origin_secret: config.origin_secret,
        rate_limit_headers: config.rate_limit_headers,
        clock: Box::new(clock),
        observer: None,
    })
}

fn composition_settings(config: &Config, records: RecordLog) -> CompositionSettings {
    let reach = if config.is_deployed {
        Reach::Services
    } else {
        Reach::Any
    };
    let connections = Connections::for_services(reach, CONNECT_TIMEOUT, MAX_IDLE_CONNECTIONS);
    let calls = HttpCalls::new(connections, records, MAX_BODY_BYTES);

    CompositionSettings {
        prefix: config.prefix.clone(),
        key_header: config.key_header.as_str().to_owned(),
        default_url: config.default_url.clone(),
        replaced: config.replaced.clone(),
        is_deployed: config.is_deployed,
        calls: calls.trusting(&config.authorities),
    }
}

/// True if a request may charge a plan.
fn charges(active: &ActiveCompositions) -> bool {
    active
        .compositions
        .routes()
        .any(|route| route.cost == Cost::Parts || route.parts.iter().any(|part| part.is_charged))
}

async fn open_store(
    config: Option<&StoreConfig>,
    setting: impl Fn(&str) -> Option<String>,
    records: RecordLog,
) -> Result<OpenStore, OpenError> {
    let config = config.ok_or(SettingError::Missing("REGISTRY_TABLE"))?;
    let timeouts =
        |tables: &store::DynamoDbConfig| Timeouts::within(tables.deadline, 1).unwrap_or_default();
    Ok(config.open(setting, records, timeouts).await?)
}

async fn compositions(
    source: CompositionsSource,
    settings: CompositionSettings,
    inline: Option<ActiveCompositions>,
    store: Option<&Arc<Store>>,
    now: Timestamp,
) -> Result<Arc<Document<ActiveCompositions>>, OpenError> {
    match (source, inline) {
        (CompositionsSource::Inline(_), Some(active)) => Ok(Document::fixed(active)),
        (CompositionsSource::Inline(text), None) => {
            Ok(Document::fixed(settings.read(&text, None)?))
        }
        (CompositionsSource::Table(name), _) => {
            let place = place(DocumentKind::Compositions, name, store)?;
            let read = move |text: &str, previous: Option<&ActiveCompositions>| {
                settings.read(text, previous).map_err(DocumentError::from)
            };
            Ok(Document::load(place, now, read).await?)
        }
    }
}

async fn policy(
    source: PolicySource,
    store: Option<&Arc<Store>>,
    now: Timestamp,
) -> Result<Arc<Document<Policy>>, OpenError> {
    let source = match source {
        PolicySource::Inline { policy, .. } => return Ok(Document::fixed(*policy)),
        PolicySource::Table(source) => source,
    };

    let place = place(DocumentKind::Policy, source.name, store)?;
    let key_header = source.key_header;
    let read = move |text: &str, _: Option<&Policy>| {
        let policy = Policy::parse_stored(text, &key_header, &unread_secret);
        policy.map_err(DocumentError::from)
    };
    Ok(Document::load(place, now, read).await?)
}

fn place(
    kind: DocumentKind,
    name: String,
    store: Option<&Arc<Store>>,
) -> Result<DocumentPlace, SettingError> {
    let store = store.ok_or(SettingError::Missing("REGISTRY_TABLE"))?;
    Ok(DocumentPlace {
        kind,
        name,
        store: Arc::clone(store),
    })
}
