"""Functions in the VPC: each has a way to what it calls."""

from __future__ import annotations

from typing import Any

from .document import Template
from .evaluation import Position, Unknown, grouped
from .positions import SAMPLES, all_positions, required, with_needs
from .rules import refusals
from .sources import PACKAGES

HTTPS = 443


def findings(template: Template) -> list[str]:
    found: list[tuple[str, str]] = []
    for label, position in [*all_positions(template), *tried(template)]:
        if not refusals(position):
            found += [(label, mistake) for mistake in mistakes(position)]
    return grouped(found)


def tried(template: Template) -> list[tuple[str, Position]]:
    """Each switch that moves a function into the VPC, with each of the ways it needs left out in turn."""
    positions = []
    for switch in ("SyncInVpc", "MetricsInVpc"):
        if switch in template.parameters:
            whole = with_needs(template, {switch: "true"})
            ways = [name for name in whole if name.startswith("Create") and name.endswith("Endpoint")]
            for way in [*ways, *(["RouteTableIds"] if "RouteTableIds" in whole else [])]:
                left = {name: value for name, value in whole.items() if name != way}
                positions.append((f"{switch} without {way}", Position(template, required(template) | left)))
            egress = {switch: "true", "SubnetsHaveEgress": "true", "PublishMetrics": "true"}
            egress |= {name: SAMPLES[name] for name in ("SyncTargets", "SyncTargetGroupArns")}
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
    return found


def names(groups: list[Any]) -> set[str]:
    return {target for group in groups if isinstance(group, Unknown) for target in group.targets}


def no_way(position: Position, groups: set[str], service: str) -> str | None:
    """What is missing."""
    if not any(lets_out(position, group) for group in groups):
        return "its security groups let nothing out to port 443"
    if position.given.get("SubnetsHaveEgress") == "true":
        return None
    wanted = f".{service}"
    endpoints = position.of_type("AWS::EC2::VPCEndpoint").values()
    found = [it for it in endpoints if text(it["ServiceName"]).endswith(wanted)]
    if not found:
        return "there is no endpoint and no egress"
    if found[0].get("VpcEndpointType", "Gateway") == "Gateway":
        return None if any(found[0].get("RouteTableIds", [])) else "the gateway endpoint is in no route table"
    if not found[0].get("PrivateDnsEnabled"):
        return "the endpoint's private names are off"
    admitting = names(found[0].get("SecurityGroupIds", []))
    admitted = any(lets_in(position, endpoint, group) for endpoint in admitting for group in groups)
    return None if admitted else "the endpoint's security group does not admit the function's"


def text(value: Any) -> str:
    return value.text if isinstance(value, Unknown) else str(value)


def rules(position: Position, group: str, direction: str) -> list[dict[str, Any]]:
    """A group's own, and those that are added to it."""
    own = position.resources.get(group, {}).get("Properties", {}).get(f"SecurityGroup{direction}", [])
    added = position.of_type(f"AWS::EC2::SecurityGroup{direction}").values()
    return [*own, *(rule for rule in added if group in names([rule.get("GroupId")]))]


def covers(rule: dict[str, Any], port: int) -> bool:
    if str(rule.get("IpProtocol")) == "-1":
        return True
    return rule.get("IpProtocol") == "tcp" and int(rule["FromPort"]) <= port <= int(rule["ToPort"])


def nowhere(rule: dict[str, Any]) -> bool:
    """How a group that lets nothing out is written."""
    return text(rule.get("CidrIp", "")).startswith("127.")


def lets_out(position: Position, group: str) -> bool:
    """A group that says nothing lets everything out."""
    stated = rules(position, group, "Egress")
    return not stated or any(covers(rule, HTTPS) and not nowhere(rule) for rule in stated)


def lets_in(position: Position, endpoint: str, group: str) -> bool:
    ingress = [rule for rule in rules(position, endpoint, "Ingress") if covers(rule, HTTPS)]
    return any(group in names([rule.get("SourceSecurityGroupId")]) for rule in ingress)
