"""The positions of a template's parameters that are looked at: each alone, all together, and mixtures."""

from __future__ import annotations

import functools
import random
from typing import Any, Iterator

from .document import Template
from .evaluation import Position
from .rules import refusals

ALB = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/internal/0123456789abcdef/0123456789abcdef"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/orders/0123456789abcdef"
# What somebody would give, for whatever is no choice between named values.
SAMPLES: dict[str, Any] = {
    "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:alarms",
    "AlbDnsName": "internal-orders-1.us-east-1.elb.amazonaws.com",
    "AlbHostedZoneId": "Z35SXDOTRQ7X7K",
    "AlbListenerArn": ALB,
    "AlbListenerPort": 443,
    "AlbSecurityGroupId": "sg-0123456789abcdef0",
    "AllowedOrigins": "https://app.example.com,https://admin.example.com",
    "AuthPolicy": "table:edge",
    "AuthorizerProvisionedConcurrency": 2,
    "BackendTlsServerName": "orders.internal.example.com",
    "BackendUrl": "https://orders.example.com",
    "CanaryWeight": 50,
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/01234567-0123-0123-0123-0123456789ab",
    "CertificateName": "orders.internal.example.com",
    "DecisionDeadlineMs": 500,
    "DeletionProtection": "true",
    "DomainName": "api.example.com",
    "DynamoDbPrefixListId": "pl-02cd2c6b",
    "EndpointClientCidr": "10.0.0.0/16",
    "HostedZoneId": "Z0123456789ABCDEFGHIJ",
    "FirstZone": "us-east-1a",
    "JwtAudience": "https://api.example.com",
    "JwtIssuer": "https://auth.example.com",
    "LimiterReservedConcurrency": 5,
    "LocalInstances": 3,
    "MaxSeries": 1_000,
    "MetricsNamespace": "Shop/Network",
    "NlbClientCidr": "10.0.0.0/16",
    "NlbListenerPort": 8443,
    "PrivateSubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "PrivateZoneName": "backend.internal",
    "ProbeServices": "monitoring,sts",
    "RegistryTableName": "tollgate-registry",
    "ResolverClientCidr": "192.168.0.0/16",
    "ResolverForwardDomain": "corp.example.com",
    "ResolverForwardTargets": "192.168.0.2,192.168.1.2",
    "RouteTableIds": "rtb-0123456789abcdef0,rtb-0123456789abcdef1",
    "SecondZone": "us-east-1b",
    "SecretArns": "arn:aws:secretsmanager:us-east-1:123456789012:secret:idp-Ab3dEf",
    "StableWeight": 50,
    "StageBurstLimit": 50,
    "StageName": "live",
    "StageRateLimit": 100,
    "SyncDnsCidr": "10.0.0.2/32",
    "SyncDnsServers": "10.0.0.2:53",
    "SyncIntervalSeconds": 120,
    "SyncMaxDeregistrationPercent": 25,
    "SyncMaxLookups": 300,
    "SyncMisses": 5,
    "SyncTargetGroupArns": GROUP,
    "SyncTargets": '[{"name":"internal-a.elb.amazonaws.com","target_group_arn":"%s","port":443}]' % GROUP,
    "ThrottledRulePriority": 11,
    "TruststoreUri": "s3://trust-store/truststore.pem",
    "TruststoreVersion": "3sL4kqtJlcpXroDTDmJ",
    "UnavailableRulePriority": 12,
    "UsageTableName": "tollgate-usage",
    "VpcCidr": "10.8.0.0/16",
    "VpcId": "vpc-0123456789abcdef0",
}
# What a parameter asks for besides.
NEEDS: dict[str, dict[str, Any]] = {
    "AlarmTopicArn": {"CreateAlarms": "true"},
    "AlbListenerPort": {"BackendTlsServerName": ...},
    "CertificateArn": {"DomainName": ..., "CertificateName": ...},
    "CertificateName": {"CertificateArn": ...},
    "CreateMetricsQueue": {"PublishMetrics": "true"},
    "CreateNlb": {"AlbDnsName": ...},
    "CreatePrivateZone": {"PrivateZoneName": ..., "AlbDnsName": ..., "AlbHostedZoneId": ...},
    "CreateResolver": {"ResolverClientCidr": ...},
    "CreateVpcLink": {"BackendUrl": ...},
    "CreateDynamoDbEndpoint": {"RouteTableIds": ...},
    "CreateS3Endpoint": {"RouteTableIds": ...},
    "DomainName": {"CertificateArn": ...},
    "Environment": {"DeletionProtection": ...},
    "HostedZoneId": {"DomainName": ...},
    "JwtAudience": {"JwtIssuer": ...},
    "JwtIssuer": {"JwtAudience": ...},
    "MetricsInVpc": {
        "PublishMetrics": "true",
        "CreateMonitoringEndpoint": "true",
        "CreateDynamoDbEndpoint": "true",
        "DynamoDbPrefixListId": ...,
    },
    "NlbClientCidr": {"CreateNlb": "true"},
    "ProbeEndpoints": {"PublishMetrics": "true"},
    "ResolverForwardDomain": {"CreateResolver": "true", "ResolverForwardTargets": ...},
    "ResolverForwardTargets": {"ResolverForwardDomain": ...},
    "SyncInVpc": {
        "SyncTargets": ...,
        "CreateDynamoDbEndpoint": "true",
        "CreateElasticLoadBalancingEndpoint": "true",
        "DynamoDbPrefixListId": ...,
    },
    "SyncDnsServers": {"SyncDnsCidr": ...},
    "SyncReservedConcurrency": {"SyncTargets": ...},
    **{
        name: {"SyncTargets": ...}
        for name in ("SyncMisses", "SyncIntervalSeconds", "SyncMaxDeregistrationPercent", "SyncMaxLookups",
                     "SyncRemoveUntracked", "SyncDryRun")
    },
    "SyncTargets": {"SyncTargetGroupArns": ...},
    "TruststoreUri": {"DomainName": ..., "DailyHealthRequest": "false"},
    "TruststoreVersion": {"TruststoreUri": ...},
}
# What makes no sense, and is made of values that do by themselves.
SLIPS: list[dict[str, Any]] = [{"ThrottledRulePriority": 7, "UnavailableRulePriority": 7}]
# What each interface endpoint asks for.
INTERFACES = """
    Monitoring ElasticLoadBalancing Logs Sts Kms Ssm SecretsManager EcrApi EcrDkr Ecs Ec2 Lambda Events Xray
""".split()
NEEDS |= {f"Create{service}Endpoint": {"EndpointClientCidr": ...} for service in INTERFACES}
# Left out of everything together, because they exclude what is in it.
APART = {"AuthPolicy", "CreateVpcLink"}
MIXTURES = 30


