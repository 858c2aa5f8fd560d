//! A deployed stack: its parameters, outputs and resources, and what its template asks for.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use sam_template::{Node, ParameterValues, Template};
use serde_json::{Map, Value};

use crate::aws::{Account, Call, Service, Unread, array, text};
use crate::unknown_parameter;

/// The resource that every stack of Tollgate has.
const AUTHORIZER: &str = "AuthorizerFunction";

/// A deployed stack.
#[derive(Clone)]
pub struct Stack {
    account: Account,
    now: Timestamp,
    name: String,
    status: String,
    parameters: BTreeMap<String, String>,
    outputs: BTreeMap<String, String>,
    resources: BTreeMap<String, Resource>,
    template_text: Result<Arc<str>, Unread>,
    template: Result<Value, Unread>,
    stack_id: String,
    api: Option<String>,
}

/// A resource of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    /// The physical ID, such as the ID of a VPC link.
    pub(crate) id: String,
    /// The type, such as `AWS::ApiGatewayV2::VpcLink`.
    pub(crate) kind: String,
    /// The status, such as `UPDATE_COMPLETE`.
    pub(crate) status: String,
    /// The instant of the last change by CloudFormation.
    pub(crate) updated: Option<Timestamp>,
}

impl Stack {
    /// Reads a stack: its description, its resources and its template. `name` is its name or its
    /// ARN.
    ///
    /// # Errors
    /// [`Unread`] if the description or the resources cannot be read. A template that cannot be
    /// read is reported by the checks that compare with it instead.
    pub async fn read(account: Account, name: &str) -> Result<Self, Unread> {
        let describe = Call::query(
            Service::CloudFormation,
            "DescribeStacks",
            &[("StackName", name)],
        );
        let list = Call::query(
            Service::CloudFormation,
            "ListStackResources",
            &[("StackName", name)],
        );
        let described = account.read(&describe).await?;
        let stack = &described["DescribeStacksResult"]["Stacks"][0];
        let resources = account
            .read_all(&list, "/ListStackResourcesResult/StackResourceSummaries")
            .await?;

        let mut found = Self {
            account,
            now: Timestamp::now(),
            name: text(&stack["StackName"]).to_owned(),
            status: text(&stack["StackStatus"]).to_owned(),
            parameters: pairs(&stack["Parameters"], "ParameterKey", "ParameterValue"),
            outputs: pairs(&stack["Outputs"], "OutputKey", "OutputValue"),
            resources: resources.iter().filter_map(resource).collect(),
            template_text: Ok(Arc::from("")),
            template: Ok(Value::Null),
            stack_id: text(&stack["StackId"]).to_owned(),
            api: None,
        };
        found.template_text = found.read_template(name).await;
        found.template = found.evaluated();
        Ok(found)
    }

    /// Returns the stack with the ID of an API that uses its authorizer. The parameter `HttpApiId`
    /// of the stack is `none`, or the API is a second one.
    #[must_use]
    pub fn with_api(mut self, id: &str) -> Self {
        self.api = Some(id.to_owned());
        self
    }

    /// Returns the ID that [`Self::with_api`] set.
    pub(crate) fn named_api(&self) -> Option<&str> {
        self.api.as_deref()
    }

    /// Returns the stack as its template describes it with other parameters. Outputs and resources
    /// stay those of the deployed stack.
    pub(crate) fn with_parameters(&self, changes: &[(&str, &str)]) -> Self {
        let mut changed = self.clone();
        for (name, value) in changes {
            let value = (*value).to_owned();
            changed.parameters.insert((*name).to_owned(), value);
        }
        changed.template = changed.evaluated();
        changed
    }

