"""A watch over games while they are played: what goes wrong between the players, found at the points of the curve.

A player says what is to be watched by the names of the parts that it logs: `real_accuracy` and `fake_accuracy`, the
shares of real and of made samples that it judges rightly; `distance`, the mean of its output on real samples less that
on made ones; `loss`, or `plain_loss` where a penalty is part of that; `penalty`, that on its gradient. Of a model that
samples, new samples are compared with training samples. All that is told follows from the points of the curve, so a
training that goes on after a break tells the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import prod
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gdl_core.contracts import Model, Player
from gdl_core.data.dataset import Dataset
from gdl_core.errors import TrainingError
from gdl_core.noise import Noise

DIVERSITY = "diversity"
"""The part that the watch adds to each point: the mean distance between two new samples over that between two training
samples, (0, ∞); 1 is as diverse as the data."""

NEAREST = "nearest"
"""Another part that it adds: the mean distance of a new sample to the nearest other one of 64, over that of training
samples, (0, ∞). Few modes, however far apart, bring it to 0, which diversity does not see."""

COLLAPSED = 0.25
"""Diversity, or distance to the nearest, below which the generator counts as collapsed."""

SCATTERED = 10.0
"""Diversity above which the generator counts as running away from the data."""

WINNING = 0.98
"""Share of right judgements of either sort above which the critic has won, if its loss is below `WON_LOSS` too."""

WON_LOSS = 0.1

GUESSING = 0.02
"""A critic does no more than guess where the mean of its two accuracies is less than this above a half, and its
distance less than this."""

FLAT = 0.05
"""A critic is flat where its distance is less than this share of 4 TV², TV being the sum of its accuracies less 1. If
its outputs are log-ratios of densities, it is no less than the whole: Pinsker's inequality in both directions."""

EXPLODED = 100.0
"""Times the median of the points before: a penalty that rises so far has exploded."""

HUGE = 1e4
"""A penalty above this, so many points in a row, has exploded, whatever it was before."""

IN_A_ROW = 3
"""Points in a row that must agree, so that one odd interval is no alarm. A penalty that rises is told at once."""

FALLS, WITHIN = 3, 30
"""A generator that recovers each time, but collapses so often within so many points, is told of too."""

LATE = 0.3
"""Share of the training before which no collapse stops it: there is time to recover."""

SETTLED = 100
"""Rounds before which diversity and accuracies are not judged: new networks make and judge all samples alike."""

_COMPARED = 64
_AT_ONCE = 16
_NUMBERS = 1 << 24  # of the compared samples of either kind, in all


