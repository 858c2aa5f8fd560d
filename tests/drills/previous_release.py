"""Builds the previous release from its commit."""

import os
import pathlib
import shutil
import subprocess

from drills.drill import DrillFailure, step
from harness.paths import PROJECT

# The previous release, until the first one is tagged.
COMMIT = "052cb7c"


class PreviousRelease:
    """The binary and the template of the previous release."""

    def __init__(self) -> None:
        self.folder = PROJECT / "target/previous" / COMMIT
        self.binary = self.folder / "tollgate"
        self.template = self.folder / "template.yaml"

    def build(self) -> None:
        """Builds the release unless it was built before. Reuses the libraries in `target/`."""
        if self.binary.exists() and self.template.exists():
            return
        if git("cat-file", "-e", f"{COMMIT}^{{commit}}").returncode:
            raise DrillFailure(f"commit {COMMIT} is not in this clone: run git fetch --unshallow")

        source = self.folder / "source"
        shutil.rmtree(source, ignore_errors=True)
        git("worktree", "prune")
        if git("worktree", "add", "--detach", str(source), COMMIT).returncode:
            raise DrillFailure(f"git worktree add {source} failed")

        try:
            self._compile(source)
        finally:
            git("worktree", "remove", "--force", str(source))

    def _compile(self, source: pathlib.Path) -> None:
        step(f"building {COMMIT}, which takes minutes the first time")
        target = PROJECT / "target"
        # Building a test also builds the program it runs, with the features that all tests share.
        command = ["cargo", "build", "--workspace", "--test", "process", "--locked"]
        subprocess.run(
            command, cwd=source, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(target)}
        )

        # The next build of the current release replaces the binary.
        shutil.move(target / "debug/tollgate", self.binary)
        shutil.copy(source / "template.yaml", self.template)


def git(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True)
