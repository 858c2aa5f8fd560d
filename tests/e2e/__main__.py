"""Builds, deploys and tests the stack: `make e2e`. A summary at the end lists the duration of each
part.

`PYTHONPATH=tests .venv/bin/python -m e2e --built Requests Metrics` skips the build and runs only
these test cases.
"""

import argparse
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterator

from e2e.cases import (
    administration,
    administrators_hour,
    compositions,
    console,
    deployment_check,
    examples,
    iam_users,
    metrics,
    monitoring,
    network_stacks,
    own_api,
    parameter_files,
    permissions,
    platform,
    proof_of_origin,
    release,
    requests,
    runtime_interface,
    stack_changes,
    target_groups,
)
from e2e.cases.case import StackCase
from e2e.deployment import Deployment
from harness.paths import PROJECT

# The schedule of `TargetGroups` fires for the first time while the other cases run.
COMMON = [
    requests.Requests,
    administration.Administration,
    compositions.Compositions,
    metrics.Metrics,
    target_groups.TargetGroups,
]
CASES_WITHOUT_IAM = [
    runtime_interface.RuntimeInterface,
    network_stacks.NetworkStacks,
    parameter_files.ParameterFiles,
    examples.Examples,
    own_api.OwnApi,
    monitoring.Monitoring,
    *COMMON,
    release.Release,
    stack_changes.Update,
    deployment_check.DeploymentCheck,
    stack_changes.Deletion,
]
CASES_WITH_IAM = [
    *COMMON,
    iam_users.IamUsers,
    administrators_hour.AdministratorsHour,
    console.Console,
    deployment_check.CheckPermissions,
    permissions.Permissions,
    platform.PlatformSwitches,
    proof_of_origin.ProofOfOrigin,
    stack_changes.Update,
    stack_changes.Deletion,
]


class Durations:
    """The durations of the parts of a run, in seconds."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, float]] = []

    @contextlib.contextmanager
    def measure(self, name: str) -> Iterator[None]:
        print(f"-- {name}", flush=True)
        begin = time.monotonic()
        try:
            yield
        finally:
            self.parts.append((name, time.monotonic() - begin))

    def summary(self) -> str:
        total = ("total", sum(seconds for _, seconds in self.parts))
        return "\n".join(f"{seconds:7.1f} s  {name}" for name, seconds in [*self.parts, total])


def build() -> None:
    subprocess.run(["make", "--no-print-directory", "package-native"], cwd=PROJECT, check=True)


def run_cases(durations: Durations, enforces_iam: bool, names: list[str]) -> bool:
    """Deploys a stack and runs its cases. Returns true if all of them passed. No names mean all
    cases.
    """
    cases = CASES_WITH_IAM if enforces_iam else CASES_WITHOUT_IAM
    cases = [case for case in cases if not names or case.__name__ in names]
    if not cases:
        return True

    mode = "IAM enforced" if enforces_iam else "IAM not enforced"
    with tempfile.TemporaryDirectory(prefix="tollgate-e2e-") as folder:
        with durations.measure(f"{mode}: start"):
            deployment = Deployment(pathlib.Path(folder), enforces_iam)
        passed = False
        try:
            with durations.measure(f"{mode}: sam deploy"):
                deployment.deploy()
            passed = all([run_case(durations, mode, deployment, case) for case in cases])
        finally:
            if not passed:
                log = deployment.emulator.log.read_text(errors="replace")
                print(f"end of the emulator's log:\n{log[-8000:]}")
            deployment.stop()
    return passed


def run_case(
    durations: Durations, mode: str, deployment: Deployment, case: type[StackCase]
) -> bool:
    case.deployment = deployment
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
    with durations.measure(f"{mode}: {case.__name__}"):
        return unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite).wasSuccessful()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m e2e", description="Deploys the stack on an emulator and tests it."
    )
    parser.add_argument("--built", action="store_true", help="use the build in .aws-sam/native")
    parser.add_argument("cases", nargs="*", help="classes of test cases, by default all of them")
    arguments, durations = parser.parse_args(), Durations()
    # A termination must also stop all programs and delete all files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    try:
        if not arguments.built:
            with durations.measure("build"):
                build()
        # From here on, all requests go to loopback.
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
        passed = [
            run_cases(durations, enforces_iam, arguments.cases) for enforces_iam in (False, True)
        ]
    finally:
        for package, starts in sorted(runtime_interface.RuntimeInterface.starts.items()):
            print(f"initialization of {package} behind the runtime interface emulator: {starts} ms")
        print(durations.summary(), flush=True)
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
