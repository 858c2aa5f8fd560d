//! Documents that are replaced by a newer version while requests are served.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use composition::CompositionError;
use jiff::Timestamp;
use policy::PolicyTextError;
use registry::{RegistryError, ReloadSchedule, ReloadStep};
use store::Store;

/// Reads a document from its text. The second argument is the value that it replaces.
type Parse<T> = Box<dyn Fn(&str, Option<&T>) -> Result<T, DocumentError> + Send + Sync>;

/// The kind of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DocumentKind {
    Policy,
    Compositions,
}

/// The place of a document in the registry.
pub(crate) struct DocumentPlace {
    pub(crate) kind: DocumentKind,
    pub(crate) name: String,
    pub(crate) store: Arc<Store>,
}

/// A document that is in force.
pub(crate) struct Document<T> {
    current: RwLock<Arc<T>>,
    /// `None` for a document in the settings, which never changes.
    source: Option<Source<T>>,
}

struct Source<T> {
    place: DocumentPlace,
    parse: Parse<T>,
    schedule: ReloadSchedule,
    texts: Mutex<Texts>,
}

#[derive(Default)]
struct Texts {
    /// The text of the value in force.
    active: String,
    /// The text that was refused last, whose mistake is already in the log.
    refused: Option<String>,
}

/// The reason why a document cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The registry has no document with this name.
    #[error("{variable}: the registry has no document `{name}`")]
    Missing {
        /// The variable that names the document.
        variable: &'static str,
        /// The name.
        name: String,
    },
    /// The compositions are invalid.
    #[error("COMPOSITIONS: {0}")]
    Compositions(#[from] CompositionError),
    /// The policy is invalid.
    #[error("AUTH_POLICY: {0}")]
    Policy(#[from] PolicyTextError),
    /// The registry cannot be read.
    #[error("{variable}: {error}")]
    Registry {
        /// The variable that names the document.
        variable: &'static str,
        /// The problem.
        #[source]
        error: RegistryError,
    },
}

impl DocumentKind {
    const fn variable(self) -> &'static str {
        match self {
            Self::Policy => "AUTH_POLICY",
            Self::Compositions => "COMPOSITIONS",
        }
    }
}

impl DocumentPlace {
    async fn read(&self) -> Result<String, DocumentError> {
        let (store, deadline) = (&self.store, self.store.deadline());
        let text = match self.kind {
            DocumentKind::Policy => store.policy(&self.name, deadline).await,
            DocumentKind::Compositions => store.composition(&self.name, deadline).await,
        };

        let variable = self.kind.variable();
        let text = text.map_err(|error| DocumentError::Registry { variable, error })?;
        text.ok_or_else(|| DocumentError::Missing {
            variable,
            name: self.name.clone(),
        })
    }
}

impl<T: Send + Sync + 'static> Document<T> {
    /// Returns a document of the settings.
    pub(crate) fn fixed(value: T) -> Arc<Self> {
        Arc::new(Self {
            current: RwLock::new(Arc::new(value)),
            source: None,
        })
    }

    /// Loads a document of the registry.
    ///
    /// # Errors
    /// [`DocumentError`] if it does not exist, cannot be read, or is invalid.
    pub(crate) async fn load(
        place: DocumentPlace,
        now: Timestamp,
        parse: impl Fn(&str, Option<&T>) -> Result<T, DocumentError> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, DocumentError> {
        let schedule = ReloadSchedule::default();
        let text = place.read().await?;
        let value = parse(&text, None)?;
        schedule.finish(now);

        Ok(Arc::new(Self {
            current: RwLock::new(Arc::new(value)),
            source: Some(Source {
                place,
                parse: Box::new(parse),
                schedule,
                texts: Mutex::new(Texts {
                    active: text,
                    refused: None,
                }),
            }),
        }))
    }

    /// Returns the value for requests at `now`, after a reload if it is very old.
    pub(crate) async fn at(self: &Arc<Self>, now: Timestamp) -> Arc<T> {
        if let Some(source) = &self.source {
            match source.schedule.step(now) {
                ReloadStep::Use => {}
                ReloadStep::ReloadInBackground => {
                    let document = Arc::clone(self);
                    tokio::spawn(async move { document.reload(now).await });
                }
                ReloadStep::Wait => Box::pin(self.reload(now)).await,
            }
        }
        self.current()
    }

    /// Returns the value in force, whatever its age.
    pub(crate) fn current(&self) -> Arc<T> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Reloads the document, unless another request did so meanwhile. After a failure the present
    /// value stays in force.
    async fn reload(&self, now: Timestamp) {
        let Some(source) = &self.source else { return };
        let _turn = source.schedule.turn().await;
        if source.schedule.step(now) == ReloadStep::Use {
            return;
        }

        source.schedule.begin(now);
        let variable = source.place.kind.variable();
        match source.place.read().await {
            Ok(text) => {
                self.replace(source, text);
                source.schedule.finish(now);
            }
            Err(problem) => {
                tracing::warn!(
                    variable,
                    %problem,
                    "a document could not be reloaded; the previous one stays active"
                );
            }
        }
    }

    /// Makes a new text the value in force, if it is valid. A mistake is logged once.
    fn replace(&self, source: &Source<T>, text: String) {
        let mut texts = source.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.active == text {
            texts.refused = None;
            return;
        }
        if texts.refused.as_ref() == Some(&text) {
            return;
        }

        let variable = source.place.kind.variable();
        match (source.parse)(&text, Some(&*self.current())) {
            Ok(value) => {
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = Arc::new(value);
                *texts = Texts {
                    active: text,
                    refused: None,
                };
                tracing::info!(variable, "a changed document is active");
            }
            Err(problem) => {
                tracing::warn!(
                    variable,
                    %problem,
                    "a changed document is invalid; the previous one stays active"
                );
                texts.refused = Some(text);
            }
        }
    }
}
