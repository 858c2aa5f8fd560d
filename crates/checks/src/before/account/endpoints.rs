//! VPC endpoints that the deployment creates, and those that exist.

use serde_json::Value;

use crate::aws::{Account, Call, Service, Unread, array, text};
use crate::before::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "private-dns-free",
    group: Group::Account,
    title: "No other VPC endpoint is in the way of those that the deployment creates",
    explanation: "Two interface endpoints of a VPC cannot have the same private DNS name, and a route \
                  table has at most one gateway endpoint per service. The deployment then fails. \
                  Private DNS names work only in a VPC with DNS support and DNS host names.",
    fix: "Use the existing endpoint: remove the service from `InterfaceEndpoints`, or set \
          `CreateDynamoDbEndpoint` or `CreateS3Endpoint` to \"false\". Enable DNS support and DNS host \
          names in the settings of the VPC. If the endpoints belong to the stack that is updated, name \
          it with `--stack`.",
    permissions: &["ec2:DescribeVpcEndpoints", "ec2:DescribeVpcAttribute"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(check(parameters)),
};

/// The endpoints that a deployment creates.
#[derive(Debug)]
struct Wanted<'d> {
    interfaces: Vec<&'d str>,
    gateways: Vec<&'static str>,
    route_tables: Vec<&'d str>,
}

impl<'d> Wanted<'d> {
    fn of(parameters: &'d Parameters) -> Self {
        let gateways = [
            ("CreateDynamoDbEndpoint", "dynamodb"),
            ("CreateS3Endpoint", "s3"),
        ];
        Self {
            interfaces: parameters.list("InterfaceEndpoints"),
            gateways: gateways
                .into_iter()
                .filter(|(parameter, _)| parameters.is_true(parameter))
                .map(|(_, service)| service)
                .collect(),
            route_tables: parameters.list("RouteTableIds"),
        }
    }
}

async fn check(parameters: &Parameters) -> Result<Verdict, Unread> {
    let wanted = Wanted::of(parameters);
    if wanted.interfaces.is_empty() && wanted.gateways.is_empty() {
        let detail = "the deployment creates no VPC endpoints";
        return Ok(Verdict::not_applicable(detail));
    }

    let account = parameters.aws()?;
    let vpc = parameters.text("VpcId");
    let mut findings = Findings::default();
    if let Some(found) = findings.take(vpc, endpoints(account, vpc).await) {
        let others: Vec<&Value> = found
            .iter()
            .filter(|it| is_in_use(it) && !parameters.owns(text(&it["vpcEndpointId"])))
            .collect();
        decide(&mut findings, &wanted, &others, account.region());
    }
    if !wanted.interfaces.is_empty() {
        for attribute in ["enableDnsSupport", "enableDnsHostnames"] {
            let value = vpc_attribute(account, vpc, attribute).await;
            match findings.take(vpc, value) {
                Some(true) => findings.fact(format!("{vpc} has {attribute}")),
                Some(false) => findings.problem(format!(
                    "{vpc} has {attribute} false, expected true for private DNS names"
                )),
                None => {}
            }
        }
    }
    Ok(findings.into_verdict())
}

async fn endpoints(account: &Account, vpc: &str) -> Result<Vec<Value>, Unread> {
    let fields = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc)];
    let call = Call::query(Service::Ec2, "DescribeVpcEndpoints", &fields);
    account.read_all(&call, "/vpcEndpointSet").await
}

async fn vpc_attribute(account: &Account, vpc: &str, name: &str) -> Result<bool, Unread> {
    let fields = [("VpcId", vpc), ("Attribute", name)];
    let call = Call::query(Service::Ec2, "DescribeVpcAttribute", &fields);
    let response = account.read(&call).await?;
    Ok(response[name]["value"] == "true")
}

/// True unless the endpoint is being deleted, or its creation failed.
fn is_in_use(endpoint: &Value) -> bool {
    let state = text(&endpoint["state"]).to_ascii_lowercase();
    !matches!(
        state.as_str(),
        "deleting" | "deleted" | "rejected" | "failed" | "expired"
    )
}

