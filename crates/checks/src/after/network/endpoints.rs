//! The VPC endpoints of the stack and of its functions in the VPC.

mod endpoint;
mod needs;

use serde_json::Value;

use crate::aws::{Call, Service, Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::link::texts;
use endpoint::Endpoint;
use needs::Needs;

const CHECK: Check = Check {
    id: "endpoints-private",
    group: Group::Network,
    title: "Functions in the VPC reach AWS through available endpoints with private DNS",
    explanation: "A function in subnets without egress reaches AWS only through VPC endpoints. \
                  Without one, its calls time out, and the authorizer responds with 500. The policy \
                  of the stack's endpoint keeps credentials of other accounts out.",
    fix: "Deploy stacks/endpoints.yaml with the services that are named, and set \
          `EndpointSecurityGroupId`: docs/guides/network-stacks.md. For DynamoDB, set \
          `CreateDynamoDbEndpoint` and `DynamoDbPrefixListId`.",
    permissions: &["ec2:DescribePrefixLists", "ec2:DescribeVpcEndpoints"],
    evidence: Some("Gradual deployments, a custom domain with client certificates, VPC links"),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let needs = Needs::of(stack);
    let own = stack.resource("DynamoDbEndpoint").map(|it| it.id.clone());
    if own.is_none() && needs.functions.is_empty() {
        return Ok(Verdict::not_applicable(
            "no function runs in the VPC, and the stack has no endpoint",
        ));
    }

    let mut findings = Findings::default();
    let mut known = Vec::new();
    if own.is_some() || !needs.services.is_empty() {
        let endpoints = endpoints(stack).await?;
        if let Some(id) = &own {
            check_own(stack, id, &endpoints, &mut findings)?;
        }
        check_services(stack, &needs, &endpoints, &mut findings);
        let in_use: Vec<String> = endpoints.iter().map(|it| it.service.clone()).collect();
        known.push(format!("endpoints of the VPC: {}", in_use.join(", ")));
    }
    if needs.has_egress {
        known.push("the subnets have other egress, as SubnetsHaveEgress declares".to_owned());
    }
    check_prefix_list(stack, &needs, &mut findings).await;
    Ok(findings.verdict(known.join("; ")))
}

/// Checks the endpoint for DynamoDB that the stack creates.
fn check_own(
    stack: &Stack,
    id: &str,
    endpoints: &[Endpoint],
    findings: &mut Findings,
) -> Result<(), Unread> {
    let Some(endpoint) = endpoints.iter().find(|it| it.id == id) else {
        findings.problem(format!("DynamoDbEndpoint {id} does not exist"));
        return Ok(());
    };
    if !endpoint.is_available() {
        let state = &endpoint.state;
        findings.problem(format!(
            "DynamoDbEndpoint {id} is {state}, expected available"
        ));
    }

    let expected = stack.expected("DynamoDbEndpoint")?.unwrap_or_default();
    for table in texts(&expected["RouteTableIds"]) {
        if !endpoint.route_tables.contains(&table) {
            findings.problem(format!(
                "DynamoDbEndpoint {id} is not in route table {table}"
            ));
        }
    }
    if endpoint.policy != expected["PolicyDocument"] {
        findings.problem(format!(
            "the policy of DynamoDbEndpoint {id} is not that of the template"
        ));
    }
    Ok(())
}

/// Checks that each service that functions in the VPC call has an endpoint.
fn check_services(stack: &Stack, needs: &Needs, endpoints: &[Endpoint], findings: &mut Findings) {
    let group = stack.parameter("EndpointSecurityGroupId");
    for service in &needs.services {
        let of_service: Vec<&Endpoint> = endpoints
            .iter()
            .filter(|it| it.service == *service)
            .collect();
        let problems: Vec<String> = of_service
            .iter()
            .filter_map(|endpoint| endpoint.problem(&group))
            .collect();
        if of_service.is_empty() {
            let functions = needs.functions.join(", ");
            findings.problem(format!(
                "the VPC has no endpoint for {service}, and SubnetsHaveEgress is false \
                 (functions in the VPC: {functions})"
            ));
        } else if problems.len() == of_service.len() {
            // One endpoint without a problem is enough.
            for problem in problems {
                findings.problem(problem);
            }
        }
    }
}

/// Checks that the prefix list is that of DynamoDB in this region.
async fn check_prefix_list(stack: &Stack, needs: &Needs, findings: &mut Findings) {
    let id = stack.parameter("DynamoDbPrefixListId");
    if id.is_empty() || needs.functions.is_empty() {
        return;
    }
    let subject = format!("prefix list {id}");
    let Some(name) = findings.take(&subject, prefix_list_name(stack, &id).await) else {
        return;
    };
    let region = stack.account().region();
    if !name.ends_with(&format!(".{region}.dynamodb")) {
        findings.problem(format!(
            "{subject} is {name}, expected that of DynamoDB in {region}"
        ));
    }
}

async fn prefix_list_name(stack: &Stack, id: &str) -> Result<String, Unread> {
    let call =
        Call::query(Service::Ec2, "DescribePrefixLists", &[]).with_list("PrefixListId", [id]);
    let response = stack.account().read(&call).await?;
    let list: &Value = &response["prefixListSet"][0];
    if list.is_null() {
        let permission = call.permission();
        return Err(Unread::NotFound { permission });
    }
    Ok(text(&list["prefixListName"]).to_owned())
}

async fn endpoints(stack: &Stack) -> Result<Vec<Endpoint>, Unread> {
    let vpc = stack.parameter("VpcId");
    let filter = [("Filter.1.Name", "vpc-id")];
    let call = Call::query(Service::Ec2, "DescribeVpcEndpoints", &filter)
        .with_list("Filter.1.Value", [vpc.as_str()]);
    let found = stack.account().read_all(&call, "/vpcEndpointSet").await?;
    let all = found.iter().map(Endpoint::of);
    Ok(all.filter(|endpoint| endpoint.vpc == vpc).collect())
}

#[cfg(test)]
mod tests;
