//! The console of the local gateway: its data is in the memory of the gateway's process.

mod activity;
mod breakers;
mod figures;
mod gateway;
mod log_layer;
mod refused;
mod slot;

pub use gateway::Local;

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use ::gateway::api::Exchange;

    /// Returns a request that a backend responded to.
    pub(crate) fn exchange(status: u16) -> Exchange {
        let mut exchange = Exchange::begin("r-1".to_owned(), [192, 0, 2, 1].into());
        exchange.method = "GET".to_owned();
        exchange.path = "/orders".to_owned();
        exchange.route_key = Some("ANY /{proxy+}".to_owned());
        exchange.status = Some(status);
        exchange.response_latency = Some(Duration::from_millis(3));
        exchange
    }

    /// Returns a request that API Gateway itself responded to.
    pub(crate) fn refused(request_id: &str, status: u16) -> Exchange {
        let mut exchange = exchange(status);
        exchange.request_id = request_id.to_owned();
        exchange.error = Some("an error");
        exchange
    }
}
