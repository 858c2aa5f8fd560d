//! The VPC link that the deployment makes or uses.

use std::collections::BTreeSet;

use admin_client::path;
use serde_json::{Value, json};

use super::subnets::read_subnets;
use crate::aws::{Account, Call, Service, Unread, array, text};
use crate::before::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

/// The default quota of VPC links per account and region, from
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>.
const DEFAULT_QUOTA: usize = 10;

const CHECK: Check = Check {
    id: "vpc-link-quota",
    group: Group::Account,
    title: "The account has room for the VPC link, or the link in VpcLinkId can be used",
    explanation: "An account has at most 10 VPC links per region by default. With `VpcLinkId`, the \
                  deployment uses an existing link, which must be available and reach the VPC of the \
                  load balancer. The network of a link cannot be changed later.",
    fix: "Share a link between stacks with `VpcLinkId`, delete links that are not used, or request a \
          higher quota in Service Quotas. If the stack is updated, name it with `--stack`.",
    permissions: &[
        "apigateway:GET",
        "ec2:DescribeSubnets",
        "servicequotas:ListServiceQuotas",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(check(parameters)),
};

async fn check(parameters: &Parameters) -> Result<Verdict, Unread> {
    if !parameters.has_vpc_link() {
        return Ok(Verdict::not_applicable("the deployment has no VPC link"));
    }
    let account = parameters.aws()?;
    if let Some(id) = parameters.given("VpcLinkId") {
        return existing(account, id, parameters.text("VpcId")).await;
    }
    let has_link = parameters
        .stack()
        .is_some_and(|stack| stack.resource("VpcLink").is_some());
    if has_link {
        return Ok(Verdict::ok("the stack already has a VPC link"));
    }

    let call = Call::get(
        Service::ApiGateway,
        "GET",
        &path(&["v2", "vpclinks"]).query(&[("maxResults", "25")]),
    );
    let count = account.read_all(&call, "/items").await?.len();
    if count < DEFAULT_QUOTA {
        return Ok(within(count, DEFAULT_QUOTA));
    }
    Ok(match quota(account).await? {
        Some(quota) => within(count, quota),
        None => Verdict::not_proven(format!(
            "there are {count} VPC links, and Service Quotas lists no quota for them. The default is \
             {DEFAULT_QUOTA}"
        )),
    })
}

fn within(count: usize, quota: usize) -> Verdict {
    let detail = format!("{count} of {quota} VPC links exist");
    if count < quota {
        Verdict::ok(detail)
    } else {
        Verdict::failed(format!("{detail}, expected room for another one"))
    }
}

/// Returns the quota of the account for VPC links, or `None` if it is not listed. An account without
/// an increase has the default.
async fn quota(account: &Account) -> Result<Option<usize>, Unread> {
    let body = json!({"ServiceCode": "apigateway", "MaxResults": 100});
    let call = Call::json(Service::Quotas, "ListServiceQuotas", &body);
    let quotas = account.read_all(&call, "/Quotas").await?;
    Ok(quota_of(&quotas))
}

/// Returns the largest value, because the links of REST APIs have a quota of a similar name.
/// Otherwise, a link for which there is room could be reported.
fn quota_of(quotas: &[Value]) -> Option<usize> {
    let names_links = |quota: &&Value| {
        let name = text(&quota["QuotaName"]).to_ascii_lowercase();
        name.contains("vpc link") && !name.contains("subnet")
    };
    let is_second = |quota: &&&Value| text(&quota["QuotaName"]).contains("V2");
    let all: Vec<&Value> = quotas.iter().filter(names_links).collect();
    let second: Vec<&&Value> = all.iter().filter(|it| is_second(it)).collect();
    let named = if second.is_empty() {
        all
    } else {
        second.into_iter().copied().collect()
    };
    let values = named.iter().filter_map(|quota| quota["Value"].as_f64());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "quotas are small whole numbers"
    )]
    values.map(|value| value as usize).max()
}

