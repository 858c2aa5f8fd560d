//! Compositions with the services that their parts call.

use aws::HttpCalls;
use composition::{CompositionError, Compositions, ReplacedUrls, Settings};
use http::Uri;
use std::sync::Arc;

use crate::services::Services;

/// Compositions that serve requests.
pub(crate) struct ActiveCompositions {
    pub(crate) compositions: Arc<Compositions>,
    pub(crate) services: Services,
}

/// The settings of the function that compositions are checked against.
pub(crate) struct CompositionSettings {
    pub(crate) prefix: String,
    pub(crate) key_header: String,
    pub(crate) default_url: Option<Uri>,
    pub(crate) replaced: Option<ReplacedUrls>,
    pub(crate) is_deployed: bool,
    pub(crate) calls: HttpCalls,
}

impl CompositionSettings {
    /// Reads a document. Services of the `previous` document that have not changed keep their
    /// circuit breakers and limits. Logs the warnings.
    ///
    /// # Errors
    /// [`CompositionError`], which names the invalid field.
    pub(crate) fn read(
        &self,
        text: &str,
        previous: Option<&ActiveCompositions>,
    ) -> Result<ActiveCompositions, CompositionError> {
        let settings = Settings {
            prefix: &self.prefix,
            key_header: &self.key_header,
            default_url: self.default_url.clone(),
            replaced: self.replaced.clone(),
            is_deployed: self.is_deployed,
        };
        let compositions = Compositions::parse(text, &settings)?;

        for warning in compositions.warnings() {
            tracing::warn!(place = warning.pointer(), "composition warning: {warning}");
        }
        let services = compositions.services();
        Ok(ActiveCompositions {
            services: match previous {
                Some(previous) => previous.services.renewed(services),
                None => Services::new(services, self.calls.clone()),
            },
            compositions: Arc::new(compositions),
        })
    }
}
