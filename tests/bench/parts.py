"""The parts of the benchmarks. A part is measured by the module of its name."""

import dataclasses
import importlib
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Part:
    """The heading of a part, and the system programs that it needs."""

    title: str
    programs: tuple[str, ...] = ()


PARTS = {
    "startup": Part("Startup", ("node",)),
    "packages": Part("Packages"),
    "tokens": Part("A warm call of the authorizer", ("node", "valgrind")),
    "limiter": Part("Decisions", ("node",)),
    "hot_key": Part("A hot key"),
    "publisher": Part("Metrics"),
    "gateway": Part("Full request path on one machine", ("nginx", "taskset", "wrk")),
    "compositions": Part("One response from several services", ("node", "taskset", "wrk")),
    "console": Part("The web console", ("chromium", "node")),
    "administration": Part("Administration of 10,000 keys"),
    "growth": Part("Growth"),
}


def measurement(name: str) -> Callable:
    """Returns the function that measures a part. Its module is imported only now, because it may
    need installed packages.
    """
    return importlib.import_module(f"bench.{name}").measure
