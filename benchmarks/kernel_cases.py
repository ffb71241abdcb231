"""Every case of the kernel benchmark, by family."""

from __future__ import annotations

import kernel_cases_mdn
import kernel_cases_noise
import kernel_cases_path
import kernel_cases_style
from kernel_case import Case, Operation

FAMILIES: dict[str, list[Operation]] = {
    "noise": kernel_cases_noise.OPERATIONS,
    "lines": kernel_cases_path.OPERATIONS,
    "mixtures": kernel_cases_mdn.OPERATIONS,
    "generators": kernel_cases_style.OPERATIONS,
}


def all_cases() -> list[Case]:
    return [case for operations in FAMILIES.values() for operation in operations for case in operation.cases()]


def threaded_cases() -> list[Case]:
    """Where one thread waits for its arithmetic and several wait for memory."""
    return [
        case
        for case in all_cases()
        if case.operation.op == "reparameterize"
        and (case.shape, case.kind, case.dtype_name) == (kernel_cases_noise.LARGE, "forward", "float32")
    ]
