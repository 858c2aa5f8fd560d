//! The subnets of the VPC link and of functions in the VPC, and their route tables.

use std::collections::BTreeSet;

use serde_json::Value;

use super::zones;
use crate::aws::{Account, Call, Service, Unread, array, text};
use crate::before::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

/// The number of addresses below which a subnet has little room to grow.
const FEW_ADDRESSES: u64 = 8;

const CHECK: Check = Check {
    id: "subnets-fit",
    group: Group::Account,
    title: "The subnets and route tables exist and fit the VPC link and the functions",
    explanation: "The VPC link and functions in the VPC have network interfaces in the subnets. Some \
                  Availability Zones have no VPC links, and a deployment with a subnet in such a zone \
                  fails. The names of zones differ between accounts, so the zone ID counts. With \
                  subnets in a single zone, an outage of that zone stops the API.",
    fix: "Set `PrivateSubnetIds` to private subnets of `VpcId` in at least two zones with VPC links, \
          and `RouteTableIds` to their route tables. `aws ec2 describe-subnets` shows the zone ID of \
          each subnet.",
    permissions: &["ec2:DescribeSubnets", "ec2:DescribeRouteTables"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(check(parameters)),
};

/// A subnet, as EC2 describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subnet {
    pub(super) id: String,
    pub(super) vpc: String,
    zone: String,
    zone_id: String,
    state: String,
    free: u64,
}

/// The expectations on subnets.
#[derive(Clone, Copy, Debug)]
struct Expected<'d> {
    vpc: &'d str,
    region: &'d str,
    makes_vpc_link: bool,
    /// The number of network interfaces that the deployment adds to each subnet.
    interfaces: u64,
    /// True for interface endpoints, which take one subnet per zone.
    one_per_zone: bool,
}

async fn check(parameters: &Parameters) -> Result<Verdict, Unread> {
    let is_for_endpoints = parameters.declaration("InterfaceEndpoints").is_some();
    let parameter = if is_for_endpoints {
        "SubnetIds"
    } else {
        "PrivateSubnetIds"
    };
    let ids = parameters.list(parameter);
    let tables = parameters.list("RouteTableIds");
    if ids.is_empty() && tables.is_empty() {
        let detail = format!("{parameter} and RouteTableIds are empty");
        return Ok(Verdict::not_applicable(detail));
    }

    let account = parameters.aws()?;
    let makes_vpc_link = parameters.makes_vpc_link();
    let expected = Expected {
        vpc: parameters.text("VpcId"),
        region: account.region(),
        makes_vpc_link,
        interfaces: u64::from(makes_vpc_link) + u64::from(parameters.has_functions_in_vpc()),
        one_per_zone: is_for_endpoints,
    };

    let mut findings = Findings::default();
    if !ids.is_empty() {
        let subnets = read_subnets(account, &ids).await;
        if let Some(subnets) = findings.take(parameter, subnets) {
            decide(&mut findings, &ids, &subnets, expected);
        }
    }
    if !tables.is_empty() {
        let found = read_tables(account, &tables).await;
        if let Some(found) = findings.take("RouteTableIds", found) {
            decide_tables(&mut findings, &tables, &found, expected.vpc);
        }
    }
    Ok(findings.into_verdict())
}

/// Reads subnets. Those that do not exist are left out.
pub(super) async fn read_subnets(account: &Account, ids: &[&str]) -> Result<Vec<Subnet>, Unread> {
    let found = filtered(account, "DescribeSubnets", "subnet-id", ids, "/subnetSet").await?;
    Ok(found.iter().map(Subnet::of).collect())
}

async fn read_tables(account: &Account, ids: &[&str]) -> Result<Vec<Value>, Unread> {
    let list = "/routeTableSet";
    filtered(account, "DescribeRouteTables", "route-table-id", ids, list).await
}

/// Reads objects of EC2 by a filter. With IDs instead, a single ID that does not exist would fail the
/// call for all of them.
async fn filtered(
    account: &Account,
    operation: &'static str,
    filter: &str,
    ids: &[&str],
    list: &str,
) -> Result<Vec<Value>, Unread> {
    let call = Call::query(Service::Ec2, operation, &[("Filter.1.Name", filter)])
        .with_list("Filter.1.Value", ids.iter().copied());
    account.read_all(&call, list).await
}

impl Subnet {
    fn of(value: &Value) -> Self {
        let field = |name: &str| text(&value[name]).to_owned();
        Self {
            id: field("subnetId"),
            vpc: field("vpcId"),
            zone: field("availabilityZone"),
            zone_id: field("availabilityZoneId"),
            state: field("state"),
            free: field("availableIpAddressCount").parse().unwrap_or_default(),
        }
    }
}

