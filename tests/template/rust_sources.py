"""Reads the functions' Rust sources: environment variables, AWS operations, and `//! IAM:`
statements.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator

import botocore.loaders

from harness.paths import PROJECT

# The model, the prefix of the actions and the endpoint name of each service, by the name of the
# SDK's crate.
SERVICES = {
    "aws_sdk_cloudwatch": ("cloudwatch", "cloudwatch", "monitoring"),
    "aws_sdk_dynamodb": ("dynamodb", "dynamodb", "dynamodb"),
    "aws_sdk_eventbridge": ("events", "events", "events"),
    "aws_sdk_elasticloadbalancingv2": ("elbv2", "elasticloadbalancing", "elasticloadbalancing"),
}
ENDPOINTS = {prefix: endpoint for _, prefix, endpoint in SERVICES.values()}
# A transaction needs the permissions of the operations in it ("Amazon DynamoDB Transactions and
# IAM").
TRANSACTION_ITEMS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
# The actions that a file's calls need, with the resource, or `none` with the reason. Some are
# needed only in some deployments.
STATEMENT = re.compile(
    r"^//! IAM(?P<lambdas> of Lambda's own calls| if (?:(?:SecretArns|ThresholdEvents) is set|PublishMetrics is once))?(?: through (?P<through>\w+\.rs))?: "
    r"(?P<actions>none|[\w:, ]+?)(?: on (?P<resource>.+)|; .+)$",
    re.M,
)
# The name of a variable. `env!` reads one when the program is compiled.
VARIABLE = re.compile(r'(?<!env!\()"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|COMPOSITIONS)"')
# The crates of the command line, the local gateway and the tests.
NOT_DEPLOYED = (
    "admin-client",
    "checks",
    "declaration",
    "gateway",
    "migration",
    "sam-template",
    "testing",
    "tollgate",
)
# The files that read settings. All other files get them as arguments.
EXPORTER_SETTINGS = [
    "crates/otlp/src/settings.rs",
    *(
        f"crates/otlp/src/settings/{file}.rs"
        for file in ("certificates", "endpoint", "resource", "sampler")
    ),
]
SHARED_SETTINGS = [
    "crates/aws/src/authorities.rs",
    "crates/aws/src/endpoint.rs",
    "crates/aws/src/sdk.rs",
    "crates/telemetry/src/log_level.rs",
    *EXPORTER_SETTINGS,
]
STORE_SETTINGS = ["crates/store/src/dynamodb/config.rs", "crates/store/src/store_config.rs"]
# The files of the shared store that decisions and the administration use.
DECISIONS = ["crates/registry/src/dynamodb/reader.rs", "crates/store/src/dynamodb/usage_table.rs"]
ADMINISTRATION = [
    *(f"crates/registry/src/dynamodb/{file}.rs" for file in ("table", "writes")),
    *(
        f"crates/store/src/dynamodb/{file}.rs"
        for file in ("granting", "refunding", "reporting", "revoking", "transaction")
    ),
]

# The composer gets the caller and the key from the authorizer, which has checked them.
NOT_FOR_COMPOSERS = frozenset({"key#*", "policy-candidate", "blocks"})
NOT_FOR_AUTHORIZERS = frozenset({"composition"})


@dataclasses.dataclass(frozen=True)
class Package:
    """A function's package, with the files of shared crates that it uses: settings, and calls of
    services.
    """

    name: str
    settings: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    # The partition keys of the services' files that this function does not read.
    unread: frozenset[str] = frozenset()

    def files(self) -> list[str]:
        own = sorted((PROJECT / "functions" / self.name / "src").rglob("*.rs"))
        return [str(path.relative_to(PROJECT)) for path in own]

    def variables(self) -> set[str]:
        """Returns the names of the environment variables that the function may read."""
        own = [f"functions/{self.name}/src/{file}.rs" for file in ("config", "main")]
        return {
            name
            for path in [*own, *SHARED_SETTINGS, *self.settings]
            for name in VARIABLE.findall(code(path))
        }

    def statements(self) -> list[Statement]:
        return [
            statement for path in [*self.files(), *self.services] for statement in statements(path)
        ]

    def called_services(self) -> set[str]:
        """Returns the endpoint names of the services that the function itself calls."""
        own = [statement for statement in self.statements() if not statement.is_for_lambda]
        return {
            ENDPOINTS[action.partition(":")[0]] for statement in own for action in statement.actions
        }


PACKAGES = {
    "AlbSyncFunction": Package("alb-sync"),
    "AuthorizerFunction": Package(
        "authorizer", tuple(STORE_SETTINGS), tuple(DECISIONS), NOT_FOR_AUTHORIZERS
    ),
    "ComposerFunction": Package("composer", tuple(STORE_SETTINGS), tuple(DECISIONS), NOT_FOR_COMPOSERS),
    "LimiterFunction": Package("limiter", tuple(STORE_SETTINGS), (*DECISIONS, *ADMINISTRATION)),
    "MetricsPublisherFunction": Package("metrics-publisher"),
}


@dataclasses.dataclass(frozen=True)
class Statement:
    """A line such as `//! IAM: dynamodb:GetItem, dynamodb:UpdateItem on UsageTable`."""

    actions: frozenset[str]
    resource: str
    is_for_lambda: bool


@functools.cache
def text(path: str) -> str:
    return (PROJECT / path).read_text()


@functools.cache
def code(path: str) -> str:
    """Returns a source without comments and tests."""
    lines = text(path).splitlines()
    uncommented = "\n".join(line for line in lines if not line.lstrip().startswith("//"))
    return uncommented.partition("#[cfg(test)]\nmod tests {")[0]


def exporter_variables() -> set[str]:
    """Returns the variables of OpenTelemetry that the functions read."""
    names = {name for path in EXPORTER_SETTINGS for name in VARIABLE.findall(code(path))}
    return {name for name in names if name.startswith("OTEL_")}


def statements(path: str) -> Iterator[Statement]:
    for match in STATEMENT.finditer(text(path)):
        if match["actions"] != "none":
            yield Statement(
                frozenset(match["actions"].split(", ")),
                match["resource"] or "",
                bool(match["lambdas"]),
            )


@functools.cache
def operations(crate: str) -> dict[str, str]:
    """Returns the actions of a service by the names of the SDK's methods."""
    model, prefix, _ = SERVICES[crate]
    names = botocore.loaders.Loader().load_service_model(model, "service-2")["operations"]
    return {botocore.xform_name(name): f"{prefix}:{name}" for name in names}