    /// Returns the stack as it is checked at an instant. [`Self::read`] sets the current time.
    #[must_use]
    pub const fn at(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    /// Returns the instant of the check, from which ages and periods are calculated.
    pub(crate) const fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the account that the stack is in.
    pub(crate) const fn account(&self) -> &Account {
        &self.account
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the ARN of a resource in the account and region of the stack. `resource` is the end
    /// of the ARN, such as `function:NAME`.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        let (partition, account) = (self.partition(), self.account_id());
        let region = self.account.region();
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// Reads the stack of a resource of the type `AWS::CloudFormation::Stack`. Returns `None` if
    /// the stack has no such resource.
    ///
    /// # Errors
    /// [`Unread`] as for [`Self::read`].
    pub(crate) async fn nested(&self, name: &str) -> Result<Option<Self>, Unread> {
        let Some(resource) = self.resource(name) else {
            return Ok(None);
        };
        let stack = Self::read(self.account.clone(), &resource.id).await?;
        Ok(Some(stack.at(self.now)))
    }

    /// True if the stack has Tollgate's authorizer, or its template asks for it.
    #[must_use]
    pub fn is_of_tollgate(&self) -> bool {
        let expected = self.expected(AUTHORIZER);
        self.resource(AUTHORIZER).is_some() || matches!(expected, Ok(Some(_)))
    }

    /// Returns the status, such as `UPDATE_COMPLETE`.
    pub(crate) fn status(&self) -> &str {
        &self.status
    }

    /// True if the stack publishes metrics of its own.
    pub(crate) fn publishes_metrics(&self) -> bool {
        matches!(self.parameter("PublishMetrics").as_str(), "true" | "once")
    }

    /// Returns the value of a parameter: that of the stack, or else the default of its template. A
    /// value that CloudFormation hides is `****`. An unknown parameter is empty.
    pub(crate) fn parameter(&self, name: &str) -> String {
        if let Some(value) = self.parameters.get(name) {
            return value.clone();
        }
        let template = match &self.template {
            Ok(template) => template,
            Err(reason) => {
                unknown_parameter::remember(reason);
                return String::new();
            }
        };
        match &template["Parameters"][name] {
            Value::String(value) => value.clone(),
            Value::Null => String::new(),
            Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
            value => value.to_string(),
        }
    }

    /// Returns an output.
    pub(crate) fn output(&self, name: &str) -> Option<&str> {
        self.outputs.get(name).map(String::as_str)
    }

    /// Returns a resource by its name in the template.
    pub(crate) fn resource(&self, name: &str) -> Option<&Resource> {
        self.resources.get(name)
    }

    /// Returns the resources by their names in the template.
    pub(crate) fn resources(&self) -> impl Iterator<Item = (&str, &Resource)> {
        self.resources
            .iter()
            .map(|(name, resource)| (name.as_str(), resource))
    }

    /// Returns the properties that the template asks for, or `None` if the resource does not exist
    /// with these parameters. References to resources are their physical IDs. What only
    /// CloudFormation knows stays an object such as `{"Fn::GetAtt": […]}`.
    ///
    /// # Errors
    /// [`Unread`] if the template could not be read or evaluated.
    pub(crate) fn expected(&self, name: &str) -> Result<Option<Value>, Unread> {
        let template = self.template.as_ref().map_err(Clone::clone)?;
        let resource = template["Resources"].get(name);
        Ok(resource.map(|resource| self.resolved(&resource["Properties"])))
    }

    /// Returns the names of the resources of a type that the template asks for.
    ///
    /// # Errors
    /// [`Unread`] if the template could not be read or evaluated.
    pub(crate) fn expected_of_kind(&self, kind: &str) -> Result<Vec<String>, Unread> {
        let template = self.template.as_ref().map_err(Clone::clone)?;
        let resources = template["Resources"].as_object().into_iter().flatten();
        Ok(resources
            .filter(|(_, resource)| resource["Type"] == kind)
            .map(|(name, _)| name.clone())
            .collect())
    }

    /// Returns the names of the outputs that the template asks for.
    ///
    /// # Errors
    /// [`Unread`] if the template could not be read or evaluated.
    pub(crate) fn expected_outputs(&self) -> Result<Vec<String>, Unread> {
        let template = self.template.as_ref().map_err(Clone::clone)?;
        let outputs = template["Outputs"].as_object().into_iter().flatten();
        Ok(outputs.map(|(name, _)| name.clone()).collect())
    }

    async fn read_template(&self, name: &str) -> Result<Arc<str>, Unread> {
        let fields = [("StackName", name), ("TemplateStage", "Original")];
        let call = Call::query(Service::CloudFormation, "GetTemplate", &fields);
        let response = self.account.read(&call).await?;
        Ok(text(&response["GetTemplateResult"]["TemplateBody"]).into())
    }

    /// Returns the template with the parameters of the stack.
    fn evaluated(&self) -> Result<Value, Unread> {
        let body = self.template_text.as_ref().map_err(Clone::clone)?;
        let invalid = |error| Unread::Failed(format!("the template of the stack: {error}"));
        let mut given = self.pseudo_parameters();
        given.extend(self.parameters.clone());
        let node = Node::parse(body).map_err(invalid)?;
        let template = Template::unresolved(node, &given).map_err(invalid)?;
        template.to_json().map_err(invalid)
    }

    /// Returns the partition, such as `aws`. The ID of a stack is
    /// `arn:PARTITION:cloudformation:REGION:ACCOUNT:stack/NAME/ID`.
    pub(crate) fn partition(&self) -> &str {
        self.stack_id.split(':').nth(1).unwrap_or_default()
    }

    /// Returns the ID of the account.
    pub(crate) fn account_id(&self) -> &str {
        self.stack_id.split(':').nth(4).unwrap_or_default()
    }

    /// Returns the pseudo parameters.
    fn pseudo_parameters(&self) -> ParameterValues {
        let suffix = match self.partition() {
            "aws-cn" => "amazonaws.com.cn",
            _ => "amazonaws.com",
        };
        [
            ("AWS::StackId", self.stack_id.as_str()),
            ("AWS::StackName", &self.name),
            ("AWS::Partition", self.partition()),
            ("AWS::Region", self.account.region()),
            ("AWS::AccountId", self.account_id()),
            ("AWS::URLSuffix", suffix),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }

    fn resolved(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.resolved(item)).collect(),
            Value::Object(fields) => self.reference(fields).unwrap_or_else(|| {
                let resolved =
                    |(name, value): (&String, &Value)| (name.clone(), self.resolved(value));
                fields.iter().map(resolved).collect()
            }),
            other => other.clone(),
        }
    }

    /// Returns the value of `{"Ref": NAME}` or `{"Fn::Sub": TEXT}`, if all names are resources.
    fn reference(&self, fields: &Map<String, Value>) -> Option<Value> {
        if fields.len() != 1 {
            return None;
        }
        if let Some(name) = fields.get("Ref") {
            return Some(self.resource(name.as_str()?)?.id.clone().into());
        }

        let mut rest = fields.get("Fn::Sub")?.as_str()?;
        let mut substituted = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}')?;
            substituted.push_str(before);
            substituted.push_str(&self.resource(name)?.id);
            rest = after;
        }
        substituted.push_str(rest);
        Some(substituted.into())
    }
}

fn pairs(list: &Value, key: &str, value: &str) -> BTreeMap<String, String> {
    array(list)
        .iter()
        .map(|pair| (text(&pair[key]).to_owned(), text(&pair[value]).to_owned()))
        .collect()
}

fn resource(summary: &Value) -> Option<(String, Resource)> {
    let field = |name: &str| summary[name].as_str().map(str::to_owned);
    let status = field("ResourceStatus").unwrap_or_default();
    if status == "DELETE_COMPLETE" {
        return None;
    }
    let resource = Resource {
        id: field("PhysicalResourceId").unwrap_or_default(),
        kind: field("ResourceType").unwrap_or_default(),
        status,
        updated: text(&summary["LastUpdatedTimestamp"]).parse().ok(),
    };
    Some((field("LogicalResourceId")?, resource))
}