fn decide(findings: &mut Findings, wanted: &Wanted<'_>, others: &[&Value], region: &str) {
    let of_service = |service: &str, kind: &str| -> Vec<&Value> {
        let name = format!("com.amazonaws.{region}.{service}");
        let found = others.iter().copied();
        found
            .filter(|it| text(&it["serviceName"]) == name && text(&it["vpcEndpointType"]) == kind)
            .collect()
    };

    for service in &wanted.interfaces {
        let mut taken = of_service(service, "Interface");
        taken.retain(|it| text(&it["privateDnsEnabled"]) == "true");
        for endpoint in &taken {
            let id = text(&endpoint["vpcEndpointId"]);
            findings.problem(format!(
                "the private DNS names of {service} belong to {id} in the same VPC"
            ));
        }
        if taken.is_empty() {
            findings.fact(format!("the private DNS names of {service} are free"));
        }
    }

    for service in &wanted.gateways {
        let existing = of_service(service, "Gateway");
        for table in &wanted.route_tables {
            let taken = existing.iter().find(|it| {
                array(&it["routeTableIdSet"])
                    .iter()
                    .any(|id| text(id) == *table)
            });
            match taken {
                Some(endpoint) => {
                    let id = text(&endpoint["vpcEndpointId"]);
                    findings.problem(format!(
                        "route table {table} already has {id} for {service}"
                    ));
                }
                None => findings.fact(format!("route table {table} has no route to {service}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const ENDPOINTS: &str = "ec2.DescribeVpcEndpoints@vpc-id.xml";
    const SUPPORT: &str = "ec2.DescribeVpcAttribute@enableDnsSupport.xml";
    const HOSTNAMES: &str = "ec2.DescribeVpcAttribute@enableDnsHostnames.xml";

    async fn gateway(recorded: Recorded) -> Verdict {
        let deployment = recorded
            .with_parameter("CreateDynamoDbEndpoint", "true")
            .with_parameter("RouteTableIds", "rtb-0a,rtb-0b")
            .deployment()
            .await;
        check(&deployment).await.unwrap_or_else(Into::into)
    }

    async fn interfaces(recorded: Recorded, services: &str) -> Verdict {
        let values = json!({"InterfaceEndpoints": services, "VpcId": "vpc-0a1"});
        let outcome = check(&recorded.endpoints(&values)).await;
        outcome.unwrap_or_else(Into::into)
    }

    #[tokio::test]
    async fn free_route_tables_pass() {
        let found = gateway(Recorded::healthy()).await;
        assert_eq!(found.status, Status::Ok);
        assert_eq!(
            found.details,
            [
                "route table rtb-0a has no route to dynamodb",
                "route table rtb-0b has no route to dynamodb",
            ]
        );
    }

    #[tokio::test]
    async fn route_table_with_an_endpoint_fails() {
        let recorded = Recorded::healthy().with(ENDPOINTS, |text| {
            text.replace("eu-west-1.s3<", "eu-west-1.dynamodb<")
        });
        let found = gateway(recorded).await;
        assert_eq!(found.status, Status::Failed);
        let problem = "route table rtb-0a already has vpce-0s3 for dynamodb";
        assert_eq!(found.details, [problem]);
    }

    #[tokio::test]
    async fn deleted_endpoint_is_not_in_the_way() {
        let recorded = Recorded::healthy().with(ENDPOINTS, |text| {
            text.replace("eu-west-1.s3<", "eu-west-1.dynamodb<")
                .replace(">available<", ">deleting<")
        });
        assert_eq!(gateway(recorded).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn taken_private_names_fail() {
        let found = interfaces(Recorded::healthy(), "logs,monitoring").await;
        assert_eq!(found.status, Status::Failed);
        assert_eq!(
            found.details,
            ["the private DNS names of monitoring belong to vpce-0mon in the same VPC"]
        );
    }

    #[tokio::test]
    async fn free_private_names_pass() {
        let found = interfaces(Recorded::healthy(), "logs").await;
        assert_eq!(found.status, Status::Ok);
        let recorded = Recorded::healthy().with(ENDPOINTS, |text| {
            text.replace("<privateDnsEnabled>true<", "<privateDnsEnabled>false<")
        });
        assert_eq!(interfaces(recorded, "monitoring").await.status, Status::Ok);
    }

    #[tokio::test]
    async fn private_names_need_dns_in_the_vpc() {
        let recorded = Recorded::healthy()
            .with(SUPPORT, |text| text.replace("true", "false"))
            .with(HOSTNAMES, |text| text.replace("true", "false"));
        let found = interfaces(recorded, "logs").await;
        assert_eq!(
            found.details,
            [
                "vpc-0a1 has enableDnsSupport false, expected true for private DNS names",
                "vpc-0a1 has enableDnsHostnames false, expected true for private DNS names",
            ]
        );
    }

    #[tokio::test]
    async fn missing_permission_leaves_the_other_facts() {
        let found = interfaces(Recorded::healthy().denied(ENDPOINTS), "logs").await;
        assert_eq!(found.status, Status::NotChecked);
        assert_eq!(
            found.details,
            [
                "needs ec2:DescribeVpcEndpoints",
                "apart from that: vpc-0a1 has enableDnsSupport",
                "apart from that: vpc-0a1 has enableDnsHostnames",
            ]
        );
        let missing = interfaces(Recorded::healthy().missing(SUPPORT), "logs").await;
        assert_eq!(missing.details, ["vpc-0a1 does not exist"]);
    }

    #[tokio::test]
    async fn other_deployments_are_not_concerned() {
        let found = check(&Recorded::healthy().deployment().await).await;
        assert_eq!(found.unwrap().status, Status::NotApplicable);
    }
}
