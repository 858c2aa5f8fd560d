"""The sets of parameter values for which the tests evaluate a template.

Each parameter is changed by itself, all are changed together, and random sets are mixed with a
fixed seed.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from typing import Any

from template.stack import Parameters, Stack, evaluate_all, failed_assertions
from template.templates import LOOPS, Template

LISTENER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/internal/0123456789abcdef/0123456789abcdef"
TARGET_GROUP = (
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/orders/0123456789abcdef"
)
COLLECTOR_LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:opentelemetry-collector:7"
# A typical value of each parameter that has no list of allowed values.
SAMPLES: dict[str, Any] = {
    "AccessLogGroupName": "/aws/apigateway/tollgate",
    "AlbSyncFunctionName": "tollgate-alb-sync",
    "AlbSyncLogGroupName": "/aws/lambda/tollgate-alb-sync",
    "ComposerFunctionName": "tollgate-composer",
    "ComposerLogGroupName": "/aws/lambda/tollgate-composer",
    "ApiId": "a1b2c3d4e5",
    "AuthorizerAliasArn": "arn:aws:lambda:us-east-1:123456789012:function:tollgate-authorizer:live",
    "AuthorizerFaultsAlarmName": "tollgate-AuthorizerFaultsAlarm",
    "AuthorizerFunctionName": "tollgate-authorizer",
    "AuthorizerLogGroupName": "/aws/lambda/tollgate-authorizer",
    "AuthorizerId": "abc123",
    "LimiterFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:tollgate-limiter",
    "LimiterFunctionName": "tollgate-limiter",
    "LimiterLogGroupName": "/aws/lambda/tollgate-limiter",
    "MetricsDeadLettersName": "tollgate-MetricsDeadLetters",
    "MetricsPublisherFunctionName": "tollgate-metrics-publisher",
    "MetricsPublisherLogGroupName": "/aws/lambda/tollgate-metrics-publisher",
    "ParentStackName": "tollgate",
    "ScheduleDeadLettersName": "tollgate-ScheduleDeadLetters",
    "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:alarms",
    "AlbDnsName": "internal-orders-1.us-east-1.elb.amazonaws.com",
    "AlbHostedZoneId": "Z35SXDOTRQ7X7K",
    "AlbListenerArn": LISTENER,
    "AlbListenerPort": 443,
    "AlbSecurityGroupId": "sg-0123456789abcdef0",
    "AllowedOrigins": "https://app.example.com,https://admin.example.com",
    "ApiMappingKey": "orders/v1",
    "AuthPolicy": "table:edge",
    "AuthorizerProvisionedConcurrency": 2,
    "BackendTlsServerName": "orders.internal.example.com",
    "BackendUrl": "https://orders.example.com",
    "CaBundleLayerArn": "arn:aws:lambda:us-east-1:123456789012:layer:private-ca:1",
    "CanaryWeight": 50,
    "CreateMetricsQueue": "arn:aws:sns:us-east-1:123456789012:calls",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/01234567-0123-0123-0123-0123456789ab",
    "CertificateName": "orders.internal.example.com",
    "ClientCidr": "10.0.0.0/16",
    "Compositions": "table:mobile",
    "CompositionsPrefix": "/api/mobile",
    "DecisionDeadlineMs": 500,
    "DeletionProtection": "true",
    "DnsName": "internal-orders-1.us-east-1.elb.amazonaws.com",
    "DomainName": "api.example.com",
    "DynamoDbPrefixListId": "pl-02cd2c6b",
    "EndpointSecurityGroupId": "sg-0123456789abcdef1",
    "FrontSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:front-Ab3dEf",
    "FrontSecretVersion": "01234567-89ab-cdef-0123-456789abcdef",
    "HostedZoneId": "Z0123456789ABCDEFGHIJ",
    "Email": "ops@example.com",
    "FirstZone": "us-east-1a",
    "InterfaceEndpoints": ",".join(LOOPS["InterfaceEndpoints"]),
    "HttpApiId": "a1b2c3d4e5",
    "HttpApiStage": "live",
    "JwtAudience": "https://api.example.com",
    "JwtIssuer": "https://auth.example.com",
    "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/01234567-0123-0123-0123-0123456789ab",
    "LimiterReservedConcurrency": 5,
    "ListenerPort": 8443,
    "LocalInstances": 3,
    "MaxSeries": 1_000,
    "MetricsNamespace": "Shop/Network",
    "OwnershipVerificationCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/11234567-0123-0123-0123-0123456789ab",
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
    "OriginDomainName": "d-0123456789.execute-api.us-east-1.amazonaws.com",
    "OriginSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:origin-Ab3dEf",
    "OriginSecretVersion": "01234567-89ab-cdef-0123-456789abcdef",
    "Plan": "pro",
    "PrivateSubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "PrivateZoneName": "backend.internal",
    "ProtectedIntegrationId": "def456",
    "PublicIntegrationId": "def789",
    "ProbeServices": "monitoring,sts",
    "RegistryTableName": "tollgate-registry",
    "ResolverClientCidr": "192.168.0.0/16",
    "ResolverForwardDomain": "corp.example.com",
    "ResolverForwardTargets": "192.168.0.2,192.168.1.2",
    "RouteTableIds": "rtb-0123456789abcdef0,rtb-0123456789abcdef1",
    "Runbook": "https://wiki.example.com/tollgate/runbook",
    "RunbookUrl": "https://wiki.example.com/tollgate/runbook",
    "SecondZone": "us-east-1b",
    "SecretArns": "arn:aws:secretsmanager:us-east-1:123456789012:secret:idp-Ab3dEf",
    "ForbiddenPercent": 30,
    "PartialPercent": 10,
    "RefusalMinimumRequests": 200,
    "ThrottledPercent": 50,
    "UnauthorizedPercent": 10,
    "StableWeight": 50,
    "StageBurstLimit": 50,
    "StageName": "live",
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "StageRateLimit": 100,
    "SyncDnsCidr": "10.0.0.2/32",
    "SyncDnsServers": "10.0.0.2:53",
    "SyncIntervalSeconds": 120,
    "SyncMaxDeregistrationPercent": 25,
    "SyncMaxLookups": 300,
    "SyncMisses": 5,
    "SyncTargetGroupArns": TARGET_GROUP,
    "SyncTargets": '[{"name":"internal-a.elb.amazonaws.com","target_group_arn":"%s","port":443}]'
    % TARGET_GROUP,
    "TargetGroupArn": TARGET_GROUP,
    "TargetPort": 8443,
    "ThrottledRulePriority": 11,
    "Tracing": "Active",
    "TruststoreUri": "s3://trust-store/truststore.pem",
    "TruststoreVersion": "3sL4kqtJlcpXroDTDmJ",
    "UnavailableRulePriority": 12,
    "UsageTableName": "tollgate-usage",
    "VpcCidr": "10.8.0.0/16",
    "VpcLinkId": "a1b2c3",
    "VpcId": "vpc-0123456789abcdef0",
    "WebAclArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/api/01234567-89ab-cdef-0123-456789abcdef",
}
# The values that other parameters need if a parameter is set. `...` stands for the typical value.
NEEDS: dict[str, dict[str, Any]] = {
    "AlarmTopicArn": {"CreateAlarms": "true"},
    "AlbSyncFunctionName": {"AlbSyncLogGroupName": ...},
    "AlbSyncLogGroupName": {"AlbSyncFunctionName": ...},
    "ComposerFunctionName": {"ComposerLogGroupName": ...},
    "ComposerLogGroupName": {"ComposerFunctionName": ...},
    "Compositions": {"CreateDynamoDbEndpoint": "true", "DynamoDbPrefixListId": ...},
    "CompositionsPrefix": {"Compositions": ...},
    "AlbListenerPort": {"BackendTlsServerName": ...},
    "AuthorizerId": {"ProtectedIntegrationId": ..., "PublicIntegrationId": ...},
    "ProtectedIntegrationId": {"AuthorizerId": ..., "PublicIntegrationId": ...},
    "PublicIntegrationId": {"AuthorizerId": ..., "ProtectedIntegrationId": ...},
    "AuthorizerInVpc": {"CreateDynamoDbEndpoint": "true", "DynamoDbPrefixListId": ...},
    "CertificateArn": {"DomainName": ..., "CertificateName": ...},
    "CertificateName": {"CertificateArn": ...},
    "CreateMetricsQueue": {"PublishMetrics": "true"},
    "AlbDnsName": {"PrivateZoneName": ...},
    "AlbHostedZoneId": {"PrivateZoneName": ...},
    "PrivateZoneName": {"AlbDnsName": ..., "AlbHostedZoneId": ...},
    "CreateVpcLink": {"BackendUrl": ...},
    "CreateDynamoDbEndpoint": {"RouteTableIds": ...},
    "CreateS3Endpoint": {"RouteTableIds": ...},
    "DisableExecuteApiEndpoint": {"DomainName": ...},
    "ApiMappingKey": {"DomainName": ...},
    "HttpApiStage": {"HttpApiId": ...},
    "OnThrottle=function": {"HttpApiId": ..., "CreateVpcLink": "false", "BackendUrl": ""},
    "Environment": {"DeletionProtection": ...},
    "HostedZoneId": {"CertificateArn": ...},
    "JwtAudience": {"JwtIssuer": ...},
    "JwtIssuer": {"JwtAudience": ...},
    "LimiterInVpc": {"CreateDynamoDbEndpoint": "true", "DynamoDbPrefixListId": ...},
    "MetricsDeadLettersName": {"MetricsPublisherFunctionName": ...},
    "MetricsPublisherFunctionName": {
        "MetricsDeadLettersName": ...,
        "MetricsPublisherLogGroupName": ...,
    },
    "MetricsPublisherLogGroupName": {"MetricsPublisherFunctionName": ...},
    "MetricsInVpc": {
        "PublishMetrics": "true",
        "EndpointSecurityGroupId": ...,
        "CreateDynamoDbEndpoint": "true",
        "DynamoDbPrefixListId": ...,
    },
    "OwnershipVerificationCertificateArn": {"TruststoreUri": ...},
    "OriginSecretVersion": {"OriginSecretArn": ...},
    "PublicHealth": {"DailyHealthRequest": "false"},
    "NlbClientCidr": {"CreateNlb": "true"},
    "ProbeServices": {"PublishMetrics": "true"},
    "ThresholdEvents": {"PublishMetrics": "true"},
    "ResolverForwardDomain": {"ResolverClientCidr": ..., "ResolverForwardTargets": ...},
    "ResolverForwardTargets": {"ResolverForwardDomain": ...},
    "SyncInVpc": {
        "SyncTargets": ...,
        "CreateDynamoDbEndpoint": "true",
        "EndpointSecurityGroupId": ...,
        "DynamoDbPrefixListId": ...,
    },
    "SyncDnsServers": {"SyncDnsCidr": ...},
    **{
        name: {"SyncTargets": ...}
        for name in (
            "SyncMisses",
            "SyncIntervalSeconds",
            "SyncMaxDeregistrationPercent",
            "SyncMaxLookups",
            "SyncRemoveUntracked",
            "SyncDryRun",
        )
    },
    "SyncTargets": {"SyncTargetGroupArns": ...},
    "TruststoreUri": {"CertificateArn": ..., "DailyHealthRequest": "false"},
    "TruststoreVersion": {"TruststoreUri": ...},
}
COMPOSED = {
    "Compositions": (
        '{"services":{"default":{"url":"http://alb.example"}},'
        '"routes":{"GET /bff/home":{"parts":{"user":{"get":"/users/{user_id}"}}}}}'
    ),
    "DynamoDbPrefixListId": SAMPLES["DynamoDbPrefixListId"],
}
# Sets of values that are invalid only together.
INVALID_TOGETHER: list[dict[str, Any]] = [
    {"Tracing": COLLECTOR_LAYER, "LimiterInVpc": "true", "DynamoDbPrefixListId": SAMPLES["DynamoDbPrefixListId"]},
    {"ThrottledRulePriority": 7, "UnavailableRulePriority": 7},
    {**COMPOSED, "VpcLinkId": "a1b2c3", "VpcId": "", "PrivateSubnetIds": ""},
]
# Valid sets of several values that no other set includes.
VALID_TOGETHER: list[dict[str, Any]] = [
    {"HttpApiId": "a1b2c3d4e5", "CreateVpcLink": "false", "AlbListenerArn": "", "VpcId": ""},
    {"HttpApiId": "a1b2c3d4e5", "CreateVpcLink": "false", "BackendUrl": "https://orders.example.com"},
    {"HttpApiId": "none"},
    {"HttpApiId": "none", "CreateVpcLink": "false", "OnThrottle": "function", "CustomersPage": "true"},
    {"HttpApiId": "none", "CreateAlarms": "true", "CreateDashboard": "true", "PublishMetrics": "true"},
    {"HttpApiId": "a1b2c3d4e5", "CreateAlarms": "true", "CreateDashboard": "true", "PublishMetrics": "true"},
    {"VpcLinkId": "a1b2c3", "AlbSecurityGroupId": "", "VpcId": "", "PrivateSubnetIds": ""},
    {"DomainName": "api.example.com", "ApiMappingKey": "orders/v1", "CertificateArn": SAMPLES["CertificateArn"]},
    {**COMPOSED, "Tracing": COLLECTOR_LAYER, "EndpointSecurityGroupId": SAMPLES["EndpointSecurityGroupId"]},
    {"Tracing": COLLECTOR_LAYER, "SyncTargets": SAMPLES["SyncTargets"], "SyncTargetGroupArns": TARGET_GROUP, "PublishMetrics": "true"},
    {"Tracing": "http://collector.internal:4318", "CaBundleLayerArn": SAMPLES["CaBundleLayerArn"]},
    COMPOSED,
    {**COMPOSED, "BackendUrl": "http://internal-alb-1.us-east-1.elb.amazonaws.com"},
    {**COMPOSED, "HttpApiId": "none"},
    {**COMPOSED, "HttpApiId": "a1b2c3d4e5"},
    {**COMPOSED, "AllowedOrigins": SAMPLES["AllowedOrigins"], "PublishMetrics": "true"},
    {**COMPOSED, "VpcLinkId": "a1b2c3", "AlbSecurityGroupId": ""},
    {**COMPOSED, "CreateVpcLink": "false", "BackendUrl": SAMPLES["BackendUrl"], "VpcId": "", "PrivateSubnetIds": "", "DynamoDbPrefixListId": ""},
]
# Parameters whose value "false" needs others.
NEEDED_BY_FALSE = {"CreateVpcLink", "PublicHealth"}
# Parameters whose empty default is valid only without a VPC link, which is on by default.
NETWORK = ("VpcId", "PrivateSubnetIds", "AlbListenerArn", "AlbSecurityGroupId")
# Parameters that exclude others and therefore keep their defaults in `everything_on`.
NOT_IN_EVERYTHING = {"AuthPolicy", "CreateVpcLink", "HttpApiId", "HttpApiStage", "VpcLinkId"}
RANDOM_SETS = 30


def other_values(template: Template, name: str) -> list[Any]:
    """Returns values of a parameter other than its default. Of a long list of allowed values, only
    the ends.
    """
    parameter = template.parameters[name]
    if "AllowedValues" in parameter:
        others = [
            value for value in parameter["AllowedValues"] if value != parameter.get("Default")
        ]
        return others if len(others) <= 3 else [others[0], others[-1]]
    return [SAMPLES[name]] if name in SAMPLES else []


def required(template: Template) -> Parameters:
    """Returns values for the parameters without a default, or whose default is not valid by itself."""
    return {
        name: other_values(template, name)[0]
        for name, it in template.parameters.items()
        if "Default" not in it or name in NETWORK
    }


def with_needs(template: Template, given: Parameters) -> Parameters:
    """Adds the values that the given ones need, directly or indirectly, and the required ones."""
    complete, waiting = dict(given), list(given)
    while waiting:
        given_name = waiting.pop()
        needs = NEEDS.get(given_name, {}) | NEEDS.get(f"{given_name}={complete[given_name]}", {})
        for name, value in needs.items():
            if name in template.parameters and name not in complete:
                complete[name] = SAMPLES[name] if value is ... else value
                waiting.append(name)
    return {**required(template), **complete}


def with_change(template: Template, name: str, value: Any) -> Parameters:
    """Changes one parameter, with the values that the change needs.

    A feature that is turned off needs nothing, except some: without a VPC link, the backend needs a
    URL.
    """
    is_turned_off = value == "false" and name not in NEEDED_BY_FALSE
    return (
        {**required(template), name: value}
        if is_turned_off
        else with_needs(template, {name: value})
    )


def without_network(template: Template) -> Parameters:
    """Sends requests to a URL, without a VPC, an ALB and their parameters."""
    given = with_needs(template, {"CreateVpcLink": "false"})
    return {name: value for name, value in given.items() if name not in NETWORK}


def everything_on(template: Template) -> Parameters:
    """Turns on every feature, and changes every other parameter from its default."""
    given = {}
    for name, parameter in template.parameters.items():
        if name not in NOT_IN_EVERYTHING and (values := other_values(template, name)):
            given[name] = "true" if "true" in parameter.get("AllowedValues", []) else values[-1]

    off = [
        name for need in given for name, value in NEEDS.get(need, {}).items() if value == "false"
    ]
    return given | {name: "false" for name in off if name in given}


@functools.lru_cache(maxsize=16)
def all_stacks(template: Template) -> list[tuple[str, Stack]]:
    """Returns the stacks for all sets of values, evaluated, each with a label for findings."""
    stacks = [(label, Stack(template, parameters)) for label, parameters in labelled_sets(template)]
    evaluate_all([stack for _, stack in stacks])
    return stacks


def labelled_sets(template: Template) -> Iterator[tuple[str, Parameters]]:
    yield "defaults", required(template)
    for name in template.parameters:
        for value in other_values(template, name):
            yield f"{name}={value}", with_change(template, name, value)
    if "BackendUrl" in template.parameters:
        yield "no network", without_network(template)
    for values in VALID_TOGETHER:
        if values.keys() <= template.parameters.keys():
            yield f"{values}", required(template) | values
    yield "everything on", everything_on(template)
    yield from random_sets(template)


def random_sets(template: Template) -> list[tuple[str, Parameters]]:
    """Returns random sets that the template's rules accept. They are the same in every run."""
    if len(template.parameters) < 2:
        return []
    dice = random.Random(template.path)
    candidates = []
    for number in range(20 * RANDOM_SETS):
        picked = dice.sample(
            sorted(template.parameters), k=dice.randint(2, max(2, len(template.parameters) // 3))
        )
        given = {
            name: dice.choice(values) for name in picked if (values := other_values(template, name))
        }
        candidates.append((f"random set {number}: {sorted(given)}", with_needs(template, given)))

    failures = failed_assertions(template, [parameters for _, parameters in candidates])
    accepted = [
        candidate for candidate, failed in zip(candidates, failures, strict=True) if not failed
    ]
    return accepted[:RANDOM_SETS]
