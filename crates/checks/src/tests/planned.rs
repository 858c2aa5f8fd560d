//! Planned deployments for tests: the parameters of the recorded stack.

use serde_json::{Map, Value};

use super::recorded::Recorded;
use crate::before::Parameters;

const TEMPLATE: &str = include_str!("../../../../template.yaml");
const ENDPOINTS: &str = include_str!("../../../../stacks/endpoints.yaml");

impl Recorded {
    /// Returns the deployment of a new stack with the parameters of the recorded one.
    pub(crate) async fn deployment(self) -> Parameters {
        let stack = self.clone().stack().await;
        let defaults = Parameters::of_json("{}", TEMPLATE);
        let values: Map<String, Value> = defaults
            .declarations()
            .iter()
            .map(|it| (it.name.clone(), stack.parameter(&it.name).into()))
            .collect();
        let values = Value::from(values).to_string();
        Parameters::of_json(&values, TEMPLATE).with_account(self.account())
    }

    /// Returns the deployment as an update of the recorded stack.
    pub(crate) async fn update(self) -> Parameters {
        let stack = self.clone().stack().await;
        self.deployment().await.updating(stack)
    }

    /// Returns a deployment of the VPC endpoints with these parameters, in JSON.
    pub(crate) fn endpoints(self, values: &Value) -> Parameters {
        Parameters::of_json(&values.to_string(), ENDPOINTS).with_account(self.account())
    }
}
