//! The queues of the stack.

use serde_json::{Value, json};

use crate::aws::{Call, Service, Unread, text};
use crate::stack::Stack;

/// A queue of the stack.
pub(super) struct Queue<'s> {
    /// The name in the template.
    pub(super) logical: &'s str,
    /// The URL.
    url: &'s str,
}

impl Queue<'_> {
    /// Returns the name.
    pub(super) fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or(self.url)
    }

    /// Returns the attributes. Their values are strings.
    pub(super) async fn attributes(&self, stack: &Stack) -> Result<Value, Unread> {
        let body = json!({"QueueUrl": self.url, "AttributeNames": ["All"]});
        let call = Call::json(Service::Sqs, "GetQueueAttributes", &body);
        let response = stack.account().read(&call).await?;
        Ok(response["Attributes"].clone())
    }
}

/// Returns the queues.
pub(super) fn queues(stack: &Stack) -> Vec<Queue<'_>> {
    let is_queue = |kind: &str| kind == "AWS::SQS::Queue";
    let resources = stack.resources().filter(|(_, it)| is_queue(&it.kind));
    resources
        .map(|(logical, resource)| Queue {
            logical,
            url: &resource.id,
        })
        .collect()
}

/// Returns a JSON document in an attribute, such as a policy. An attribute that is missing is null.
pub(super) fn document(attributes: &Value, name: &str) -> Value {
    serde_json::from_str(text(&attributes[name])).unwrap_or_default()
}
