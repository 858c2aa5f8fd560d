"""Runs one function with `cargo lambda watch`: `python -m tools.run_function FUNCTION`.

Its environment variables come from events/env.json.
"""

import json
import os
import sys

from harness.paths import PROJECT, TOOLS


def main() -> None:
    package, *arguments = sys.argv[1:] or [""]
    logical_id = "".join(word.capitalize() for word in package.split("-")) + "Function"
    settings = json.loads((PROJECT / "events" / "env.json").read_text()).get(logical_id)
    if settings is None:
        sys.exit(
            f"events/env.json has no settings for function `{package}`, expected a name such as authorizer"
        )

    # The keys in events/env.json are public, so only this machine may reach the function.
    options = ["--ignore-changes", "--invoke-address", "127.0.0.1", "--package", package]
    command = [str(TOOLS / "cargo-lambda"), "lambda", "watch", *options, *arguments]
    os.chdir(PROJECT)
    os.execve(command[0], command, {**os.environ, **settings})


if __name__ == "__main__":
    main()