async fn existing(account: &Account, id: &str, vpc: &str) -> Result<Verdict, Unread> {
    let mut findings = Findings::default();
    let call = Call::get(Service::ApiGateway, "GET", &path(&["v2", "vpclinks", id]));
    let subject = format!("VPC link {id}");
    let Some(link) = findings.take(&subject, account.read(&call).await) else {
        return Ok(findings.into_verdict());
    };

    let status = text(&link["vpcLinkStatus"]);
    match status {
        "AVAILABLE" => findings.fact(format!("{subject} is available")),
        "INACTIVE" => findings.warning(format!(
            "{subject} is INACTIVE: requests fail until it is available again, which takes minutes"
        )),
        _ => findings.problem(format!("{subject} is {status}, expected AVAILABLE")),
    }
    let version = text(&link["vpcLinkVersion"]);
    if version != "V2" {
        findings.problem(format!("{subject} has the version {version}, expected V2"));
    }

    let subnets: Vec<&str> = array(&link["subnetIds"]).iter().map(text).collect();
    let found = read_subnets(account, &subnets).await;
    if let Some(found) = findings.take(&subject, found) {
        let vpcs: BTreeSet<&str> = found.iter().map(|subnet| subnet.vpc.as_str()).collect();
        let wrong: Vec<&str> = vpcs.into_iter().filter(|found| *found != vpc).collect();
        if !vpc.is_empty() && !wrong.is_empty() {
            let wrong = wrong.join(", ");
            findings.problem(format!("{subject} is in {wrong}, expected {vpc} (VpcId)"));
        }
    }
    Ok(findings.into_verdict())
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const LINK: &str = "apigateway.GET@vpclinks.json";
    const LINKS: &str = "apigateway.GET@maxResults=25.json";
    const QUOTAS: &str = "servicequotas.ListServiceQuotas.json";

    async fn verdict(recorded: Recorded) -> Verdict {
        let outcome = check(&recorded.deployment().await).await;
        outcome.unwrap_or_else(Into::into)
    }

    fn sharing() -> Recorded {
        Recorded::healthy().with_parameter("VpcLinkId", "vl1abc")
    }

    fn with_links(count: usize) -> Recorded {
        let links: Vec<Value> = (0..count)
            .map(|_| json!({"vpcLinkVersion": "V2"}))
            .collect();
        Recorded::healthy().answering(LINKS, json!({"items": links}).to_string())
    }

    #[tokio::test]
    async fn new_link_within_the_quota_passes() {
        let found = verdict(Recorded::healthy()).await;
        assert_eq!(found, Verdict::ok("1 of 10 VPC links exist"));
    }

    #[tokio::test]
    async fn new_link_beyond_the_quota_fails() {
        let found = verdict(with_links(10)).await;
        let problem = "10 of 10 VPC links exist, expected room for another one";
        assert_eq!(found, Verdict::failed(problem));
    }

    #[tokio::test]
    async fn increased_quota_counts() {
        let recorded = with_links(10).with(QUOTAS, |text| text.replace("10.0", "40.0"));
        assert_eq!(verdict(recorded).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn unlisted_quota_proves_nothing() {
        let recorded = with_links(12).with(QUOTAS, |text| text.replace("VPC links", "Routes"));
        assert_eq!(verdict(recorded).await.status, Status::NotProven);
    }

    #[tokio::test]
    async fn link_of_the_stack_needs_no_room() {
        let deployment = with_links(10).update().await;
        let found = check(&deployment).await.unwrap();
        assert_eq!(found, Verdict::ok("the stack already has a VPC link"));
    }

    #[tokio::test]
    async fn shared_link_passes() {
        let found = verdict(sharing()).await;
        assert_eq!(found, Verdict::ok("VPC link vl1abc is available"));
    }

    #[tokio::test]
    async fn shared_link_must_be_usable() {
        let with = |from: &'static str, to: &'static str| {
            verdict(sharing().with(LINK, move |text| text.replace(from, to)))
        };
        let failed = with("AVAILABLE", "FAILED").await;
        assert_eq!(
            failed,
            Verdict::failed("VPC link vl1abc is FAILED, expected AVAILABLE")
        );
        let inactive = with("AVAILABLE", "INACTIVE").await;
        assert_eq!(inactive.status, Status::Warning);
        let old = with("\"V2\"", "\"V1\"").await;
        assert_eq!(
            old.details,
            ["VPC link vl1abc has the version V1, expected V2"]
        );
    }

    #[tokio::test]
    async fn shared_link_must_be_in_the_vpc() {
        let moved = sharing().with("ec2.DescribeSubnets.xml", |text| {
            text.replace("vpc-0a1", "vpc-0ff")
        });
        assert_eq!(
            verdict(moved).await.details,
            ["VPC link vl1abc is in vpc-0ff, expected vpc-0a1 (VpcId)"]
        );
    }

    #[tokio::test]
    async fn shared_link_must_exist() {
        let found = verdict(sharing().missing(LINK)).await;
        assert_eq!(found, Verdict::failed("VPC link vl1abc does not exist"));
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let found = verdict(Recorded::healthy().denied(LINKS)).await;
        assert_eq!(found, Verdict::not_checked("needs apigateway:GET"));
        let found = verdict(with_links(10).denied(QUOTAS)).await;
        let needed = "needs servicequotas:ListServiceQuotas";
        assert_eq!(found, Verdict::not_checked(needed));
    }
}
