"""Network access of functions in the VPC to the services that they call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from template.parameter_sets import SAMPLES, all_stacks, required, with_needs
from template.rust_sources import PACKAGES
from template.stack import Stack, Unknown, evaluate_all, grouped
from template.templates import Template

HTTPS_PORT, DNS_PORT = 443, 53


def findings(template: Template) -> list[str]:
    return findings_in([*all_stacks(template), *stacks_in_vpc(template)])


def findings_in(stacks: list[tuple[str, Stack]]) -> list[str]:
    """Checks the stacks that the template's rules accept."""
    accepted = [(label, stack) for label, stack in stacks if not stack.failed_assertions]
    return grouped([(label, error) for label, stack in accepted for error in stack_errors(stack)])


def stacks_in_vpc(template: Template) -> list[tuple[str, Stack]]:
    """Puts each function into the VPC that can be there: with all access it needs, and with each
    part missing in turn.
    """
    stacks = []
    for switch in ("AuthorizerInVpc", "LimiterInVpc", "SyncInVpc", "MetricsInVpc", "Compositions"):
        if switch in template.parameters:
            value = SAMPLES.get(switch, "true")
            complete = with_needs(
                template, {switch: value, "SyncDnsServers": SAMPLES["SyncDnsServers"]}
            )
            stacks.append((f"{switch} with full access", Stack(template, complete)))
            endpoints = ["CreateDynamoDbEndpoint", "EndpointSecurityGroupId"]
            for missing in [*endpoints, "RouteTableIds", "DynamoDbPrefixListId", "SyncDnsCidr"]:
                rest = {name: value for name, value in complete.items() if name != missing}
                stacks.append(
                    (f"{switch} without {missing}", Stack(template, required(template) | rest))
                )

            egress = {switch: value, "SubnetsHaveEgress": "true", "PublishMetrics": "true"}
            names = ("SyncTargets", "SyncTargetGroupArns", "SyncDnsServers", "SyncDnsCidr")
            egress |= {name: SAMPLES[name] for name in names}
            stacks.append((f"{switch} with egress", Stack(template, required(template) | egress)))

    evaluate_all([stack for _, stack in stacks])
    return stacks


def stack_errors(stack: Stack) -> list[str]:
    found = []
    for function, properties in stack.of_type("AWS::Lambda::Function").items():
        if function in PACKAGES and "VpcConfig" in properties:
            groups = targets(properties["VpcConfig"].get("SecurityGroupIds", []))
            for service in sorted(PACKAGES[function].called_services()):
                if error := access_error(stack, groups, service):
                    found.append(f"{function} is in the VPC and cannot reach {service}: {error}")
            if properties["Environment"]["Variables"].get("DNS_SERVERS") and not allows_dns(
                stack, groups
            ):
                found.append(f"{function} is in the VPC and cannot reach its DNS servers")
    return found


def targets(values: list[Any]) -> set[str]:
    """Returns the resources that the values refer to."""
    return {target for value in values if isinstance(value, Unknown) for target in value.targets}


def access_error(stack: Stack, groups: set[str], service: str) -> str | None:
    """Returns the reason why a function with these security groups cannot reach a service, or None."""
    if stack.given.get("SubnetsHaveEgress") == "true":
        return (
            None
            if allows_egress(stack, groups, is_anywhere)
            else "its security groups allow no egress"
        )
    endpoints = stack.of_type("AWS::EC2::VPCEndpoint").values()
    matching = [it for it in endpoints if text(it["ServiceName"]).endswith(f".{service}")]
    if matching:
        return gateway_endpoint_error(stack, groups, matching[0])
    if service == "dynamodb" and stack.given.get("DynamoDbPrefixListId"):
        return prefix_list_error(stack, groups)
    if group := stack.given.get("EndpointSecurityGroupId"):
        return interface_endpoint_error(stack, groups, group)
    return "there is no endpoint and no egress"


def gateway_endpoint_error(stack: Stack, groups: set[str], endpoint: dict[str, Any]) -> str | None:
    if not any(endpoint.get("RouteTableIds", [])):
        return "the gateway endpoint is in no route table"
    return prefix_list_error(stack, groups)


def prefix_list_error(stack: Stack, groups: set[str]) -> str | None:
    """Checks the way to a gateway endpoint, which can also be outside the stack."""
    is_allowed = allows_egress(
        stack, groups, lambda rule: rule.get("DestinationPrefixListId") or is_anywhere(rule)
    )
    return (
        None
        if is_allowed
        else "its security groups allow no egress to the gateway endpoint's prefix list"
    )


def interface_endpoint_error(stack: Stack, groups: set[str], endpoint_group: str) -> str | None:
    """Checks the way to endpoints of another stack, of which only the security group is known."""
    if not any(allows_ingress(stack, endpoint_group, group) for group in groups):
        return "the endpoint's security group does not allow the function's"

    is_allowed = allows_egress(
        stack, groups, lambda rule: rule.get("DestinationSecurityGroupId") == endpoint_group
    )
    return None if is_allowed else "its security groups allow no egress to the endpoint's"


def text(value: Any) -> str:
    return value.text if isinstance(value, Unknown) else str(value)


def group_rules(stack: Stack, group: str, direction: str) -> list[dict[str, Any]]:
    """Returns the rules of a security group, including those that are separate resources."""
    own = stack.resources.get(group, {}).get("Properties", {}).get(f"SecurityGroup{direction}", [])
    separate = stack.of_type(f"AWS::EC2::SecurityGroup{direction}").values()
    return [*own, *(rule for rule in separate if is_group(rule.get("GroupId"), group))]


def is_group(value: Any, group: str) -> bool:
    """True if a value is the security group with this ID or logical ID."""
    return value == group or group in targets([value])


def covers(rule: dict[str, Any], port: int, protocol: str = "tcp") -> bool:
    if str(rule.get("IpProtocol")) == "-1":
        return True
    return rule.get("IpProtocol") == protocol and int(rule["FromPort"]) <= port <= int(
        rule["ToPort"]
    )


def is_anywhere(rule: dict[str, Any]) -> bool:
    return rule.get("CidrIp") == "0.0.0.0/0"


def allows_egress(
    stack: Stack, groups: set[str], has_destination: Callable[[dict[str, Any]], Any]
) -> bool:
    """True if HTTPS to a destination is allowed. A group without egress rules allows everything."""
    rules_by_group = [group_rules(stack, group, "Egress") for group in groups]
    return any(
        not rules or any(covers(rule, HTTPS_PORT) and has_destination(rule) for rule in rules)
        for rules in rules_by_group
    )


def allows_dns(stack: Stack, groups: set[str]) -> bool:
    """True if DNS is allowed over UDP and TCP, which long responses need."""
    rules = [rule for group in groups for rule in group_rules(stack, group, "Egress")]
    rules = [rule for rule in rules if not text(rule.get("CidrIp", "")).startswith("127.")]
    return all(
        any(covers(rule, DNS_PORT, protocol) for rule in rules) for protocol in ("tcp", "udp")
    )


def allows_ingress(stack: Stack, endpoint_group: str, group: str) -> bool:
    rules = [
        rule for rule in group_rules(stack, endpoint_group, "Ingress") if covers(rule, HTTPS_PORT)
    ]
    return any(group in targets([rule.get("SourceSecurityGroupId")]) for rule in rules)
