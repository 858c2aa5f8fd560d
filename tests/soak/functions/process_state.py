"""The memory and the descriptors of a process over time, and whether they are flat."""

import collections
import dataclasses
import os
import pathlib
import statistics

# The invocations after which memory has to be flat, and by how much it may differ then.
WARM_UP_INVOCATIONS = 10_000
MAX_MEMORY_CHANGE = 0.05
# Connections that are opened now and then, such as those to an issuer whose keys are refreshed.
MAX_MORE_DESCRIPTORS = 4
# The invocations right after the warm-up, as a share of it, whose samples give the value that later
# ones are compared with. Caches fill until its end.
BASE_SHARE = 0.2
# The parts of a warm-up's length whose median memory is compared. A single sample may fall into an
# invocation with a large body.
PARTS = 2


@dataclasses.dataclass(frozen=True)
class Sample:
    """The state of a process after a number of invocations."""

    invocations: int
    memory_kib: int
    descriptors: int


def sample(pid: int, invocations: int) -> Sample:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return Sample(invocations, memory, len(os.listdir(f"/proc/{pid}/fd")))


@dataclasses.dataclass(frozen=True)
class Flatness:
    """The memory at the end of the warm-up, the range of later medians, and the descriptors at both
    times.
    """

    base_kib: int
    low_kib: int
    high_kib: int
    base_descriptors: int
    max_descriptors: int

    def changes(self) -> tuple[float, float]:
        """Returns the lowest and the highest memory after the warm-up, relative to its end."""
        return self.low_kib / self.base_kib - 1, self.high_kib / self.base_kib - 1

    def errors(self) -> list[str]:
        low, high = self.changes()
        errors = []
        if max(high, -low) > MAX_MEMORY_CHANGE:
            errors.append(
                f"memory is not flat: {self.base_kib} KiB after the warm-up, "
                f"{self.low_kib} to {self.high_kib} KiB later"
            )
        if self.max_descriptors > self.base_descriptors + MAX_MORE_DESCRIPTORS:
            errors.append(f"open files grew from {self.base_descriptors} to {self.max_descriptors}")
        return errors


def flatness(samples: list[Sample], warm_up: int = WARM_UP_INVOCATIONS) -> Flatness:
    """Compares the samples after the warm-up with the first of them.

    Raises ValueError if there are no samples after the warm-up.
    """
    end = warm_up * (1 + BASE_SHARE)
    base = [it for it in samples if warm_up < it.invocations <= end]
    later = [it for it in samples if it.invocations > warm_up]
    if not base:
        raise ValueError("expected samples after the warm-up")

    parts: dict[int, list[int]] = collections.defaultdict(list)
    for it in later:
        parts[(it.invocations - 1) * PARTS // warm_up].append(it.memory_kib)
    memory = [round(statistics.median(part)) for part in parts.values()]
    return Flatness(
        round(statistics.median(it.memory_kib for it in base)),
        min(memory),
        max(memory),
        max(it.descriptors for it in base),
        max(it.descriptors for it in later),
    )
