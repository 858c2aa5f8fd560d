//! The compositions that the parameters define, as the composer would read them.

use composition::{Compositions, Settings};
use http::Uri;
use policy::stored_policy_name;
use serde_json::Value;

use super::context::Parameters;
use crate::aws::text;

/// The compositions of a deployment.
pub(super) enum ConfiguredCompositions {
    /// The parameters ask for no composer.
    None,
    /// The parameters contain them.
    Inline(Box<InlineCompositions>),
    /// They are in the registry, under this name.
    Stored(String),
    /// They are invalid, with the place and the problem.
    Invalid(String),
    /// The parameters are invalid, so that there are no compositions yet.
    Unknown(String),
}

/// Compositions in the parameters.
pub(super) struct InlineCompositions {
    /// The compositions.
    pub(super) compositions: Compositions,
    /// The place of their text for messages, such as `parameters.yaml:4:1: Compositions`.
    pub(super) place: String,
}

impl ConfiguredCompositions {
    /// Reads the compositions that the template gives to the composer.
    pub(super) fn read(parameters: &Parameters) -> Self {
        let resources = match parameters.resources() {
            Ok(resources) => resources,
            Err(error) => return Self::Unknown(error.problem),
        };
        let Some(composer) = resources.get("ComposerFunction") else {
            return Self::None;
        };

        let variables = &composer["Properties"]["Environment"]["Variables"];
        let Some(setting) = variables["COMPOSITIONS"].as_str() else {
            let problem = "the template does not set COMPOSITIONS of ComposerFunction";
            return Self::Unknown(problem.to_owned());
        };
        match stored_policy_name(setting) {
            Some(name) => Self::Stored(name.to_owned()),
            None => Self::parse(&parameters.place("Compositions"), setting, variables),
        }
    }

    fn parse(place: &str, document: &str, variables: &Value) -> Self {
        let backend = text(&variables["BACKEND_URL"]);
        let default_url: Option<Uri> = match backend.parse() {
            _ if backend.is_empty() => None,
            Ok(url) => Some(url),
            Err(_) => return Self::Unknown("BackendUrl is not a URL".to_owned()),
        };
        let settings = Settings {
            prefix: text(&variables["COMPOSITIONS_PREFIX"]),
            key_header: text(&variables["KEY_HEADER"]),
            default_url,
            replaced: None,
            is_deployed: true,
        };

        match Compositions::parse(document, &settings) {
            Ok(compositions) => Self::Inline(Box::new(InlineCompositions {
                compositions,
                place: place.to_owned(),
            })),
            Err(error) => Self::Invalid(match error.position(document) {
                Some(position) => {
                    let (line, column) = (position.line, position.column);
                    format!("{place}: line {line}, column {column} of the compositions: {error}")
                }
                None => format!("{place}: {error}"),
            }),
        }
    }
}
