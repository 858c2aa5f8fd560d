//! Tests of the ways into the load balancer.

use crate::tests::composing::interfaces;
use crate::tests::recorded::Recorded;

use super::*;

const RULES: &str = "ec2.DescribeSecurityGroupRules@sg-0alb.xml";
const INTERFACES: &str = "ec2.DescribeNetworkInterfaces@sg-0link.xml";
const LOAD_BALANCER: &str = "elasticloadbalancing.DescribeLoadBalancers@LoadBalancerArns.xml";
const LISTENER: &str = "elasticloadbalancing.DescribeListeners.xml";
const LINK: &str = "apigateway.GET@vpclinks.json";
const LINKS: &str = "apigateway.GET@maxResults=25.json";
const APIS: &str = "apigateway.GET@v2~apis.json";
const LIST: &str = "cloudformation.ListStackResources.xml";
const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:tollgate/origin-Ab3dEf";

/// Returns the responses with one more inbound rule of the load balancer's group.
fn with_rule(recorded: Recorded, protocol: &str, ports: (i32, i32), source: &str) -> Recorded {
    let (from, to) = ports;
    let rule = format!(
        "<item><securityGroupRuleId>sgr-0more</securityGroupRuleId><groupId>sg-0alb</groupId>\
         <isEgress>false</isEgress><ipProtocol>{protocol}</ipProtocol><fromPort>{from}</fromPort>\
         <toPort>{to}</toPort>{source}</item></securityGroupRuleSet>"
    );
    recorded.with(RULES, |text| text.replace("</securityGroupRuleSet>", &rule))
}

fn group(id: &str) -> String {
    format!("<referencedGroupInfo><groupId>{id}</groupId></referencedGroupInfo>")
}

/// Returns the responses of a stack with a VPC link of another stack.
fn with_given_link() -> Recorded {
    Recorded::healthy()
        .with_parameter("VpcLinkId", "vl1abc")
        .with(LIST, |text| {
            let own = |line: &&str| !line.contains("VpcLink");
            text.lines().filter(own).collect::<Vec<_>>().join("\n")
        })
}

async fn checked(recorded: Recorded) -> Verdict {
    match check(&recorded.stack().await).await {
        Ok(verdict) => verdict,
        Err(reason) => reason.into(),
    }
}

#[tokio::test]
async fn only_the_link_is_admitted() {
    let verdict = checked(Recorded::healthy()).await;
    assert_eq!(
        verdict,
        Verdict::ok("the load balancer admits only sg-0link (the VPC link)")
    );
}

#[tokio::test]
async fn every_other_source_is_named() {
    let sources = [
        (
            "tcp",
            (443, 443),
            "<cidrIpv4>10.0.0.0/8</cidrIpv4>".to_owned(),
        ),
        ("6", (0, 65535), "<cidrIpv6>::/0</cidrIpv6>".to_owned()),
        (
            "-1",
            (-1, -1),
            "<prefixListId>pl-0a</prefixListId>".to_owned(),
        ),
        ("tcp", (400, 500), group("sg-0other")),
        ("tcp", (443, 443), group("sg-0nlb")),
        (
            "tcp",
            (443, 443),
            "<referencedGroupInfo><groupId>sg-0peer</groupId><vpcPeeringConnectionId>pcx-1\
             </vpcPeeringConnectionId></referencedGroupInfo>"
                .to_owned(),
        ),
    ];
    let mut recorded = Recorded::healthy();
    for (protocol, ports, source) in &sources {
        recorded = with_rule(recorded, protocol, *ports, source);
    }

    let verdict = checked(recorded).await;
    assert_eq!(verdict.status, Status::Failed);
    let end = ", expected only sg-0link (the VPC link)";
    assert_eq!(
        verdict.details,
        [
            "10.0.0.0/8 on port 443",
            "::/0 on ports 0 to 65535",
            "prefix list pl-0a on all ports",
            "sg-0other on ports 400 to 500",
            "sg-0nlb on port 443 (network load balancer partners)",
            "sg-0peer of a VPC behind pcx-1 on port 443",
        ]
        .map(|source| format!("security group sg-0alb admits {source}{end}"))
    );
}

