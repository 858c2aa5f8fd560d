"""Runs `cargo lambda watch` for one function, with its settings from events/env.json."""

import json
import os
import pathlib
import sys

PROJECT = pathlib.Path(__file__).resolve().parent.parent

package, *arguments = sys.argv[1:]
logical_id = "".join(word.capitalize() for word in package.split("-")) + "Function"
settings = json.loads((PROJECT / "events" / "env.json").read_text())[logical_id]
watch = PROJECT / ".venv" / "bin" / "cargo-lambda"
command = [str(watch), "lambda", "watch", "--ignore-changes", "--package", package, *arguments]
os.chdir(PROJECT)
os.execve(command[0], command, {**os.environ, **settings})
