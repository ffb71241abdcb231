"""Times the kernels' public functions against plain torch on one CPU thread and compares with the goals.

    python benchmarks/kernels.py [--json FILE] [--pairs 15] [--quick]

CPU time of this process, so that other work on the machine disturbs little; ours and torch's calls alternate within
one run, and each ratio is the median over pairs. Large blocks are kept by the allocator, as they are in a training loop
that runs for a while: otherwise fresh pages cost more than the arithmetic.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 31),
}
if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ENVIRONMENT})

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from gdl_core.kernels import info, latent_path, lerp, make_key, randn, reparameterize, slerp  # noqa: E402

SHAPES = [(64, 128), (1024, 512), (4096, 4096)]
GOALS = {"forward": (2.0, 3.0, 3.0), "forward + KL": (2.5, 3.5, 3.5), "train step": (2.0, 3.2, 3.2)}
SLERP_GOAL = 3.5


@dataclass(frozen=True)
class Result:
    """Seconds of the fastest call each, and torch's time over ours in the median, lowest and highest pair."""

    name: str
    shape: str
    ours: float
    torch: float
    ratio: float
    lowest: float
    highest: float
    goal: float | None

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        return "met" if self.ratio >= self.goal else "MISSED"


def seconds(f: Callable[[], object], calls: int) -> float:
    start = time.process_time()
    for _ in range(calls):
        f()
    return (time.process_time() - start) / calls


def compare(
    name: str, shape: str, ours: Callable[[], object], plain: Callable[[], object], goal: float | None, pairs: int
) -> Result:
    ours(), plain()
    slower = max(seconds(ours, 2), seconds(plain, 2), 1e-6)
    calls = max(1, int(0.02 / slower))
    times = []
    for i in range(pairs):
        if i % 2:
            times.append((seconds(ours, calls), seconds(plain, calls)))
        else:
            times.append((seconds(plain, calls), seconds(ours, calls))[::-1])
    ratios = sorted(b / a for a, b in times)
    return Result(
        name,
        shape,
        min(a for a, _ in times),
        min(b for _, b in times),
        statistics.median(ratios),
        ratios[0],
        ratios[-1],
        goal,
    )


def plain_reparameterize(mean: Tensor, log_var: Tensor) -> Tensor:
    return mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)


def plain_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    return (0.5 * (mean.pow(2) + log_var.exp() - 1 - log_var)).sum(1).mean()


def plain_slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    cosine = ((a / a.norm(dim=-1, keepdim=True)) * (b / b.norm(dim=-1, keepdim=True))).sum(-1, keepdim=True)
    omega = torch.acos(cosine.clamp(-1, 1))
    t = t[:, None, None]
    sine = torch.sin(omega)
    return torch.sin((1 - t) * omega) / sine * a + torch.sin(t * omega) / sine * b


def reparameterize_cases(rows: int, cols: int, goals: tuple[float, float, float], pairs: int) -> list[Result]:
    torch.manual_seed(0)
    mean, log_var = torch.randn(rows, cols), torch.randn(rows, cols)
    trained = [x.clone().requires_grad_() for x in (mean, log_var)]
    grad_z, key, shape = torch.randn(rows, cols), make_key(1), f"{rows}x{cols}"

    def step(z: Tensor, kl: Tensor) -> None:
        torch.autograd.grad((z, kl), trained, (grad_z, torch.ones(())))

    def train_plain() -> None:
        step(plain_reparameterize(*trained), plain_kl(*trained))

    return [
        compare(
            "forward",
            shape,
            lambda: reparameterize(mean, log_var, key=key),
            lambda: plain_reparameterize(mean, log_var),
            goals[0],
            pairs,
        ),
        compare(
            "forward + KL",
            shape,
            lambda: reparameterize(mean, log_var, key=key, kl="mean"),
            lambda: (plain_reparameterize(mean, log_var), plain_kl(mean, log_var)),
            goals[1],
            pairs,
        ),
        compare(
            "train step",
            shape,
            lambda: step(*reparameterize(*trained, key=key, kl="mean")),
            train_plain,
            goals[2],
            pairs,
        ),
        compare("randn", shape, lambda: randn((rows, cols), key=key), lambda: torch.randn(rows, cols), None, pairs),
    ]


