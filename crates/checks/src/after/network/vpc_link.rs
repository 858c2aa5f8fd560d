//! The state of the VPC link.

use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::link;

const CHECK: Check = Check {
    id: "vpc-link-available",
    group: Group::Network,
    title: "The VPC link is available",
    explanation: "API Gateway deletes the network interfaces of a VPC link that had no traffic for \
                  60 days. The link is then `INACTIVE`, and requests fail until it is available \
                  again, which takes some minutes.",
    fix: "Wait until a new link is available. An inactive link becomes available with the next \
          requests. If the status is `FAILED`, delete the link and deploy again.",
    permissions: &["apigateway:GET"],
    evidence: Some("Gradual deployments, a custom domain with client certificates, VPC links"),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let Some(id) = link::id(stack) else {
        return Ok(Verdict::not_applicable("the stack has no VPC link"));
    };
    let found = link::read(stack.account(), &id).await?;

    let status = text(&found["vpcLinkStatus"]);
    let detail = format!("VPC link {id} is {status}");
    Ok(match status {
        "AVAILABLE" => Verdict::ok(detail),
        _ => Verdict::failed(detail),
    })
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    #[tokio::test]
    async fn available_link_passes() {
        let stack = Recorded::healthy().stack().await;
        assert_eq!(check(&stack).await.unwrap().status, Status::Ok);
    }

    #[tokio::test]
    async fn inactive_link_fails() {
        let recorded = Recorded::healthy().with("apigateway.GET@vpclinks.json", |text| {
            text.replace("AVAILABLE", "INACTIVE")
        });
        let verdict = check(&recorded.stack().await).await.unwrap();
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(verdict.details, ["VPC link vl1abc is INACTIVE"]);
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let recorded = Recorded::healthy().denied("apigateway.GET@vpclinks.json");
        let verdict: Verdict = check(&recorded.stack().await).await.unwrap_err().into();
        assert_eq!(verdict, Verdict::not_checked("needs apigateway:GET"));
    }
}
