"""Runs `cargo lambda watch` for one function, with its settings from events/env.json."""

import json
import os
import pathlib
import sys

PROJECT = pathlib.Path(__file__).resolve().parent.parent

package, *arguments = sys.argv[1:] or [""]
logical_id = "".join(word.capitalize() for word in package.split("-")) + "Function"
settings = json.loads((PROJECT / "events" / "env.json").read_text()).get(logical_id)
if settings is None:
    sys.exit(f"events/env.json has no settings for `{package}`; call me with a function, such as authorizer")
watch = PROJECT / ".venv" / "bin" / "cargo-lambda"
# The keys in events/env.json are known to everybody: nobody else may reach the function.
command = [str(watch), "lambda", "watch", "--ignore-changes", "--invoke-address", "127.0.0.1", "--package", package, *arguments]
os.chdir(PROJECT)
os.execve(command[0], command, {**os.environ, **settings})
