"""What the functions' Rust sources say: the variables they read, the AWS operations they call and state."""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Iterator

import botocore.loaders

from .document import PROJECT

# By the name of the SDK's crate: the service's model, the prefix of its actions, the name of its endpoint.
SERVICES = {
    "aws_sdk_cloudwatch": ("cloudwatch", "cloudwatch", "monitoring"),
    "aws_sdk_dynamodb": ("dynamodb", "dynamodb", "dynamodb"),
    "aws_sdk_elasticloadbalancingv2": ("elbv2", "elasticloadbalancing", "elasticloadbalancing"),
}
ENDPOINTS = {prefix: endpoint for _, prefix, endpoint in SERVICES.values()}
# A transaction is authorized by what is in it ("Amazon DynamoDB Transactions and IAM").
TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
# The actions that a file's calls need, by resource; or none, with the reason. Some are needed in some deployments only.
STATEMENT = re.compile(
    r"^//! IAM(?P<lambdas> of Lambda's own calls| if SecretArns is set)?(?: through (?P<through>\w+\.rs))?: "
    r"(?P<actions>none|[\w:, ]+?)(?: on (?P<resource>.+)|; .+)$",
    re.M,
)
VARIABLE = re.compile(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"')
# Where settings are read; everything else gets them as arguments.
SHARED_SETTINGS = ["crates/aws/src/endpoint.rs", "crates/aws/src/sdk.rs"]
STORE_SETTINGS = ["crates/usage/src/dynamodb/config.rs", "crates/usage/src/store_config.rs"]
# The parts of the shared store that a function uses.
DECISIONS = ["crates/usage/src/dynamodb/registry.rs", "crates/usage/src/dynamodb/usage_table.rs"]
ADMINISTRATION = [
    f"crates/usage/src/dynamodb/{file}.rs"
    for file in ("admin", "admin_writes", "granting", "refunding", "reporting", "transaction")
]


@dataclasses.dataclass(frozen=True)
class Package:
    """A function's package, with what it uses of shared crates."""

    name: str
    settings: tuple[str, ...] = ()
    services: tuple[str, ...] = ()

    def files(self) -> list[str]:
        own = sorted((PROJECT / "functions" / self.name / "src").rglob("*.rs"))
        return [str(path.relative_to(PROJECT)) for path in own]

    def variables(self) -> set[str]:
        """Every variable that it may read by a name of its own."""
        own = [f"functions/{self.name}/src/{file}.rs" for file in ("config", "main")]
        return {name for path in [*own, *SHARED_SETTINGS, *self.settings] for name in VARIABLE.findall(code(path))}

    def statements(self) -> list[Statement]:
        return [statement for path in [*self.files(), *self.services] for statement in statements(path)]

    def called_services(self) -> set[str]:
        """The endpoints of what it calls by itself."""
        own = [statement for statement in self.statements() if not statement.of_lambda]
        return {ENDPOINTS[action.partition(":")[0]] for statement in own for action in statement.actions}


PACKAGES = {
    "AlbSyncFunction": Package("alb-sync"),
    "AuthorizerFunction": Package("authorizer", tuple(STORE_SETTINGS), tuple(DECISIONS)),
    "LimiterFunction": Package("limiter", tuple(STORE_SETTINGS), (*DECISIONS, *ADMINISTRATION)),
    "MetricsPublisherFunction": Package("metrics-publisher"),
}


@dataclasses.dataclass(frozen=True)
class Statement:
    """`//! IAM: dynamodb:GetItem, dynamodb:UpdateItem on UsageTable`."""

    actions: frozenset[str]
    resource: str
    of_lambda: bool


@functools.cache
def text(path: str) -> str:
    return (PROJECT / path).read_text()


@functools.cache
def code(path: str) -> str:
    """Without comments and tests."""
    lines = text(path).splitlines()
    kept = "\n".join(line for line in lines if not line.lstrip().startswith("//"))
    return kept.partition("#[cfg(test)]\nmod tests {")[0]


def statements(path: str) -> Iterator[Statement]:
    for match in STATEMENT.finditer(text(path)):
        if match["actions"] != "none":
            yield Statement(frozenset(match["actions"].split(", ")), match["resource"] or "", bool(match["lambdas"]))


@functools.cache
def operations(crate: str) -> dict[str, str]:
    """The actions of a service, by the names of the SDK's methods."""
    model, prefix, _ = SERVICES[crate]
    names = botocore.loaders.Loader().load_service_model(model, "service-2")["operations"]
    return {botocore.xform_name(name): f"{prefix}:{name}" for name in names}


def called(source: str) -> set[str]:
    """The actions that a source's calls ask for."""
    found: set[str] = set()
    for crate in SERVICES:
        if crate in source:
            known = operations(crate)
            found |= {known[name] for name in re.findall(r"\.(\w+)\(\)", source) if name in known}
    if "dynamodb:TransactWriteItems" in found:
        found.remove("dynamodb:TransactWriteItems")
        within = [item for kind, item in TRANSACTED.items() if re.search(rf"\b{kind}::builder\(\)", source)]
        found |= {f"dynamodb:{item}" for item in within}
    return found


def service_files() -> list[str]:
    """Every source that is no test."""
    # The local gateway is not deployed.
    crates = [path for path in (PROJECT / "crates").glob("*/src") if path.parent.name not in ("gateway", "tollgate")]
    roots = [*(PROJECT / "functions").glob("*/src"), *crates]
    paths = sorted(str(path.relative_to(PROJECT)) for root in roots for path in root.rglob("*.rs"))
    return [path for path in paths if not path.endswith("/tests.rs") and "/tests/" not in path]


def findings(sources: dict[str, str] | None = None) -> list[str]:
    """Files whose statement is not what they call, and files that read settings by themselves. `sources` replaces the
    text of files."""
    found = []
    for path in service_files():
        source, whole = (sources or {}).get(path, code(path)), (sources or {}).get(path, text(path))
        found += mistakes_of_statement(path, source, whole)
    return found


def mistakes_of_statement(path: str, source: str, whole: str) -> list[str]:
    calls = called(source)
    matches = list(STATEMENT.finditer(whole))
    if any(match["actions"] == "none" for match in matches):
        return []
    stated = {action for it in matches if not (it["lambdas"] or it["through"]) for action in it["actions"].split(", ")}
    missing = [f"{path}: calls {action} and does not state it" for action in sorted(calls - stated)]
    return missing + [f"{path}: states {action} and does not call it" for action in sorted(stated - calls)]


def settings_elsewhere() -> list[str]:
    """Sources beside the known ones that name a variable to look up."""
    known = {*SHARED_SETTINGS, *STORE_SETTINGS}
    asked = re.compile(r'(?:env::var(?:_os)?|lookup|variable)\("([A-Z_]+)"\)')
    found = []
    for path in service_files():
        if path not in known and not path.endswith(("/config.rs", "/main.rs")):
            found += [f"{path}: reads {name} by itself" for name in asked.findall(code(path))]
    return found


def gone() -> list[str]:
    """Known sources that are gone."""
    named = [*SHARED_SETTINGS, *STORE_SETTINGS, *DECISIONS, *ADMINISTRATION]
    return [f"{path}: is not there" for path in named if not (PROJECT / path).is_file()]
