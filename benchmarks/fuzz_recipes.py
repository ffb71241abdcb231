"""Check thousands of recipes that nobody would write, and count how it answers.

    python benchmarks/fuzz_recipes.py --examples 10000 > benchmarks/results/fuzz-recipes.txt

Exit status: 1 with the smallest recipe that was not answered in words, if there is one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from recipe.test_recipe_fuzz import RECIPES, ask


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    answers: Counter[str] = Counter()
    longest = 0.0

    @seed(arguments.seed)
    @settings(
        max_examples=arguments.examples, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(RECIPES)
    def fuzz(text: str) -> None:
        nonlocal longest
        started = time.process_time()
        answers["good" if ask(text) else "refused"] += 1
        longest = max(longest, time.process_time() - started)

    fuzz()
    total = sum(answers.values())
    print(
        f"{total:,} recipes (seed {arguments.seed}): {answers['good']:,} good, {answers['refused']:,} refused in words,"
    )
    print(f"none ended otherwise; the longest check took {longest:.2f} s of CPU time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
