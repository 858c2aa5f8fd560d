//! The services that parts call, each with circuit breakers and limits of its own.

use std::sync::Arc;

use aws::HttpCalls;
use composition::{Missing, Part};
use tokio::time::Instant;

use crate::destination::{Admission, Destination};
use crate::part_call::{PartBody, PartCall, PartReply};
use crate::part_response::part_body;
use crate::service::Service;

/// The services of the compositions. Clones share connections, breakers and limits.
#[derive(Clone, Debug)]
pub(crate) struct Services {
    calls: HttpCalls,
    services: Arc<[Arc<Service>]>,
}

impl Services {
    /// Returns the services of a document, which are called with `calls`.
    pub(crate) fn new(services: &[composition::Service], calls: HttpCalls) -> Self {
        prepare_tls(services, &calls);

        let services = services.iter().map(Service::new).map(Arc::new);
        Self {
            services: services.collect(),
            calls,
        }
    }

    /// Returns the services of a new version of the document. A service that has not changed keeps
    /// its breakers and limits.
    pub(crate) fn renewed(&self, services: &[composition::Service]) -> Self {
        prepare_tls(services, &self.calls);

        let renewed = services.iter().map(|service| {
            let unchanged = self.services.iter().find(|known| known.is(service));
            unchanged.map_or_else(|| Arc::new(Service::new(service)), Arc::clone)
        });
        Self {
            services: renewed.collect(),
            calls: self.calls.clone(),
        }
    }

    /// Returns the destination of a part, which admits its call.
    ///
    /// # Errors
    /// `Unreachable` if the document has no such service.
    pub(crate) fn destination(&self, part: &Part) -> Result<Arc<Destination>, Missing> {
        let service = self.services.get(part.service);
        let service = service.ok_or(Missing::Unreachable)?;
        Ok(service.destination(part))
    }

    /// True if the service of a part receives the secret that proves the origin of calls.
    pub(crate) fn has_proof_of_origin(&self, part: &Part) -> bool {
        let service = self.services.get(part.service);
        service.is_some_and(|service| service.has_proof_of_origin())
    }

    /// Calls a service for a part, whose destination has admitted the call.
    ///
    /// The timeout of the part covers the wait for the admission, all attempts, and the pauses
    /// between them. The future ends then, or at the deadline if that is earlier. If it is dropped,
    /// the breaker does not count the call.
    pub(crate) async fn call_admitted(
        &self,
        call: PartCall<'_>,
        admission: Admission<'_>,
    ) -> PartReply {
        let began = Instant::now();
        let mut attempts = 0;
        let outcome = self.outcome(call, admission, &mut attempts).await;

        PartReply {
            outcome,
            attempts,
            duration: began.elapsed(),
        }
    }

    /// Calls a service for a part as soon as its destination admits the call.
    #[cfg(test)]
    pub(crate) async fn call(&self, call: PartCall<'_>) -> PartReply {
        let began = Instant::now();
        let reply = async {
            let destination = self.destination(call.part)?;
            let admission = destination.admit(call.part, call.deadline).await?;
            Ok(self.call_admitted(call, admission).await)
        };

        let reply = reply.await.unwrap_or_else(|missing| PartReply {
            outcome: Err(missing),
            attempts: 0,
            duration: std::time::Duration::ZERO,
        });
        PartReply {
            duration: began.elapsed(),
            ..reply
        }
    }

    async fn outcome(
        &self,
        call: PartCall<'_>,
        admission: Admission<'_>,
        attempts: &mut u32,
    ) -> Result<PartBody, Missing> {
        let Some(service) = self.services.get(call.service) else {
            return Err(Missing::Unreachable);
        };
        let (now, timeout) = (Instant::now().into_std(), call.part.timeout);
        let deadline = call.deadline.at_most(now, admission.remaining(timeout));
        let call = service.http_call(call).ok_or(Missing::InvalidValue)?;

        let permit = admission.begin();
        let (response, made) = self.calls.send_counted(call, deadline).await;
        permit.settle(&response, timeout);

        *attempts = made;
        let response = response.map_err(|error| service.missing(&error))?;
        part_body(response)
    }
}

/// Reads the root certificates at startup if a service needs them.
fn prepare_tls(services: &[composition::Service], calls: &HttpCalls) {
    let is_https = |service: &composition::Service| service.url.scheme_str() == Some("https");
    if services.iter().any(is_https) {
        calls.connections().prepare_tls();
    }
}

#[cfg(test)]
mod tests;