fn decide(findings: &mut Findings, ids: &[&str], subnets: &[Subnet], expected: Expected<'_>) {
    for id in ids {
        match subnets.iter().find(|subnet| subnet.id == *id) {
            Some(subnet) => decide_one(findings, subnet, expected),
            None => findings.problem(format!("subnet {id} does not exist in this region")),
        }
    }

    let zones: BTreeSet<&str> = subnets.iter().map(|it| it.zone_id.as_str()).collect();
    let listed: Vec<&str> = zones.iter().copied().collect();
    let listed = listed.join(", ");
    let count = subnets.len();
    if expected.one_per_zone && zones.len() < count {
        let problem = "expected one subnet per Availability Zone for interface endpoints";
        findings.problem(format!(
            "{count} subnets are in the zones {listed}, {problem}"
        ));
    } else if !expected.one_per_zone && zones.len() == 1 {
        let problem = "expected at least two Availability Zones";
        findings.problem(format!("all subnets are in the zone {listed}, {problem}"));
    } else {
        findings.fact(format!("{count} subnets are in the zones {listed}"));
    }
    if expected.makes_vpc_link && zones::with_vpc_links(expected.region).is_none() {
        let region = expected.region;
        findings.unproven(format!(
            "AWS does not list the zones of {region} that have VPC links"
        ));
    }
}

fn decide_one(findings: &mut Findings, subnet: &Subnet, expected: Expected<'_>) {
    let Subnet {
        id,
        vpc,
        zone,
        zone_id,
        state,
        free,
    } = subnet;
    if !expected.vpc.is_empty() && vpc != expected.vpc {
        let expected = expected.vpc;
        findings.problem(format!(
            "subnet {id} is in {vpc}, expected {expected} (VpcId)"
        ));
    }
    if state != "available" {
        findings.problem(format!(
            "subnet {id} is in the state {state}, expected available"
        ));
    }
    if expected.makes_vpc_link
        && let Some(known) = zones::with_vpc_links(expected.region)
        && !known.contains(&zone_id.as_str())
    {
        let known = known.join(", ");
        findings.problem(format!(
            "subnet {id} is in {zone_id} ({zone}), where there are no VPC links, expected one of \
             {known}"
        ));
    }

    let needed = expected.interfaces;
    if *free < needed {
        findings.problem(format!(
            "subnet {id} has {free} free addresses, expected at least {needed}"
        ));
    } else if needed > 0 && *free < FEW_ADDRESSES {
        findings.warning(format!(
            "subnet {id} has {free} free addresses, which leaves little room for network interfaces"
        ));
    }
}

