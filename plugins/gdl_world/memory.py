"""M: an LSTM that tells, as a mixture for each number, how V's numbers go on when something is done; with the reward
and the end of the episode (Ha & Schmidhuber 2018, section 2.2; Bishop 1994).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gdl_core.contracts import Batch, Losses, Model, Player, Prediction
from gdl_core.errors import DataError
from gdl_core.kernels import mdn_nll, mdn_sample, reparameterize
from gdl_core.noise import Noise
from gdl_world.config import MemoryConfig
from gdl_world.sequences import Sequences, Steps, take_apart

_ENSEMBLE_WIDTH = 64

State = tuple[Tensor, Tensor]
"""The LSTM's output and its cell, each (batch, hidden)."""


class Outlook(NamedTuple):
    """What an output of the LSTM says of the next step; the mixtures are (…, latent, mixtures)."""

    logits: Tensor
    mean: Tensor
    log_std: Tensor
    reward: Tensor
    ended: Tensor  # a logit


def surprise_of(outlook: Outlook, z: Tensor) -> Tensor:
    """Return how unlikely points (rows, latent) were held, in nats a number, (rows,)."""
    logits, mean, log_std = (part.flatten(0, 1) for part in outlook[:3])  # (rows · latent, mixtures)
    nll: Tensor = mdn_nll(logits, mean[..., None], log_std[..., None], z.reshape(-1, 1))
    return nll.reshape(z.shape).mean(1)


