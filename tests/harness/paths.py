"""Paths of the project and of the tools that `make tools` installs."""

import os
import pathlib

PROJECT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = PROJECT / ".venv" / "bin"
MINISTACK = PROJECT / ".venv-ministack" / "bin" / "ministack"
# The local gateway. `make gateway` builds it; TOLLGATE names another binary.
GATEWAY = pathlib.Path(os.environ.get("TOLLGATE", PROJECT / "target" / "release" / "tollgate"))
# The same program from a build of the tests. It evaluates templates.
EVALUATOR = pathlib.Path(os.environ.get("TOLLGATE", PROJECT / "target" / "debug" / "tollgate"))


def runtime_interface_emulator() -> pathlib.Path:
    """Returns AWS's Lambda runtime interface emulator, which comes with the SAM CLI."""
    return next(
        (PROJECT / ".venv").glob(
            "lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"
        )
    )