def called_actions(source: str) -> set[str]:
    """Returns the actions that a source's calls need."""
    found: set[str] = set()
    for crate in SERVICES:
        if crate in source:
            known = operations(crate)
            found |= {known[name] for name in re.findall(r"\.(\w+)\(\)", source) if name in known}
    if "dynamodb:TransactWriteItems" in found:
        found.remove("dynamodb:TransactWriteItems")
        inside = [
            item
            for kind, item in TRANSACTION_ITEMS.items()
            if re.search(rf"\b{kind}::builder\(\)", source)
        ]
        found |= {f"dynamodb:{item}" for item in inside}
    return found


def service_files() -> list[str]:
    """Returns the sources of all deployed code, without tests."""
    crates = [
        path
        for path in (PROJECT / "crates").glob("*/src")
        if path.parent.name not in NOT_DEPLOYED
    ]
    roots = [*(PROJECT / "functions").glob("*/src"), *crates]
    paths = sorted(str(path.relative_to(PROJECT)) for root in roots for path in root.rglob("*.rs"))
    return [path for path in paths if not path.endswith("/tests.rs") and "/tests/" not in path]


def findings(sources: dict[str, str] | None = None) -> list[str]:
    """Finds files whose IAM statement differs from their calls. `sources` replaces the text of
    files.
    """
    found = []
    for path in service_files():
        source, whole = (sources or {}).get(path, code(path)), (sources or {}).get(path, text(path))
        found += statement_errors(path, source, whole)
    return found


def statement_errors(path: str, source: str, whole: str) -> list[str]:
    calls = called_actions(source)
    matches = list(STATEMENT.finditer(whole))
    if any(match["actions"] == "none" for match in matches):
        return []
    stated = {
        action
        for it in matches
        if not (it["lambdas"] or it["through"])
        for action in it["actions"].split(", ")
    }
    conditional = {
        action
        for it in matches
        if (it["lambdas"] or "").startswith(" if ")
        for action in it["actions"].split(", ")
    }
    unstated = calls - stated - conditional
    missing = [f"{path}: calls {action} but does not state it" for action in sorted(unstated)]
    return missing + [
        f"{path}: states {action} but does not call it" for action in sorted(stated - calls)
    ]


def settings_in_other_files() -> list[str]:
    """Finds files, other than the known ones, that read environment variables."""
    settings_files = {*SHARED_SETTINGS, *STORE_SETTINGS}
    lookup = re.compile(r'(?:env::var(?:_os)?|lookup|variable)\("([A-Z_]+)"\)')
    found = []
    for path in service_files():
        if path not in settings_files and not path.endswith(("/config.rs", "/main.rs")):
            found += [
                f"{path}: reads the environment variable {name}"
                for name in lookup.findall(code(path))
            ]
    return found


def missing_files() -> list[str]:
    """Finds files that this module names and that do not exist."""
    named = [*SHARED_SETTINGS, *STORE_SETTINGS, *DECISIONS, *ADMINISTRATION]
    return [f"{path}: does not exist" for path in named if not (PROJECT / path).is_file()]