class Watch:
    """What is noticed in one training; models with a single player have nothing to watch.

    Args:
        model: the model.
        players: its players.
        dataset: real samples are taken from its training side.
        noise: a stream of its own, so that looking changes nothing.
        stop: raise TrainingError for a collapse of the generator instead of telling it.
    """

    def __init__(
        self, model: Model, players: Sequence[Player], dataset: Dataset, noise: Noise, stop: bool = False
    ) -> None:
        self.model, self.players, self.noise, self.stop = model, players if len(players) > 1 else (), noise, stop
        self.notes: list[str] = []
        self.tell: Callable[[str], None] = lambda note: None
        self._kinds: set[str] = set()
        self._spread, self._apart = 0.0, 0.0
        self._n = max(2, min(_COMPARED, len(dataset.train), _NUMBERS // prod(dataset.shape)))
        if self.players and "samples" in model.roles() and len(dataset.train) > 1:
            order = noise.stream("compared").permutation(len(dataset.train)).numpy()
            real = dataset.tensor(np.sort(dataset.train[order[: self._n]]))
            self._spread, self._apart = mean_distance(real), nearest_distance(real)

    def look(self) -> dict[str, float]:
        """Return what is to be added to a point of the curve; call it in eval mode, without gradients."""
        if not self._spread:
            return {}
        noise = self.noise.stream("new")
        parts = [self.model.sample(min(_AT_ONCE, self._n - row), noise.at(row)) for row in range(0, self._n, _AT_ONCE)]
        made = torch.cat(parts)
        found = {DIVERSITY: mean_distance(made) / self._spread}
        return found | ({NEAREST: nearest_distance(made) / self._apart} if self._apart else {})

    def replay(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Take in the points of a training that goes on; return them as they were logged."""
        return [self._noted(rows[: end + 1], self.found(rows[: end + 1])) for end in range(len(rows))]

    def point(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Take in a new point, the last of `rows`; return it as it is to be logged."""
        row = self._noted(rows, self.found(rows))
        for note in row.get("notes", ()):
            self.tell(note)
        return row

    def go_on(self, rows: Sequence[Mapping[str, Any]], share: float) -> None:
        """Check after a point, and this share of the training, that it is worth going on with.

        Raises:
            TrainingError: the generator has collapsed, that is to stop the training, and 0.3 of it are done.
        """
        collapse = self.found(rows).get("mode collapse") if self.stop and share >= LATE else None
        if collapse:
            raise TrainingError(f"mode collapse at step {rows[-1]['step']}: {collapse}")

    def found(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Return what is wrong at the last of the points, by its name."""
        found: dict[str, str] = {}
        calmer = self._calmer(rows)
        if _collapsed(rows, DIVERSITY):
            found["mode collapse"] = (
                f"new samples differ from one another only {rows[-1][DIVERSITY]:.2g} times as much as training samples "
                f"do; try {calmer}"
            )
        elif _collapsed(rows, NEAREST):
            found["mode collapse"] = (
                f"new samples differ from the nearest other of {self._n} only {rows[-1][NEAREST]:.2g} times as much as "
                f"training samples do, so few kinds are made; try {calmer}"
            )
        if _falls(rows[-WITHIN:]) >= FALLS:
            found["mode collapse again and again"] = (
                f"{FALLS} times within {min(WITHIN, len(rows))} points new samples came to differ less than "
                f"{COLLAPSED:g} times as much as training samples do; try {calmer}"
            )
        if _lately(rows, lambda row: row.get(DIVERSITY, 1.0) > SCATTERED):
            found["the samples scatter"] = (
                f"new samples differ from one another {rows[-1][DIVERSITY]:.3g} times as much as training samples do; "
                f"try a lower lr than {self.players[-1].lr:g}"
            )
        for player in self.players:
            found |= _of_player(player, rows)
        return found

    def _calmer(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """Return what to try where samples are alike: to hold the critic by its penalty or bounds, or to go slowly."""
        penalties = any(f"{player.name}_penalty" in row for player in self.players for row in rows)
        hold = "a stronger penalty on the critic's gradient" if penalties else "closer bounds of the critic's weights"
        return f"{hold}, or a lower lr than {self.players[-1].lr:g}" if self.players else hold

    def _noted(self, rows: Sequence[Mapping[str, Any]], found: Mapping[str, str]) -> dict[str, Any]:
        new = [f"{kind} at step {rows[-1]['step']}: {text}" for kind, text in found.items() if kind not in self._kinds]
        self._kinds.update(found)
        self.notes += new
        return {**rows[-1], "notes": new} if new else dict(rows[-1])


def mean_distance(x: Tensor) -> float:
    """Return the mean Euclidean distance between two different ones of samples (n, …), n at least 2."""
    flat = x.float().flatten(1)
    return float(torch.nn.functional.pdist(flat).mean())


def nearest_distance(x: Tensor) -> float:
    """Return the mean Euclidean distance of samples (n, …) to the nearest other one, n at least 2."""
    flat = x.float().flatten(1)
    apart = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(torch.inf)
    return float(apart.amin(1).mean())


def _collapsed(rows: Sequence[Mapping[str, Any]], part: str) -> bool:
    """Say whether samples have been too near to each other lately, and do not move apart: else they only begin to."""
    alike = _lately(rows, lambda row: row.get(part, 1.0) < COLLAPSED)
    return alike and bool(rows[-1][part] <= rows[-IN_A_ROW][part])


def _of_player(player: Player, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    name, found = player.name, {}
    real, fake, loss = (f"{name}_{part}" for part in ("real_accuracy", "fake_accuracy", "loss"))
    judging = [row for row in rows if real in row and fake in row]
    if judging and judging[-1] is rows[-1]:
        now = rows[-1]
        seen = f"it judged {now[real]:.1%} of real and {now[fake]:.1%} of made samples rightly"
        plain = f"{name}_plain_loss"
        if _lately(judging, lambda row: min(row[real], row[fake]) > WINNING and row.get(plain, row[loss]) < WON_LOSS):
            found[f"the {name} wins"] = (
                f"{seen}, {IN_A_ROW} points in a row, so the others learn little from it; try a lower learning rate "
                f"for it than {player.lr:g}, a stronger penalty on its gradient, or more data"
            )
        # One that could tell once and cannot any more has met its match, which is what the game is for.
        if _lately(judging, lambda row: True) and all(
            0.5 * (row[real] + row[fake]) < 0.5 + GUESSING and row.get(f"{name}_distance", 0.0) < GUESSING
            for row in judging
        ):
            found[f"the {name} cannot tell"] = (
                f"{seen}, no more than by guessing, and never did better; try a weaker penalty on its gradient, or "
                f"another learning rate for it than {player.lr:g}"
            )
        if _lately(judging, lambda row: _is_flat(row.get(f"{name}_distance"), row[real] + row[fake] - 1)):
            found[f"the {name} is held flat"] = (
                f"{seen}, but its outputs for the two differ by {now[f'{name}_distance']:.2g} only, so the others "
                "learn little from it; try a weaker penalty on its gradient"
            )
    penalties = [row[f"{name}_penalty"] for row in rows if f"{name}_penalty" in row]
    if len(penalties) > IN_A_ROW and f"{name}_penalty" in rows[-1]:
        usual = median(penalties[:-1])
        if penalties[-1] > EXPLODED * usual > 0 or min(penalties[-IN_A_ROW:]) > HUGE:
            found[f"the {name}'s penalty explodes"] = (
                f"it is {penalties[-1]:.3g}, and its median before was {usual:.3g}; try a lower learning rate for it "
                f"than {player.lr:g}, or a stronger penalty"
            )
    return found


def _is_flat(distance: float | None, variation: float) -> bool:
    return distance is not None and variation > 2 * GUESSING and abs(distance) < FLAT * 4 * variation**2


def _falls(rows: Sequence[Mapping[str, Any]]) -> int:
    """Return how often samples became alike that had not been."""
    alike = [row[DIVERSITY] < COLLAPSED for row in rows if DIVERSITY in row and row["step"] >= SETTLED]
    return sum(now and not before for before, now in pairwise(alike))


def _lately(rows: Sequence[Mapping[str, Any]], wrong: Callable[[Mapping[str, Any]], bool]) -> bool:
    """Say whether something is so at the last points, all of them after the networks have settled."""
    last = rows[-IN_A_ROW:]
    return len(last) == IN_A_ROW and last[0]["step"] >= SETTLED and all(wrong(row) for row in last)
