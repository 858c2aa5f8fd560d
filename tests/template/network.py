"""Functions in the VPC: each has a way to what it calls."""

from __future__ import annotations

from typing import Any, Callable

from .document import Template
from .evaluation import Position, Unknown, grouped
from .positions import SAMPLES, all_positions, required, with_needs
from .rules import refusals
from .sources import PACKAGES

HTTPS = 443


def findings(template: Template) -> list[str]:
    return findings_in([*all_positions(template), *tried(template)])


def findings_in(positions: list[tuple[str, Position]]) -> list[str]:
    """Of those that `Rules` do not refuse."""
    served = [(label, position) for label, position in positions if not refusals(position)]
    return grouped([(label, it) for label, position in served for it in mistakes(position)])


def tried(template: Template) -> list[tuple[str, Position]]:
    """Each switch that moves a function into the VPC: with all ways that it needs, and with each left out in turn."""
    positions = []
    for switch in ("SyncInVpc", "MetricsInVpc"):
        if switch in template.parameters:
            whole = with_needs(template, {switch: "true", "SyncDnsServers": SAMPLES["SyncDnsServers"]})
            positions.append((f"{switch} with every way", Position(template, whole)))
            ways = [name for name in whole if name.startswith("Create") and name.endswith("Endpoint")]
            for way in [*ways, "RouteTableIds", "DynamoDbPrefixListId", "SyncDnsCidr"]:
                left = {name: value for name, value in whole.items() if name != way}
                positions.append((f"{switch} without {way}", Position(template, required(template) | left)))
            egress = {switch: "true", "SubnetsHaveEgress": "true", "PublishMetrics": "true"}
            given = ("SyncTargets", "SyncTargetGroupArns", "SyncDnsServers", "SyncDnsCidr")
            egress |= {name: SAMPLES[name] for name in given}
            positions.append((f"{switch} with egress", Position(template, required(template) | egress)))
    return positions


def mistakes(position: Position) -> list[str]:
    found = []
    for function, properties in position.of_type("AWS::Lambda::Function").items():
        if function in PACKAGES and "VpcConfig" in properties:
            groups = names(properties["VpcConfig"].get("SecurityGroupIds", []))
            for service in sorted(PACKAGES[function].called_services()):
                if mistake := no_way(position, groups, service):
                    found.append(f"{function} is in the VPC and has no way to {service}: {mistake}")
            if properties["Environment"]["Variables"].get("DNS_SERVERS") and not asks_names(position, groups):
                found.append(f"{function} is in the VPC and has no way to its name servers")
    return found


def names(groups: list[Any]) -> set[str]:
    return {target for group in groups if isinstance(group, Unknown) for target in group.targets}


def no_way(position: Position, groups: set[str], service: str) -> str | None:
    """What is missing."""
    if position.given.get("SubnetsHaveEgress") == "true":
        return None if lets_out(position, groups, is_anywhere) else "its security groups let nothing out"
    endpoints = position.of_type("AWS::EC2::VPCEndpoint").values()
    found = [it for it in endpoints if text(it["ServiceName"]).endswith(f".{service}")]
    if not found:
        return "there is no endpoint and no egress"
    if found[0].get("VpcEndpointType", "Gateway") == "Gateway":
        return no_way_through_gateway(position, groups, found[0])
    return no_way_through_interface(position, groups, found[0])


def no_way_through_gateway(position: Position, groups: set[str], endpoint: dict[str, Any]) -> str | None:
    if not any(endpoint.get("RouteTableIds", [])):
        return "the gateway endpoint is in no route table"
    listed = lets_out(position, groups, lambda rule: rule.get("DestinationPrefixListId") or is_anywhere(rule))
    return None if listed else "its security groups do not let it out to the gateway endpoint's prefix list"


def no_way_through_interface(position: Position, groups: set[str], endpoint: dict[str, Any]) -> str | None:
    if not endpoint.get("PrivateDnsEnabled"):
        return "the endpoint's private names are off"
    admitting = names(endpoint.get("SecurityGroupIds", []))
    if not any(lets_in(position, own, group) for own in admitting for group in groups):
        return "the endpoint's security group does not admit the function's"

    def to_endpoint(rule: dict[str, Any]) -> bool:
        return bool(admitting & names([rule.get("DestinationSecurityGroupId")])) or is_anywhere(rule)

    let_out = lets_out(position, groups, to_endpoint)
    return None if let_out else "its security groups do not let it out to the endpoint's"


def text(value: Any) -> str:
    return value.text if isinstance(value, Unknown) else str(value)


def rules(position: Position, group: str, direction: str) -> list[dict[str, Any]]:
    """A group's own, and those that are added to it."""
    own = position.resources.get(group, {}).get("Properties", {}).get(f"SecurityGroup{direction}", [])
    added = position.of_type(f"AWS::EC2::SecurityGroup{direction}").values()
    return [*own, *(rule for rule in added if group in names([rule.get("GroupId")]))]


def covers(rule: dict[str, Any], port: int, protocol: str = "tcp") -> bool:
    if str(rule.get("IpProtocol")) == "-1":
        return True
    return rule.get("IpProtocol") == protocol and int(rule["FromPort"]) <= port <= int(rule["ToPort"])


def is_anywhere(rule: dict[str, Any]) -> bool:
    return rule.get("CidrIp") == "0.0.0.0/0"


def lets_out(position: Position, groups: set[str], towards: Callable[[dict[str, Any]], Any]) -> bool:
    """To the port of HTTPS. A group that states nothing lets everything out."""
    stated = {group: rules(position, group, "Egress") for group in groups}
    return any(not of or any(covers(rule, HTTPS) and towards(rule) for rule in of) for of in stated.values())


def asks_names(position: Position, groups: set[str]) -> bool:
    """Over both transports: answers may not fit into a datagram."""
    stated = [rule for group in groups for rule in rules(position, group, "Egress")]
    named = [rule for rule in stated if not text(rule.get("CidrIp", "")).startswith("127.")]
    return all(any(covers(rule, 53, protocol) for rule in named) for protocol in ("tcp", "udp"))


def lets_in(position: Position, endpoint: str, group: str) -> bool:
    ingress = [rule for rule in rules(position, endpoint, "Ingress") if covers(rule, HTTPS)]
    return any(group in names([rule.get("SourceSecurityGroupId")]) for rule in ingress)
