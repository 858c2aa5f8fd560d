//! Usage plans and API keys, as API Gateway describes them.
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/api/API_UsagePlan.html>, and the pages of
//! `ApiKey` and `UsagePlanKey`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A usage plan.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsagePlan {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) api_stages: Option<Vec<ApiStage>>,
    pub(super) throttle: Option<Throttle>,
    pub(super) quota: Option<Quota>,
    pub(super) product_code: Option<String>,
    pub(super) tags: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    pub(super) unknown: Map<String, Value>,
}

/// A stage whose methods the keys of a usage plan may call.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiStage {
    pub(super) api_id: Option<String>,
    pub(super) stage: Option<String>,
    /// Limits of single methods, by names such as `/pets/GET`.
    pub(super) throttle: Option<BTreeMap<String, Throttle>>,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Throttle {
    /// Tokens per second.
    pub(super) rate_limit: Option<f64>,
    pub(super) burst_limit: Option<f64>,
}

/// A quota.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Quota {
    pub(super) limit: Option<i64>,
    pub(super) offset: Option<i64>,
    pub(super) period: Option<String>,
}

/// An API key. It has no `Debug`, because the value is a secret.
#[derive(Clone, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiKey {
    pub(super) id: String,
    pub(super) value: Option<String>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) enabled: Option<bool>,
    pub(super) customer_id: Option<String>,
    pub(super) created_date: Option<Value>,
    #[serde(rename = "lastUpdatedDate")]
    _last_updated_date: Option<Value>,
    pub(super) stage_keys: Option<Vec<String>>,
    pub(super) tags: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    pub(super) unknown: Map<String, Value>,
}

/// An API key in a usage plan. It has no `Debug`, because the value is a secret.
#[derive(Clone, Deserialize)]
pub(super) struct UsagePlanKey {
    pub(super) id: String,
    pub(super) value: Option<String>,
    pub(super) name: Option<String>,
}

impl UsagePlanKey {
    /// Returns the key as far as a usage plan describes it: not whether it is enabled.
    pub(super) fn api_key(&self) -> ApiKey {
        ApiKey {
            id: self.id.clone(),
            value: self.value.clone(),
            name: self.name.clone(),
            description: None,
            enabled: None,
            customer_id: None,
            created_date: None,
            _last_updated_date: None,
            stage_keys: None,
            tags: None,
            unknown: Map::new(),
        }
    }
}

impl ApiStage {
    /// Returns the name of the stage, such as `a1b2c3d4e5/prod`.
    pub(super) fn name(&self) -> String {
        let part = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
        format!("{}/{}", part(&self.api_id), part(&self.stage))
    }
}