#[tokio::test]
async fn other_ports_protocols_and_groups_are_no_way_in() {
    let range = "<cidrIpv4>0.0.0.0/0</cidrIpv4>";
    let mut recorded = with_rule(Recorded::healthy(), "tcp", (80, 442), range);
    recorded = with_rule(recorded, "udp", (443, 443), range);
    recorded = with_rule(recorded, "icmp", (-1, -1), range);
    assert_eq!(checked(recorded).await.status, Status::Ok);
}

#[tokio::test]
async fn port_of_another_listener_is_a_way_in() {
    let second = Recorded::healthy().with(LISTENER, |text| {
        let start = text.find("<member>").unwrap();
        let end = text.rfind("</Listeners>").unwrap();
        let other = text[start..end].replace("<Port>443<", "<Port>8080<");
        format!("{}{other}{}", &text[..end], &text[end..])
    });
    let range = "<cidrIpv4>0.0.0.0/0</cidrIpv4>";
    let verdict = checked(with_rule(second, "tcp", (8080, 8080), range)).await;
    assert_eq!(verdict.status, Status::Failed);
    assert_eq!(
        verdict.details,
        [
            "security group sg-0alb admits 0.0.0.0/0 on port 8080, expected only sg-0link (the VPC \
             link)"
        ]
    );
}

#[tokio::test]
async fn other_link_with_the_same_group_fails() {
    let recorded = Recorded::healthy().with(LINKS, |text| {
        let item = r#"{"vpcLinkId": "vl9other", "securityGroupIds": ["sg-0link"]}"#;
        text.replacen("\"items\": [", &format!("\"items\": [{item}, "), 1)
    });
    let verdict = checked(recorded).await;
    assert_eq!(verdict.status, Status::Failed);
    assert!(
        verdict.details[0].starts_with("VPC link vl9other has a security group of the VPC link")
    );
}

#[tokio::test]
async fn other_api_behind_the_same_link_is_not_proven() {
    let recorded = Recorded::healthy()
        .with(APIS, |text| {
            let item = r#"{"apiId": "f6e5d4c3b2", "name": "reports", "protocolType": "HTTP"}"#;
            text.replacen("\"Items\": [", &format!("\"Items\": [{item}, "), 1)
                .replacen("\"items\": [", &format!("\"items\": [{item}, "), 1)
        })
        .answering(
            "apigateway.GET@apis~f6e5d4c3b2~integrations.json",
            r#"{"items": [{"integrationId": "i1", "connectionId": "vl1abc"}]}"#,
        );
    let verdict = checked(recorded).await;
    assert_eq!(verdict.status, Status::NotProven);
    assert_eq!(
        verdict.details[0],
        "API reports (f6e5d4c3b2) sends requests through the same VPC link. Check that its routes have \
         the authorizer"
    );
}

#[tokio::test]
async fn link_that_is_not_admitted_fails() {
    let recorded = Recorded::healthy().with(RULES, |text| text.replace("sg-0link", "sg-0old"));
    let verdict = checked(recorded).await;
    assert_eq!(verdict.status, Status::Failed);
    assert_eq!(
        verdict.details,
        [
            "no rule admits sg-0link (the VPC link), so requests do not reach the load balancer",
            "security group sg-0alb admits sg-0old on port 443, expected only sg-0link (the VPC link)",
        ]
    );
}

#[tokio::test]
async fn link_that_is_admitted_on_another_port_fails() {
    let recorded = Recorded::healthy().with(LISTENER, |text| {
        text.replace("<Port>443</Port>", "<Port>8443</Port>")
    });
    let verdict = checked(recorded).await;
    assert_eq!(verdict.status, Status::Failed);
    assert!(verdict.details[0].starts_with("no rule admits sg-0link"));
}