class Memory(Model):
    """Predicts the next point of V's latent space, the reward, and whether the episode ends.

    loss = NLL a number of z + weight · squared error of the reward / its variance + binary cross-entropy of the end,
    averaged over steps; in it the last steps of episodes weigh `ended_weight` times what others do. z is drawn from V's
    posterior anew in each batch, so that M learns from what V is not sure of, too. Rewards count by their variance, so
    that large ones, which come by chance, do not drown what is to be seen.

    An ensemble of small networks may stand beside: each expects the next mean of V by what the LSTM put out, and the
    LSTM learns nothing from them. Where they disagree there is something to be learned; where there is noise they come
    to expect its mean, and agree (Pathak et al. 2019, arXiv:1906.04161; Sekar et al. 2020, arXiv:2005.05960).
    """

    def __init__(self, config: MemoryConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        if not config.latent or not config.actions:
            raise DataError("world/memory learns from sequences, which say how many numbers there are: do: sequences")
        self.latent_shape = (config.latent,)
        self.lstm = nn.LSTM(config.latent + config.actions, config.hidden, batch_first=True)
        self.head = nn.Linear(config.hidden, 3 * config.latent * config.mixtures + 2)
        self.ensemble = nn.ModuleList(_expects(config.hidden, config.latent) for _ in range(config.ensemble))

    @classmethod
    def fit_config(cls, config: Any, dataset: Any) -> Any:
        """Take over from the sequences how many numbers stand for a frame and for an action, and how rewards vary."""
        if not isinstance(dataset, Sequences):
            raise DataError(f"world/memory learns from sequences of episodes, not from {dataset.name}: do: sequences")
        return config.model_copy(
            update={
                "latent": dataset.latent,
                "actions": dataset.actions,
                "reward_variance": dataset.reward_variance(),
            }
        )

    def players(self) -> Sequence[Player]:
        """One player moves everything."""
        return [Player("memory", [self], self._loss, lr=self.config.lr, decay=self.config.decay)]

    def outlook(self, output: Tensor) -> Outlook:
        """Return what outputs of the LSTM (…, hidden) say of the next step."""
        return self.taken_apart(self.head(output).float())

    def taken_apart(self, said: Tensor) -> Outlook:
        """Return the parts of what the head says, (…, numbers)."""
        latent, mixtures = self.config.latent, self.config.mixtures
        mixture, reward, ended = torch.split(said, [3 * latent * mixtures, 1, 1], dim=-1)
        logits, mean, log_std = mixture.reshape(*said.shape[:-1], 3, latent, mixtures).unbind(-3)
        return Outlook(logits, mean, log_std, reward.squeeze(-1), ended.squeeze(-1))

    def _loss(self, batch: Batch) -> Losses:
        steps = take_apart(batch.x, self.config.latent, self.config.actions)
        return self.losses(steps, self.draw(steps, batch.noise))

    def draw(self, steps: Steps, noise: Noise) -> Tensor:
        """Return points of the posteriors of windows, (batch, steps, latent); row i of the noise is for window i."""
        mean, log_var = steps.mean.flatten(1).contiguous(), steps.log_var.flatten(1).contiguous()
        z: Tensor = reparameterize(mean, log_var, key=noise.key(mean.shape[1]))
        return z.reshape(steps.mean.shape)

    def losses(self, steps: Steps, z: Tensor, action: Tensor | None = None) -> dict[str, Tensor]:
        """Return the parts of the loss for windows whose points are z; `action` stands for those that were done."""
        given = torch.cat((z, steps.action if action is None else action), dim=2)
        output, _ = self.lstm(given)  # (batch, steps, hidden)
        outlook = self.outlook(output)
        goes_on, there = steps.goes_on[:, :-1], steps.there
        logits, mean, log_std = (part[:, :-1][goes_on].flatten(0, 1) for part in outlook[:3])  # (numbers, mixtures)
        target = z[:, 1:][goes_on].flatten()
        nll = mdn_nll(logits, mean[..., None], log_std[..., None], target[:, None]).mean()
        reward = (outlook.reward - steps.reward)[there].square().mean()
        weight = torch.where(steps.ended > 0.5, self.config.ended_weight, 1.0)[there]
        entropy = F.binary_cross_entropy_with_logits(outlook.ended[there], steps.ended[there], reduction="none")
        ended = (weight * entropy).mean()
        loss = nll + self.config.reward_weight * reward / self.config.reward_variance + ended
        parts = {"loss": loss, "nll": nll, "reward_error": reward, "ended": ended}
        if self.ensemble:
            expected = self._expected(output[:, :-1][goes_on].detach())
            parts["ensemble_error"] = (expected - steps.mean[:, 1:][goes_on]).square().mean()
            parts["loss"] = loss + parts["ensemble_error"]
        return parts

    def _expected(self, output: Tensor) -> Tensor:
        """Return what each of the ensemble expects, (networks, rows, latent)."""
        return torch.stack([network(output).float() for network in self.ensemble])

    def disagreement(self, output: Tensor) -> Tensor:
        """Return the variance of what the ensemble expects at outputs of the LSTM (rows, hidden), a number, (rows,)."""
        return self._expected(output).var(0).mean(1)

    def end_probability(self, logit: Tensor) -> Tensor:
        """Return the probability that a step is the last one: the loss weighs those `ended_weight` times, and so does
        the odds that the logit tells.
        """
        weight = self.config.ended_weight
        return (logit - math.log(weight)).sigmoid() if weight > 0 else torch.zeros_like(logit)

    def begin(self, rows: int) -> State:
        """Return the state before the first step, zeros."""
        zeros = torch.zeros(rows, self.config.hidden, device=self.device)
        return zeros, zeros

    def advance(self, z: Tensor, action: Tensor, state: State | None) -> State:
        """Return the state after these points (batch, latent) and actions (batch, numbers)."""
        hidden, cell = self.begin(len(z)) if state is None else state
        output, (_, cell) = self.lstm(torch.cat((z, action), dim=1)[:, None], (hidden[None], cell[None]))
        return output[:, 0], cell[0]

    def stepper(self, precision: torch.dtype = torch.float32) -> Stepper:
        """Return what takes single steps fast, with the weights as they are now."""
        return Stepper(self, precision)

    @torch.no_grad()
    def step(self, z: Tensor, action: Tensor, state: Any, noise: Noise, temperature: float = 1.0) -> Prediction:
        """Return what follows; see `Model.step`. The temperature is that of Ha & Schmidhuber 2018, section 2.2."""
        state = self.advance(z, action, state)
        outlook = self.outlook(state[0])
        drawn = self.draw_next(outlook, noise, temperature)
        return Prediction(drawn, outlook.reward, self.end_probability(outlook.ended), state)

    def draw_next(self, outlook: Outlook, noise: Noise, temperature: float) -> Tensor:
        """Draw the next points, (batch, latent); row i takes row i of the noise."""
        key = noise.key(self.config.latent * 4)  # a mixture for each number takes a counter of its own: four numbers
        x, _ = mdn_sample(
            outlook.logits, outlook.mean[..., None], outlook.log_std[..., None], key=key, temperature=temperature
        )
        return x.squeeze(-1)


def _expects(hidden: int, latent: int) -> nn.Module:
    return nn.Sequential(nn.Linear(hidden, _ENSEMBLE_WIDTH), nn.SiLU(), nn.Linear(_ENSEMBLE_WIDTH, latent))


class Stepper:
    """Single steps of a memory for many rows: one product for all gates, in the precision asked for.

    The LSTM of torch does the same sums in another order. Cell, gates and mixtures are float32 in any case.
    """

    def __init__(self, memory: Memory, precision: torch.dtype) -> None:
        lstm, self.memory, self.precision = memory.lstm, memory, precision
        from_input, from_hidden, *biases = (parameter.detach() for parameter in lstm.parameters())
        both = torch.cat((from_input, from_hidden), dim=1)  # (4 hidden, latent + actions + hidden)
        self.weight = both.T.to(precision).contiguous()
        self.bias = (biases[0] + biases[1]).to(precision)
        self.head = memory.head.weight.detach().T.to(precision).contiguous()
        self.head_bias = memory.head.bias.detach().to(precision)

    def advance(self, z: Tensor, action: Tensor, state: State) -> State:
        """Return the state after these points (batch, latent) and actions (batch, numbers)."""
        hidden, cell = state
        given = torch.cat((z, action, hidden), dim=1).to(self.precision)
        enter, forget, new, leave = torch.addmm(self.bias, given, self.weight).float().chunk(4, dim=1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
        return leave.sigmoid() * cell.tanh(), cell

    def outlook(self, hidden: Tensor) -> Outlook:
        """Return what outputs of the LSTM (batch, hidden) say of the next step."""
        return self.memory.taken_apart(torch.addmm(self.head_bias, hidden.to(self.precision), self.head).float())
