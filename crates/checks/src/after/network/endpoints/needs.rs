//! The services that functions in the VPC call.

use std::collections::BTreeSet;

use crate::stack::Stack;

/// The endpoints that functions in the VPC need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// The functions in the VPC.
    pub(super) functions: Vec<&'static str>,
    /// The services that need an endpoint, by the part of their name after the region.
    pub(super) services: BTreeSet<&'static str>,
    /// True if the subnets reach AWS in another way.
    pub(super) has_egress: bool,
}

impl Needs {
    /// Returns the needs with the parameters of a stack.
    pub(super) fn of(stack: &Stack) -> Self {
        let is_true = |name: &str| stack.parameter(name) == "true";
        let mut needs = Self {
            has_egress: is_true("SubnetsHaveEgress"),
            ..Self::default()
        };

        if is_true("AuthorizerInVpc") {
            needs.add("authorizer", &[]);
        }
        if is_true("LimiterInVpc") {
            needs.add("limiter", &[]);
        }
        if is_true("SyncInVpc") && !stack.parameter("SyncTargets").is_empty() {
            needs.add("alb-sync", &["elasticloadbalancing"]);
        }
        if is_true("MetricsInVpc") && stack.publishes_metrics() {
            needs.add("metrics publisher", &["monitoring"]);
            if is_true("ThresholdEvents") {
                needs.add_service("events");
            }
        }
        needs
    }

    /// Adds a function. All of them call DynamoDB.
    fn add(&mut self, function: &'static str, services: &[&'static str]) {
        self.functions.push(function);
        self.add_service("dynamodb");
        for service in services {
            self.add_service(service);
        }
    }

    fn add_service(&mut self, service: &'static str) {
        if !self.has_egress {
            self.services.insert(service);
        }
    }
}
