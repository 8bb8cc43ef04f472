"""What the machine has."""

import os
from pathlib import Path

_NVIDIA = Path("/proc/driver/nvidia/gpus")


def count_gpus(listing: Path = _NVIDIA) -> int:
    """Count the GPUs of the driver, less those that CUDA_VISIBLE_DEVICES hides."""
    try:
        present = sum(1 for _ in listing.iterdir())
    except OSError:
        return 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return present
    return min(present, sum(1 for name in visible.split(",") if name.strip() and name.strip() != "-1"))