def others(template: Template, name: str) -> list[Any]:
    """What a parameter can be beside its default; of long lists the ends."""
    parameter = template.parameters[name]
    if "AllowedValues" in parameter:
        rest = [value for value in parameter["AllowedValues"] if value != parameter.get("Default")]
        return rest if len(rest) <= 3 else [rest[0], rest[-1]]
    return [SAMPLES[name]] if name in SAMPLES else []


def required(template: Template) -> dict[str, Any]:
    return {name: others(template, name)[0] for name, it in template.parameters.items() if "Default" not in it}


def with_needs(template: Template, given: dict[str, Any]) -> dict[str, Any]:
    """What is given, with what that asks for, and so on."""
    given, waiting = dict(given), list(given)
    while waiting:
        for name, value in NEEDS.get(waiting.pop(), {}).items():
            if name in template.parameters and name not in given:
                given[name] = SAMPLES[name] if value is ... else value
                waiting.append(name)
    return {**required(template), **given}


def changed(template: Template, name: str, value: Any) -> dict[str, Any]:
    """One parameter changed, with what that asks for. To switch something off asks for nothing, except for the VPC link,
    in whose place the backend needs an address."""
    switched_off = value == "false" and name != "CreateVpcLink"
    return {**required(template), name: value} if switched_off else with_needs(template, {name: value})


def together(template: Template) -> dict[str, Any]:
    """As much as goes together: every switch on, and something in every place."""
    given = {}
    for name, parameter in template.parameters.items():
        if name not in APART and (values := others(template, name)):
            given[name] = "true" if "true" in parameter.get("AllowedValues", []) else values[-1]
    off = [name for need in given for name, value in NEEDS.get(need, {}).items() if value == "false"]
    return given | {name: "false" for name in off if name in given}


@functools.lru_cache(maxsize=16)
def all_positions(template: Template) -> list[tuple[str, Position]]:
    """With what findings call them. A test holds that `Rules` refuse none of them."""
    return list(positions_in_turn(template))


def positions_in_turn(template: Template) -> Iterator[tuple[str, Position]]:
    yield "defaults", Position(template, required(template))
    for name in template.parameters:
        for value in others(template, name):
            yield f"{name}={value}", Position(template, changed(template, name, value))
    yield "together", Position(template, together(template))
    yield from mixtures(template)


def mixtures(template: Template) -> Iterator[tuple[str, Position]]:
    """The same in each run."""
    chance = random.Random(template.path)
    found = 0
    for number in range(20 * MIXTURES):
        picked = chance.sample(sorted(template.parameters), k=chance.randint(2, max(2, len(template.parameters) // 3)))
        given = {name: chance.choice(values) for name in picked if (values := others(template, name))}
        position = Position(template, with_needs(template, given))
        if not refusals(position):
            yield f"mixture {number}: {sorted(given)}", position
            found += 1
        if found == MIXTURES:
            return
