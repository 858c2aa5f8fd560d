//! An integration: the target of a route's requests, and the mapping of requests and responses.

use std::collections::HashMap;
use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::{Exchange, Mapping, RequestParts};
use sam_template::{Fields, Kind, Node, TemplateError};

/// The default timeout of an integration, which is also the longest.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// An HTTP proxy integration or a function.
#[derive(Debug)]
pub struct Integration {
    /// The package of the function. `None` for an HTTP integration.
    pub function: Option<String>,
    /// The load balancer's listener, if the integration uses a VPC link.
    pub listener: Option<String>,
    /// The timeout.
    pub timeout: Duration,
    uri: String,
    request: Vec<Mapping>,
    response: HashMap<u16, Vec<Mapping>>,
}

impl Integration {
    /// Reads an integration. `function` returns the package of the function that a URI invokes.
    pub(super) fn read(
        mut fields: Fields,
        function: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, TemplateError> {
        let (kind, position) = fields.require_text("IntegrationType")?;
        match kind.as_str() {
            "HTTP_PROXY" => Self::read_http(fields),
            "AWS_PROXY" => Self::read_function(fields, function),
            other => Err(TemplateError::at(
                position,
                format!("`{other}` is neither HTTP_PROXY nor AWS_PROXY"),
            )),
        }
    }

    fn read_function(
        mut fields: Fields,
        function: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, TemplateError> {
        fields.expect("IntegrationMethod", "POST")?;
        fields.expect("PayloadFormatVersion", "2.0")?;
        let (uri, position) = fields.require_text("IntegrationUri")?;
        let function = function(&uri).ok_or_else(|| {
            TemplateError::at(
                position,
                "`IntegrationUri` names no function of this template",
            )
        })?;

        let response = fields
            .take("ResponseParameters")
            .map_or_else(|| Ok(HashMap::new()), response_mappings)?;
        let timeout = timeout(&mut fields)?;
        fields.ignore(&["Description"]);
        fields.finish()?;

        Ok(Self {
            function: Some(function),
            listener: None,
            timeout,
            uri,
            request: Vec::new(),
            response,
        })
    }

    fn read_http(mut fields: Fields) -> Result<Self, TemplateError> {
        fields.expect("IntegrationMethod", "ANY")?;
        fields.expect("PayloadFormatVersion", "1.0")?;
        let (connection, position) = fields.require_text("ConnectionType")?;
        let (uri, _) = fields.require_text("IntegrationUri")?;
        let listener = match connection.as_str() {
            "VPC_LINK" => {
                fields.require_text("ConnectionId")?;
                Some(uri.clone())
            }
            "INTERNET" => None,
            other => {
                return Err(TemplateError::at(
                    position,
                    format!("`{other}` is neither VPC_LINK nor INTERNET"),
                ));
            }
        };

        let request = fields
            .take("RequestParameters")
            .map_or_else(|| Ok(Vec::new()), request_mappings)?;
        let response = fields
            .take("ResponseParameters")
            .map_or_else(|| Ok(HashMap::new()), response_mappings)?;
        let timeout = timeout(&mut fields)?;
        // The local gateway connects to its backend without TLS.
        fields.ignore(&["Description", "TlsConfig"]);
        fields.finish()?;

        Ok(Self {
            function: None,
            listener,
            timeout,
            uri,
            request,
            response,
        })
    }

    /// Returns the `IntegrationUri`.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// True if a header of the client never reaches a backend.
    #[must_use]
    pub fn removes(&self, header: &str) -> bool {
        self.function.is_some() || self.request.iter().any(|mapping| mapping.removes(header))
    }

    /// Returns the request for the integration, mapped.
    #[must_use]
    pub fn change_request(&self, original: &RequestParts, exchange: &Exchange) -> RequestParts {
        let mut request = original.clone();
        for mapping in &self.request {
            mapping.change_request(&mut request, original, exchange);
        }
        request
    }

    /// Applies the response mappings for the status.
    pub fn change_response(
        &self,
        status: &mut StatusCode,
        headers: &mut HeaderMap,
        original: &RequestParts,
        exchange: &Exchange,
    ) {
        for mapping in self.response.get(&status.as_u16()).into_iter().flatten() {
            mapping.change_response(status, headers, original, exchange);
        }
    }
}

fn timeout(fields: &mut Fields) -> Result<Duration, TemplateError> {
    let milliseconds =
        fields.number_if("TimeoutInMillis", |value| (50..=30_000).contains(value))?;
    Ok(milliseconds.map_or(DEFAULT_TIMEOUT, Duration::from_millis))
}

fn request_mappings(node: Node) -> Result<Vec<Mapping>, TemplateError> {
    let mut mappings = Vec::new();
    for (destination, position, source) in Fields::of(node, "RequestParameters")?.rest() {
        let (source, _) = source.into_text(&destination)?;
        mappings.push(
            Mapping::for_request(&destination, &source)
                .map_err(|problem| TemplateError::at(position, problem))?,
        );
    }
    Ok(mappings)
}

fn response_mappings(node: Node) -> Result<HashMap<u16, Vec<Mapping>>, TemplateError> {
    let mut by_status = HashMap::new();
    for (status, position, node) in Fields::of(node, "ResponseParameters")?.rest() {
        let code = status.parse().ok().filter(|code| (200..600).contains(code));
        let code = code.ok_or_else(|| {
            TemplateError::at(
                position,
                format!("`{status}` is not a status from 200 to 599"),
            )
        })?;

        let mut fields = Fields::of(node, "a status of ResponseParameters")?;
        let list = fields
            .require("ResponseParameters")?
            .into_list("ResponseParameters")?;
        fields.finish()?;
        by_status.insert(
            code,
            list.into_iter()
                .map(response_mapping)
                .collect::<Result<_, _>>()?,
        );
    }
    Ok(by_status)
}

fn response_mapping(node: Node) -> Result<Mapping, TemplateError> {
    let position = node.position;
    if !matches!(node.kind, Kind::Map(_)) {
        return Err(TemplateError::at(
            position,
            "a response parameter must be a map of `Destination` and `Source`",
        ));
    }

    let mut fields = Fields::of(node, "a response parameter")?;
    let (destination, position) = fields.require_text("Destination")?;
    let (source, _) = fields.require_text("Source")?;
    fields.finish()?;
    Mapping::for_response(&destination, &source)
        .map_err(|problem| TemplateError::at(position, problem))
}
