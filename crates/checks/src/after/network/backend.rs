//! The listener that a stack sends requests to.

use crate::stack::Stack;
use crate::verdict::Verdict;

/// Returns the ARN of the listener, or `None` if the stack has no VPC link.
pub(super) fn listener_arn(stack: &Stack) -> Option<String> {
    let arn = stack.parameter("AlbListenerArn");
    // A stack without this parameter, such as that of `examples/rest-api.yaml`, always has a link.
    let has_link = stack.parameter("CreateVpcLink") != "false";
    (has_link && !arn.is_empty()).then_some(arn)
}

/// Returns the verdict of a stack that reaches its backend without a load balancer of the VPC.
pub(super) fn no_listener() -> Verdict {
    Verdict::not_applicable("the stack has no VPC link to a load balancer")
}