#[tokio::test]
async fn group_that_the_load_balancer_lacks_fails() {
    let recorded = Recorded::healthy().with_parameter("AlbSecurityGroupId", "sg-0wrong");
    let verdict = checked(recorded).await;
    assert_eq!(verdict.status, Status::Failed);
    assert_eq!(
        verdict.details,
        ["AlbSecurityGroupId is sg-0wrong, but the load balancer has sg-0alb"]
    );
}

#[tokio::test]
async fn instance_in_the_group_of_the_link_fails() {
    let recorded = Recorded::healthy().with(INTERFACES, |text| {
        text.replacen("api_gateway_managed", "interface", 1)
            .replacen(
                "<instanceOwnerId>amazon-aws<",
                "<instanceId>i-0abc</instanceId><instanceOwnerId>111122223333<",
                1,
            )
    });
    let verdict = checked(recorded).await;
    assert_eq!(verdict.status, Status::Failed);
    assert_eq!(
        verdict.details,
        [
            "instance i-0abc (eni-0linka) has a security group of the VPC link (sg-0link), \
          expected only the link itself"
        ]
    );
}

#[tokio::test]
async fn functions_and_tasks_in_the_group_of_the_link_fail() {
    let function = Recorded::healthy().with(INTERFACES, |text| {
        text.replacen("api_gateway_managed", "lambda", 1)
    });
    let verdict = checked(function).await;
    assert!(verdict.details[0].starts_with("network interface eni-0linka of the type lambda"));

    let task = Recorded::healthy().with(INTERFACES, |text| {
        text.replacen("api_gateway_managed", "interface", 1)
            .replacen(
                "VPC link of API Gateway",
                "arn:aws:ecs:eu-west-1:111122223333:attachment/1",
                1,
            )
    });
    let verdict = checked(task).await;
    assert_eq!(verdict.details.len(), 1);
    assert!(verdict.details[0].starts_with("an ECS task (eni-0linka)"));
}

#[tokio::test]
async fn proof_of_origin_makes_other_ways_a_warning() {
    let recorded = with_rule(
        Recorded::healthy().with_parameter("OriginSecretArn", SECRET),
        "tcp",
        (443, 443),
        "<cidrIpv4>10.0.0.0/8</cidrIpv4>",
    );
    let verdict = checked(recorded).await;
    assert_eq!(verdict.status, Status::Warning);
    assert_eq!(verdict.details.len(), 2);
    assert!(verdict.details[1].starts_with("OriginSecretArn is set"));
}

#[tokio::test]
async fn proof_of_origin_does_not_replace_the_rule_for_the_link() {
    let recorded = Recorded::healthy()
        .with_parameter("OriginSecretArn", SECRET)
        .with(RULES, |text| text.replace("sg-0link", "sg-0old"));
    assert_eq!(checked(recorded).await.status, Status::Failed);
}

#[tokio::test]
async fn groups_of_a_given_link_are_expected() {
    assert_eq!(checked(with_given_link()).await.status, Status::Ok);

    let other = with_given_link()
        .with(LINK, |text| text.replace("sg-0link", "sg-0shared"))
        .answering(
            "ec2.DescribeNetworkInterfaces@sg-0shared.xml",
            "<r><networkInterfaceSet/></r>",
        );
    let verdict = checked(other).await;
    assert_eq!(verdict.status, Status::Failed);
    assert!(verdict.details[0].starts_with("no rule admits sg-0shared (the VPC link)"));
}

#[tokio::test]
async fn unknown_link_does_not_hide_other_sources() {
    let recorded = with_rule(
        with_given_link().denied(LINK),
        "tcp",
        (443, 443),
        "<cidrIpv4>10.0.0.0/8</cidrIpv4>",
    );
    let verdict = checked(recorded).await;
    assert_eq!(verdict.status, Status::Failed);
    assert_eq!(
        verdict.details,
        [
            "security group sg-0alb admits 10.0.0.0/8 on port 443, expected only the VPC link",
            "needs apigateway:GET",
            "security group sg-0alb admits sg-0link on port 443, which may be the group of the VPC link",
        ]
    );
}

