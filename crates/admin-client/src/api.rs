//! An API that was found, and how it is called.

use std::sync::Arc;

use aws::{Connections, HttpCalls};
use tokio::sync::OnceCell;

use crate::client_certificate::CertificateError;
use crate::credentials::{AwsCredentials, ProfileChoice};
use crate::environment::process_environment;
use crate::error::ClientError;
use crate::identity;
use crate::network::Network;
use crate::options::TargetOptions;
use crate::region;
use crate::signer::Signer;
use crate::stack;
use crate::target::{BaseUrl, Place};

/// The path of the admin API below the URL of a target.
pub(crate) const API_PATH: &str = "/_tollgate/v1";

/// An API and its connections.
pub(crate) struct Api {
    /// The connections to the API.
    pub(crate) calls: HttpCalls,
    /// The connections to AWS, without a client certificate.
    pub(crate) aws_calls: HttpCalls,
    pub(crate) base: BaseUrl,
    /// The target, for messages.
    pub(crate) target: String,
    /// `None` for a local gateway.
    pub(crate) signer: Option<Signer>,
    /// The resource of the permission to call the API, if it is known.
    administration_arn: Option<String>,
    /// True if the connections have a client certificate.
    pub(crate) has_certificate: bool,
    pub(crate) network: Network,
    /// The ARN of the user or role that signs requests, once it was found out.
    pub(crate) identity: OnceCell<String>,
    options: TargetOptions,
}

impl Api {
    /// Finds the API that the options, or else the environment, select.
    ///
    /// # Errors
    /// [`ClientError`] if a setting is invalid, or a stack cannot be read.
    pub(crate) async fn find(options: &TargetOptions) -> Result<Self, ClientError> {
        let lookup = process_environment;
        let place = Place::select(options, lookup)?;
        let network = Network::from_lookup(lookup)?;

        match place {
            Place::Url(base) => Self::of_url(base, options, network).await,
            Place::Stack(stack) => Self::of_stack(&stack, options, network).await,
        }
    }

    async fn of_url(
        base: BaseUrl,
        options: &TargetOptions,
        network: Network,
    ) -> Result<Self, ClientError> {
        let aws_calls = network.http_calls();
        let is_signed =
            !base.is_loopback() || options.profile.is_some() || options.region.is_some();
        let signer = if is_signed {
            let host = Some(base.host());
            Some(signer(options, host, aws_calls.connections()).await?)
        } else {
            None
        };

        Ok(Self {
            calls: network.http_calls_to(&base, options)?,
            options: options.clone(),
            aws_calls,
            target: base.as_str().to_owned(),
            base,
            signer,
            administration_arn: None,
            has_certificate: options.certificate.is_some(),
            network,
            identity: OnceCell::new(),
        })
    }

    async fn of_stack(
        stack: &str,
        options: &TargetOptions,
        network: Network,
    ) -> Result<Self, ClientError> {
        let aws_calls = network.http_calls();
        let signer = signer(options, None, aws_calls.connections()).await?;
        let outputs = stack::describe(&signer.aws(&aws_calls), stack).await?;
        let base = outputs.base_url(stack, process_environment)?;

        Ok(Self {
            calls: network.http_calls_to(&base, options)?,
            options: options.clone(),
            aws_calls,
            target: format!("stack {stack} ({})", base.as_str()),
            base,
            signer: Some(signer),
            administration_arn: outputs.administration_arn,
            has_certificate: options.certificate.is_some(),
            network,
            identity: OnceCell::new(),
        })
    }

    /// Returns an API whose requests are signed with the credentials `AKIDEXAMPLE`.
    #[cfg(test)]
    pub(crate) fn signing_for(url: &str) -> Self {
        let network = Network::from_lookup(|_| None).unwrap();
        let options = TargetOptions::default();
        let base = BaseUrl::parse("--url", url).unwrap();
        Self {
            calls: network.http_calls_to(&base, &options).unwrap(),
            options,
            aws_calls: network.http_calls(),
            target: base.as_str().to_owned(),
            base,
            signer: Some(Signer {
                credentials: Arc::new(AwsCredentials::fixed()),
                region: "eu-west-1".to_owned(),
            }),
            administration_arn: None,
            has_certificate: false,
            network,
            identity: OnceCell::new(),
        }
    }

    /// Returns the ARN of the user or role that signs requests. `None` if requests are not signed, or if
    /// it cannot be found out.
    pub(crate) async fn identity(&self) -> Option<&str> {
        let signer = self.signer.as_ref()?;
        let find = async || {
            let aws = signer.aws(&self.aws_calls);
            identity::caller(&aws, self.base.is_loopback())
                .await
                .ok_or(())
        };
        let found = self.identity.get_or_try_init(find).await;
        found.ok().map(String::as_str)
    }

    /// Returns connections for requests without a body, which send the names of headers in upper case.
    ///
    /// # Errors
    /// [`CertificateError`] if the certificate of the options cannot be used.
    pub(crate) fn upper_case_calls(&self) -> Result<HttpCalls, CertificateError> {
        self.network.upper_case_calls_to(&self.base, &self.options)
    }

    /// Returns the resource of the permission to call the API: that of the stack, or one that is
    /// derived from the host name.
    pub(crate) fn resource(&self) -> String {
        if let Some(arn) = &self.administration_arn {
            return arn.clone();
        }

        let host = self.base.host();
        match region::of_host(host).zip(host.split_once('.')) {
            Some((region, (api, _))) => {
                let partition = region::partition(region);
                format!("arn:{partition}:execute-api:{region}:*:{api}/*/*{API_PATH}/*")
            }
            None => {
                let region = self.signer.as_ref().map_or("*", |signer| &signer.region);
                let partition = region::partition(region);
                format!("arn:{partition}:execute-api:{region}:*:*/*/*{API_PATH}/*")
            }
        }
    }
}

/// Returns what signs requests to a host, or to a stack.
async fn signer(
    options: &TargetOptions,
    host: Option<&str>,
    connections: &Connections,
) -> Result<Signer, ClientError> {
    let lookup = process_environment;
    let profile = ProfileChoice::select(options.profile.as_deref(), lookup);
    let region = region::select(options.region.as_deref(), host, &profile, lookup).await?;
    let credentials = AwsCredentials::new(profile, &region, connections).await;
    Ok(Signer {
        credentials: Arc::new(credentials),
        region,
    })
}
