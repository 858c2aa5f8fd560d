"""Runs all failure drills, one after another: `make drills`. docs/operations/drills.md lists them."""

import subprocess
import sys

DRILLS = ["issuer_gone", "key_rotation", "fast_clock", "lost_store", "rollback"]


def main() -> int:
    failed = [
        name
        for name in DRILLS
        if subprocess.run([sys.executable, "-m", f"drills.{name}"]).returncode
    ]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