#[tokio::test]
async fn missing_link_does_not_hide_other_sources() {
    let recorded = with_rule(
        with_given_link().missing(LINK),
        "-1",
        (-1, -1),
        "<cidrIpv4>0.0.0.0/0</cidrIpv4>",
    );
    let verdict = checked(recorded).await;
    assert_eq!(verdict.status, Status::Failed);
    assert_eq!(
        verdict.details,
        [
            "the VPC link does not exist",
            "security group sg-0alb admits 0.0.0.0/0 on all ports, expected only the VPC link",
            "security group sg-0alb admits sg-0link on port 443, which may be the group of the VPC link",
        ]
    );
}

#[tokio::test]
async fn groups_of_an_unknown_link_are_unproven() {
    let verdict = checked(with_given_link().denied(LINK)).await;
    assert_eq!(verdict.status, Status::NotChecked);
    assert_eq!(
        verdict.details,
        [
            "needs apigateway:GET",
            "security group sg-0alb admits sg-0link on port 443, which may be the group of the VPC link",
            "apart from that: the load balancer admits no range of addresses and no prefix list",
        ]
    );
}

#[tokio::test]
async fn missing_permissions_are_no_failure() {
    for (file, permission) in [
        (LOAD_BALANCER, "elasticloadbalancing:DescribeLoadBalancers"),
        (RULES, "ec2:DescribeSecurityGroupRules"),
        (LISTENER, "elasticloadbalancing:DescribeListeners"),
        (INTERFACES, "ec2:DescribeNetworkInterfaces"),
    ] {
        let verdict = checked(Recorded::healthy().denied(file)).await;
        assert_eq!(verdict.status, Status::NotChecked);
        assert_eq!(verdict.details[0], format!("needs {permission}"));
    }
}

#[tokio::test]
async fn backend_on_the_internet_has_no_load_balancer() {
    let recorded = Recorded::healthy().with_parameter("CreateVpcLink", "false");
    assert_eq!(checked(recorded).await.status, Status::NotApplicable);
}

#[tokio::test]
async fn composer_of_the_stack_is_admitted() {
    let verdict = checked(Recorded::composing()).await;
    let detail =
        "the load balancer admits only sg-0link (the VPC link) and sg-0composer (the composer)";
    assert_eq!(verdict, Verdict::ok(detail));
    let stack = Recorded::composing().stack().await;
    let listener = listener_arn(&stack).unwrap();
    assert_eq!(other_ways(&stack, &listener).await, Ok(OtherWays::Closed));
}

#[tokio::test]
async fn other_clients_in_the_group_of_the_composer_are_named() {
    const COMPOSER_INTERFACES: &str = "ec2.DescribeNetworkInterfaces@sg-0composer.xml";
    let recorded = Recorded::composing().with(COMPOSER_INTERFACES, |_| interfaces("interface"));
    let verdict = checked(recorded.clone()).await;
    assert_eq!(
        verdict,
        Verdict::failed(
            "network interface eni-0composer has the security group of the composer \
             (sg-0composer), expected only functions"
        )
    );
    let stack = recorded.stack().await;
    let listener = listener_arn(&stack).unwrap();
    assert_eq!(other_ways(&stack, &listener).await, Ok(OtherWays::Open));

    let stack = Recorded::composing()
        .denied(COMPOSER_INTERFACES)
        .stack()
        .await;
    assert_eq!(other_ways(&stack, &listener).await, Ok(OtherWays::Unknown));
    let verdict = check(&stack).await.unwrap();
    assert_eq!(verdict.status, Status::NotChecked, "{verdict:?}");
}

#[tokio::test]
async fn composer_without_its_rule_fails() {
    let recorded = Recorded::composing().with(RULES, |text| text.replace("sg-0composer", "sg-0x"));
    let verdict = checked(recorded).await;
    assert_eq!(verdict.status, Status::Failed);
    assert!(verdict.details[0].starts_with("security group sg-0alb admits sg-0x on port 443"));
    assert_eq!(
        verdict.details[1],
        "no rule admits sg-0composer (the composer), so its calls do not reach the load balancer"
    );
}