def path_cases(pairs: int) -> list[Result]:
    results = []
    for steps, rows, cols in ((16, 1, 512), (60, 16, 512), (64, 64, 4096)):
        a, b = torch.randn(2, rows, cols)
        t, shape = torch.linspace(0, 1, steps), f"{steps}x{rows}x{cols}"
        line = torch.stack((a, b))
        results += [
            compare(
                "slerp path",
                shape,
                lambda a=a, b=b, t=t: slerp(a, b, t),  # type: ignore[misc]
                lambda a=a, b=b, t=t: plain_slerp(a, b, t),  # type: ignore[misc]
                SLERP_GOAL,
                pairs,
            ),
            compare(
                "lerp path",
                shape,
                lambda a=a, b=b, t=t: lerp(a, b, t),  # type: ignore[misc]
                lambda a=a, b=b, t=t: torch.lerp(a, b, t[:, None, None]),  # type: ignore[misc]
                None,
                pairs,
            ),
            compare(
                "slerp path, backward",
                shape,
                lambda line=line, t=t: backward(line, lambda x: latent_path(x, t, "slerp")),  # type: ignore[misc]
                lambda line=line, t=t: backward(line, lambda x: plain_slerp(x[0], x[1], t)),  # type: ignore[misc]
                None,
                pairs,
            ),
        ]
    return results


def backward(line: Tensor, f: Callable[[Tensor], Tensor]) -> None:
    line = line.detach().requires_grad_()
    out = f(line)
    torch.autograd.grad(out, line, torch.ones_like(out))


def table(results: list[Result]) -> str:
    lines = [
        "| operation | shape | ours, µs | torch, µs | times faster (median, lowest–highest pair) | goal | |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in results:
        goal = f"≥ {r.goal}" if r.goal is not None else ""
        lines.append(
            f"| {r.name} | {r.shape} | {1e6 * r.ours:.1f} | {1e6 * r.torch:.1f} | "
            f"**{r.ratio:.2f}** ({r.lowest:.2f}–{r.highest:.2f}) | {goal} | {r.verdict} |"
        )
    return "\n".join(lines)


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main() -> int:
    from kernel_cases_mdn import mdn_cases  # these files import this one

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("--pairs", type=int, default=15, help="pairs of runs for each ratio")
    parser.add_argument("--quick", action="store_true", help="leave out the largest shapes")
    arguments = parser.parse_args()
    from kernel_cases_style import style_cases  # takes Result and compare from this file

    torch.set_num_threads(1)
    results = []
    for i, (rows, cols) in enumerate(SHAPES):
        if not (arguments.quick and rows * cols > 1 << 20):
            goals = (GOALS["forward"][i], GOALS["forward + KL"][i], GOALS["train step"][i])
            results += reparameterize_cases(rows, cols, goals, arguments.pairs)
    results += path_cases(arguments.pairs) + mdn_cases(arguments.pairs) + style_cases(arguments.pairs)
    environment = {
        "cpu": cpu_name(),
        "implementation": info()["cpu"]["implementation"],
        "isa": info()["cpu"]["isa"],
        "torch": torch.__version__,
        "torch_isa": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d"),
    }
    print(", ".join(f"{k} {v}" for k, v in environment.items()), end="\n\n")
    print(table(results))
    missed = [r for r in results if r.verdict == "MISSED"]
    print(f"\n{len(missed)} goals missed" if missed else "\nall goals met")
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"environment": environment, "results": [asdict(r) for r in results]}, indent=1) + "\n"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
