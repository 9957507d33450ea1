"""Kubernetes' quantities as numbers."""

from decimal import Decimal
from typing import Final

_UNITS: Final = {"": Decimal(1), "m": Decimal("0.001")} | {
    unit: Decimal(number)
    for unit, number in {
        "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
    }.items()
}  # fmt: skip


def whole(quantity: str) -> int:
    """A quantity such as 1.5Gi, rounded down. Raises ValueError where it is none."""
    number = quantity.rstrip("kmKMGTi")
    unit = quantity[len(number) :]
    if unit not in _UNITS:
        raise ValueError(f"{quantity!r} is no quantity")
    return int(Decimal(number) * _UNITS[unit])
