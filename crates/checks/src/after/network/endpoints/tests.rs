//! Tests of the VPC endpoints.

use crate::tests::recorded::Recorded;
use crate::verdict::Status;

use super::*;

const ENDPOINTS: &str = "ec2.DescribeVpcEndpoints@vpc-id.xml";
const OF_FUNCTIONS: &str =
    include_str!("../../../../answers/ec2.DescribeVpcEndpoints@functions-in-vpc.xml");
const PREFIX_LISTS: &str = "ec2.DescribePrefixLists@pl-0dynamodb.xml";
const LIST: &str = "cloudformation.ListStackResources.xml";

/// Returns the responses of a stack with its own endpoint and alb-sync in the VPC.
fn in_vpc() -> Recorded {
    let endpoint = "<StackResourceSummaries>\n<member><ResourceStatus>CREATE_COMPLETE</ResourceStatus>\
                    <LogicalResourceId>DynamoDbEndpoint</LogicalResourceId>\
                    <PhysicalResourceId>vpce-0dynamodb</PhysicalResourceId>\
                    <ResourceType>AWS::EC2::VPCEndpoint</ResourceType></member>";
    Recorded::healthy()
        .answering(ENDPOINTS, OF_FUNCTIONS)
        .with_parameter("SyncInVpc", "true")
        .with_parameter("CreateDynamoDbEndpoint", "true")
        .with_parameter("RouteTableIds", "rtb-0a,rtb-0b")
        .with_parameter("DynamoDbPrefixListId", "pl-0dynamodb")
        .with_parameter("EndpointSecurityGroupId", "sg-0endpoints")
        .with(LIST, |text| {
            text.replacen("<StackResourceSummaries>", endpoint, 1)
        })
}

async fn checked(recorded: Recorded) -> Verdict {
    match check(&recorded.stack().await).await {
        Ok(verdict) => verdict,
        Err(reason) => reason.into(),
    }
}

/// Returns the details of the failure after a change of the endpoints.
async fn failure(change: impl Fn(&str) -> String) -> Vec<String> {
    let verdict = checked(in_vpc().with(ENDPOINTS, change)).await;
    assert_eq!(verdict.status, Status::Failed, "{:?}", verdict.details);
    verdict.details
}

#[tokio::test]
async fn available_endpoints_pass() {
    let verdict = checked(in_vpc()).await;
    assert_eq!(
        verdict,
        Verdict::ok("endpoints of the VPC: dynamodb, elasticloadbalancing")
    );
}

#[tokio::test]
async fn stack_outside_the_vpc_has_nothing_to_check() {
    assert_eq!(
        checked(Recorded::healthy()).await,
        Verdict::not_applicable("no function runs in the VPC, and the stack has no endpoint")
    );
}

#[tokio::test]
async fn endpoint_that_is_not_available_fails() {
    let details = failure(|text| text.replace("<state>available<", "<state>pending<")).await;
    assert_eq!(
        details,
        [
            "DynamoDbEndpoint vpce-0dynamodb is pending, expected available",
            "endpoint vpce-0dynamodb for dynamodb is pending, expected available",
            "endpoint vpce-0elb for elasticloadbalancing is pending, expected available",
        ]
    );
}

#[tokio::test]
async fn deleted_endpoints_fail() {
    let details = failure(|_| {
        "<DescribeVpcEndpointsResponse><vpcEndpointSet/></DescribeVpcEndpointsResponse>".to_owned()
    })
    .await;
    assert_eq!(
        details,
        [
            "DynamoDbEndpoint vpce-0dynamodb does not exist",
            "the VPC has no endpoint for dynamodb, and SubnetsHaveEgress is false (functions in the VPC: alb-sync)",
            "the VPC has no endpoint for elasticloadbalancing, and SubnetsHaveEgress is false (functions in the VPC: alb-sync)",
        ]
    );
}

#[tokio::test]
async fn other_route_tables_and_another_policy_fail() {
    let details = failure(|text| {
        text.replace("<item>rtb-0b</item>", "")
            .replace("StringEquals", "StringLike")
    })
    .await;
    assert_eq!(
        details,
        [
            "DynamoDbEndpoint vpce-0dynamodb is not in route table rtb-0b",
            "the policy of DynamoDbEndpoint vpce-0dynamodb is not that of the template",
        ]
    );
}

#[tokio::test]
async fn missing_private_dns_and_other_groups_fail() {
    let details = failure(|text| text.replace("DnsEnabled>true<", "DnsEnabled>false<")).await;
    assert_eq!(
        details,
        ["endpoint vpce-0elb for elasticloadbalancing has no private DNS name"]
    );

    let details = failure(|text| text.replace("sg-0endpoints", "sg-0other")).await;
    assert_eq!(
        details,
        [
            "endpoint vpce-0elb for elasticloadbalancing does not have the security group in \
             EndpointSecurityGroupId"
        ]
    );
}

#[tokio::test]
async fn services_depend_on_the_functions() {
    let recorded = in_vpc()
        .with_parameter("SyncInVpc", "false")
        .with_parameter("MetricsInVpc", "true")
        .with_parameter("ThresholdEvents", "true")
        .with_parameter("AuthorizerInVpc", "true")
        .with_parameter("LimiterInVpc", "true");
    let verdict = checked(recorded).await;
    let end = ", and SubnetsHaveEgress is false (functions in the VPC: authorizer, limiter, metrics publisher)";
    assert_eq!(
        verdict.details,
        ["events", "monitoring"].map(|it| format!("the VPC has no endpoint for {it}{end}"))
    );
}

#[tokio::test]
async fn other_egress_needs_no_endpoint() {
    let recorded = Recorded::healthy()
        .with_parameter("AuthorizerInVpc", "true")
        .with_parameter("SubnetsHaveEgress", "true");
    assert_eq!(
        checked(recorded).await,
        Verdict::ok("the subnets have other egress, as SubnetsHaveEgress declares")
    );
}

#[tokio::test]
async fn prefix_list_of_another_service_or_region_fails() {
    for other in [
        "com.amazonaws.eu-west-1.s3",
        "com.amazonaws.us-east-1.dynamodb",
    ] {
        let recorded = in_vpc().with(PREFIX_LISTS, |text| {
            text.replace("com.amazonaws.eu-west-1.dynamodb", other)
        });
        let expected =
            format!("prefix list pl-0dynamodb is {other}, expected that of DynamoDB in eu-west-1");
        assert_eq!(checked(recorded).await, Verdict::failed(expected));
    }
    let recorded = in_vpc().answering(
        PREFIX_LISTS,
        "<DescribePrefixListsResponse><prefixListSet/></DescribePrefixListsResponse>",
    );
    let expected = Verdict::failed("prefix list pl-0dynamodb does not exist");
    assert_eq!(checked(recorded).await, expected);
}

#[tokio::test]
async fn missing_permissions_are_no_failure() {
    let verdict = checked(in_vpc().denied(ENDPOINTS)).await;
    assert_eq!(
        verdict,
        Verdict::not_checked("needs ec2:DescribeVpcEndpoints")
    );

    let verdict = checked(in_vpc().denied(PREFIX_LISTS)).await;
    assert_eq!(verdict.status, Status::NotChecked);
    assert_eq!(verdict.details[0], "needs ec2:DescribePrefixLists");
}
