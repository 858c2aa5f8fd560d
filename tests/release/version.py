"""The version of the workspace: `python -m release.version`."""

import tomllib

from harness.paths import PROJECT


def version() -> str:
    """Returns the version that all packages of the workspace share."""
    manifest = tomllib.loads((PROJECT / "Cargo.toml").read_text())
    return manifest["workspace"]["package"]["version"]


if __name__ == "__main__":
    print(version())
