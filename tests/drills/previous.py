"""Builds the previous release from its commit."""

import os
import pathlib
import shutil
import subprocess

from rig.drill import Failed, step
from rig.processes import PROJECT

# Stands for the previous release until the first one has been tagged.
COMMIT = "052cb7c"


class Previous:
    """Its binary and its template."""

    def __init__(self):
        self.folder = PROJECT / "target/previous" / COMMIT
        self.binary = self.folder / "tollgate"
        self.template = self.folder / "template.yaml"

    def build(self):
        """Builds it, once, with the libraries that this release's tests have left."""
        if self.binary.exists() and self.template.exists():
            return
        if git("cat-file", "-e", f"{COMMIT}^{{commit}}").returncode:
            raise Failed(f"commit {COMMIT} is not in this clone: git fetch --unshallow")
        source = self.folder / "source"
        shutil.rmtree(source, ignore_errors=True)
        git("worktree", "prune")
        if git("worktree", "add", "--detach", str(source), COMMIT).returncode:
            raise Failed(f"git worktree add {source} failed")
        try:
            self.compile(source)
        finally:
            git("worktree", "remove", "--force", str(source))

    def compile(self, source: pathlib.Path):
        step(f"building {COMMIT}; the first time takes minutes")
        target = PROJECT / "target"
        # A test's build brings the program that it runs, with the features that all tests have. It need not be quick.
        command = ["cargo", "build", "--workspace", "--test", "process", "--locked"]
        subprocess.run(command, cwd=source, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
        # The next build of this release puts its own there again.
        shutil.move(target / "debug/tollgate", self.binary)
        shutil.copy(source / "template.yaml", self.template)


def git(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True)