fn decide_tables(findings: &mut Findings, ids: &[&str], tables: &[Value], vpc: &str) {
    for id in ids {
        let Some(table) = tables.iter().find(|it| text(&it["routeTableId"]) == *id) else {
            findings.problem(format!("route table {id} does not exist in this region"));
            continue;
        };
        let found = text(&table["vpcId"]);
        if !vpc.is_empty() && found != vpc {
            findings.problem(format!(
                "route table {id} is in {found}, expected {vpc} (VpcId)"
            ));
        }
        if array(&table["associationSet"]).is_empty() {
            findings.warning(format!("route table {id} is the table of no subnet"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const SUBNETS: &str = "ec2.DescribeSubnets.xml";
    const TABLES: &str = "ec2.DescribeRouteTables.xml";

    async fn verdict(recorded: Recorded) -> Verdict {
        let outcome = check(&recorded.deployment().await).await;
        outcome.unwrap_or_else(Into::into)
    }

    async fn with(file: &str, from: &str, to: &str) -> Verdict {
        verdict(Recorded::healthy().with(file, |text| text.replace(from, to))).await
    }

    #[tokio::test]
    async fn subnets_in_two_zones_pass() {
        let found = verdict(Recorded::healthy()).await;
        let expected = Verdict::ok("2 subnets are in the zones euw1-az1, euw1-az2");
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn missing_subnet_is_named() {
        let found = with(SUBNETS, "subnet-0b", "subnet-0c").await;
        assert_eq!(found.status, Status::Failed);
        assert_eq!(
            found.details,
            ["subnet subnet-0b does not exist in this region"]
        );
    }

    #[tokio::test]
    async fn subnet_of_another_vpc_is_named() {
        let found = with(SUBNETS, "vpc-0a1", "vpc-0ff").await;
        let problems = [
            "subnet subnet-0a is in vpc-0ff, expected vpc-0a1 (VpcId)",
            "subnet subnet-0b is in vpc-0ff, expected vpc-0a1 (VpcId)",
        ];
        assert_eq!(found.details, problems);
    }

    #[tokio::test]
    async fn zone_without_vpc_links_fails() {
        let found = with(SUBNETS, "euw1-az2", "euw1-az9").await;
        assert_eq!(found.status, Status::Failed);
        assert_eq!(
            found.details,
            [
                "subnet subnet-0b is in euw1-az9 (eu-west-1b), where there are no VPC links, expected \
                 one of euw1-az1, euw1-az2, euw1-az3"
            ]
        );
    }

    #[test]
    fn region_without_listed_zones_proves_nothing() {
        let subnet = |id: &str, zone: &str| Subnet {
            id: id.to_owned(),
            vpc: "vpc-1".to_owned(),
            zone: zone.to_owned(),
            zone_id: zone.to_owned(),
            state: "available".to_owned(),
            free: 100,
        };
        let expected = Expected {
            vpc: "vpc-1",
            region: "xx-none-1",
            makes_vpc_link: true,
            interfaces: 1,
            one_per_zone: false,
        };
        let mut findings = Findings::default();
        let subnets = [subnet("a", "xxn1-az1"), subnet("b", "xxn1-az2")];
        decide(&mut findings, &["a", "b"], &subnets, expected);
        let found = findings.into_verdict();
        assert_eq!(found.status, Status::NotProven);
        let unknown = "AWS does not list the zones of xx-none-1 that have VPC links";
        assert_eq!(found.details[0], unknown);
    }

    #[tokio::test]
    async fn existing_vpc_link_needs_no_zones() {
        let recorded = Recorded::healthy()
            .with_parameter("VpcLinkId", "vl1abc")
            .with(SUBNETS, |text| text.replace("euw1-az2", "euw1-az9"));
        assert_eq!(verdict(recorded).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn single_zone_fails() {
        let found = with(SUBNETS, "euw1-az2", "euw1-az1").await;
        assert_eq!(
            found.details,
            ["all subnets are in the zone euw1-az1, expected at least two Availability Zones"]
        );
    }

    #[tokio::test]
    async fn full_subnets_fail_and_nearly_full_ones_warn() {
        let found = with(SUBNETS, ">4086<", ">0<").await;
        assert_eq!(found.status, Status::Failed);
        let found = with(SUBNETS, ">4086<", ">3<").await;
        assert_eq!(found.status, Status::Warning);
        assert!(found.details[0].contains("has 3 free addresses"));
    }

    #[tokio::test]
    async fn pending_subnet_fails() {
        let found = with(SUBNETS, ">available<", ">pending<").await;
        assert_eq!(found.status, Status::Failed);
        assert_eq!(found.details.len(), 2);
    }

    #[tokio::test]
    async fn route_tables_must_be_in_the_vpc() {
        let recorded = || Recorded::healthy().with_parameter("RouteTableIds", "rtb-0a,rtb-0b");
        assert_eq!(verdict(recorded()).await.status, Status::Ok);

        let moved = recorded().with(TABLES, |text| text.replace("vpc-0a1", "vpc-0ff"));
        let details = verdict(moved).await.details;
        assert_eq!(
            details[0],
            "route table rtb-0a is in vpc-0ff, expected vpc-0a1 (VpcId)"
        );
        let unused = recorded().with(TABLES, |text| {
            text.replace("<associationSet>", "<associationSet/><oldSet>")
                .replace("</associationSet>", "</oldSet>")
        });
        let found = verdict(unused).await;
        assert_eq!(found.status, Status::Warning);
        assert_eq!(
            found.details[0],
            "route table rtb-0a is the table of no subnet"
        );
        let missing = recorded().with(TABLES, |text| text.replace("rtb-0b", "rtb-0c"));
        let details = verdict(missing).await.details;
        assert_eq!(
            details,
            ["route table rtb-0b does not exist in this region"]
        );
    }

    #[tokio::test]
    async fn missing_permission_leaves_the_route_tables() {
        let recorded = Recorded::healthy()
            .with_parameter("RouteTableIds", "rtb-0a,rtb-0c")
            .denied(SUBNETS);
        let found = verdict(recorded).await;
        assert_eq!(found.status, Status::Failed);
        let expected = [
            "route table rtb-0c does not exist in this region",
            "needs ec2:DescribeSubnets",
        ];
        assert_eq!(found.details, expected);

        let found = verdict(Recorded::healthy().denied(SUBNETS)).await;
        assert_eq!(found, Verdict::not_checked("needs ec2:DescribeSubnets"));
    }

    #[tokio::test]
    async fn endpoints_take_one_subnet_per_zone() {
        let values = json!({
            "InterfaceEndpoints": "monitoring",
            "SubnetIds": "subnet-0a,subnet-0b",
            "VpcId": "vpc-0a1",
        });
        let recorded =
            Recorded::healthy().with(SUBNETS, |text| text.replace("euw1-az2", "euw1-az1"));
        let found = check(&recorded.endpoints(&values)).await.unwrap();
        assert_eq!(found.status, Status::Failed);
        assert!(found.details[0].contains("expected one subnet per Availability Zone"));
    }
}
