//! The subnets and the security groups of the VPC link.

use std::collections::BTreeSet;

use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::link::{self, texts};

const SUBNETS: Check = Check {
    id: "vpc-link-subnets",
    group: Group::Network,
    title: "The VPC link has the subnets in PrivateSubnetIds",
    explanation: "API Gateway sends requests from the subnets of the VPC link. A link in one zone \
                  only fails together with that zone. The subnets of a link cannot be changed.",
    fix: "Deploy the stack with the subnets in `PrivateSubnetIds`. CloudFormation then creates \
          another link.",
    permissions: &["apigateway:GET"],
    evidence: Some("Gradual deployments, a custom domain with client certificates, VPC links"),
};

const GROUPS: Check = Check {
    id: "vpc-link-groups",
    group: Group::Network,
    title: "The VPC link has only the security group of the stack",
    explanation: "The load balancer admits the security group of the VPC link. Without this group, \
                  requests do not reach it. With a group that other clients have too, these can \
                  reach it without the API.",
    fix: "The groups of a link cannot be changed. Deploy the stack with other subnets in \
          `PrivateSubnetIds`, so that CloudFormation creates another link.",
    permissions: &["apigateway:GET"],
    evidence: Some("Gradual deployments, a custom domain with client certificates, VPC links"),
};

pub(super) const SUBNETS_ENTRY: Entry<Stack> = Entry {
    check: &SUBNETS,
    run: |stack| Box::pin(subnets(stack)),
};

pub(super) const GROUPS_ENTRY: Entry<Stack> = Entry {
    check: &GROUPS,
    run: |stack| Box::pin(groups(stack)),
};

async fn subnets(stack: &Stack) -> Result<Verdict, Unread> {
    let Some(resource) = stack.resource("VpcLink") else {
        return Ok(no_link_of_the_stack());
    };
    let link = link::read(stack.account(), &resource.id).await?;
    let parameter = stack.parameter("PrivateSubnetIds");
    let expected: Vec<String> = parameter
        .split(',')
        .map(|it| it.trim().to_owned())
        .collect();
    Ok(verdict(&resource.id, &texts(&link["subnetIds"]), &expected))
}

async fn groups(stack: &Stack) -> Result<Verdict, Unread> {
    let (Some(resource), Some(group)) = (
        stack.resource("VpcLink"),
        stack.resource("VpcLinkSecurityGroup"),
    ) else {
        return Ok(no_link_of_the_stack());
    };
    let link = link::read(stack.account(), &resource.id).await?;
    let actual = texts(&link["securityGroupIds"]);
    Ok(verdict(
        &resource.id,
        &actual,
        std::slice::from_ref(&group.id),
    ))
}

fn no_link_of_the_stack() -> Verdict {
    Verdict::not_applicable("the stack creates no VPC link")
}

/// Compares IDs in any order.
fn verdict(link: &str, actual: &[String], expected: &[String]) -> Verdict {
    let actual: BTreeSet<&String> = actual.iter().collect();
    let expected: BTreeSet<&String> = expected.iter().collect();

    let missing = expected.difference(&actual);
    let missing = missing.map(|id| format!("VPC link {link} does not have {id}"));
    let added = actual.difference(&expected);
    let added = added.map(|id| format!("VPC link {link} has {id}, which is not expected"));
    let problems = missing.chain(added).collect();

    let all: Vec<&str> = expected.iter().map(|id| id.as_str()).collect();
    Verdict::of_problems(problems, format!("VPC link {link} has {}", all.join(", ")))
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const LINK: &str = "apigateway.GET@vpclinks.json";

    #[tokio::test]
    async fn link_as_in_the_parameters_passes() {
        let stack = Recorded::healthy().stack().await;
        assert_eq!(
            subnets(&stack).await.unwrap(),
            Verdict::ok("VPC link vl1abc has subnet-0a, subnet-0b")
        );
        assert_eq!(
            groups(&stack).await.unwrap(),
            Verdict::ok("VPC link vl1abc has sg-0link")
        );
    }

    #[tokio::test]
    async fn other_subnets_fail() {
        let recorded =
            Recorded::healthy().with(LINK, |text| text.replace("subnet-0b", "subnet-0c"));
        let verdict = subnets(&recorded.stack().await).await.unwrap();
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                "VPC link vl1abc does not have subnet-0b",
                "VPC link vl1abc has subnet-0c, which is not expected",
            ]
        );
    }

    #[tokio::test]
    async fn further_group_fails() {
        let recorded = Recorded::healthy().with(LINK, |text| {
            text.replace("\"sg-0link\"", "\"sg-0link\", \"sg-0default\"")
        });
        let verdict = groups(&recorded.stack().await).await.unwrap();
        assert_eq!(
            verdict,
            Verdict::failed("VPC link vl1abc has sg-0default, which is not expected")
        );
    }

    #[tokio::test]
    async fn link_of_another_owner_is_not_checked() {
        let recorded = Recorded::healthy().with("cloudformation.ListStackResources.xml", |text| {
            let own = |line: &&str| !line.contains("VpcLink");
            text.lines().filter(own).collect::<Vec<_>>().join("\n")
        });
        let stack = recorded.stack().await;
        assert_eq!(subnets(&stack).await.unwrap(), no_link_of_the_stack());
        assert_eq!(groups(&stack).await.unwrap(), no_link_of_the_stack());
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let stack = Recorded::healthy().denied(LINK).stack().await;
        let expected = Verdict::not_checked("needs apigateway:GET");
        let verdict: Verdict = subnets(&stack).await.unwrap_err().into();
        assert_eq!(verdict, expected);
        let verdict: Verdict = groups(&stack).await.unwrap_err().into();
        assert_eq!(verdict, expected);
    }
}
