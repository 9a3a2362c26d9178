"""Where tensors are worked on."""

import os

VARIABLE = "ANISODIFF_DEVICE"


def chosen(name: str | None = None) -> str:
    """``cpu``, ``cuda`` or ``mps``: as named, else as the variable ANISODIFF_DEVICE says, else the CPU.

    ``auto`` is the first accelerator that is there. Raises ValueError for another name and for a device that is not.
    """
    import torch  # late: the pipeline, which reads what pages were made from, needs no second of it

    name = name or os.environ.get(VARIABLE) or "cpu"
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    if name not in there:
        raise ValueError(f"unknown device {name!r}; there are: auto, {', '.join(there)}")
    if not there[name]:
        raise ValueError(
            f"there is no device {name!r} here; there is: {', '.join(d for d in there if there[d])}"
        )
    return name
