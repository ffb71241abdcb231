"""What a plugin's model brings, and what the training loop asks of it.

A model fills roles by defining methods; the core asks which roles it fills, never its name. This module imports torch;
`gdl_core.specs` is the part of the contract that does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from gdl_core.errors import RoleError
from gdl_core.kernels import reparameterize
from gdl_core.noise import Noise
from gdl_core.specs import ROLES

if TYPE_CHECKING:
    from gdl_core.data.dataset import Dataset
    from gdl_core.forms import Form


@dataclass(frozen=True)
class Posterior:
    """q(z | x), a diagonal Gaussian: mean and log-variance, each (batch, *latent shape); without `log_var` a point."""

    mean: Tensor
    log_var: Tensor | None = None

    def draw(self, noise: Noise) -> Tensor:
        """Return z = mean + exp(log_var / 2) · ε, fused; row i takes row i of the noise (Kingma & Welling 2013)."""
        if self.log_var is None:
            return self.mean
        columns = self.mean[0].numel() if len(self.mean) else 1
        z: Tensor = reparameterize(self.mean, self.log_var, key=noise.key(columns))
        return z

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log q(z | x) of points (batch, *latent shape), in nats, (batch,).

        Raises:
            RoleError: there is no variance, so a point has no density.
        """
        if self.log_var is None:
            raise RoleError("a point posterior has no density: log q(z | x) needs a model that encodes to a variance")
        squares = (z - self.mean).square() * torch.exp(-self.log_var)
        return -0.5 * (math.log(2 * math.pi) + self.log_var + squares).flatten(1).sum(1)


@dataclass(frozen=True)
class Batch:
    """What a player's loss is given.

    Attributes:
        x: samples, (batch, *data shape); pictures are float32 in [0, 1].
        noise: a stream of its own for this step and player; row i belongs to sample i of the batch.
        step: optimiser rounds made before this one.
        turn: turns that this player has made before this one.
        progress: share of the training that is done, in [0, 1], for annealing.
        columns: labels of the samples, for models that ask for them (probes). Generative models leave them alone.
        training: False when a held-out loss is measured.
    """

    x: Tensor
    noise: Noise
    step: int = 0
    turn: int = 0
    progress: float = 0.0
    columns: Mapping[str, Tensor] = field(default_factory=dict)
    training: bool = True


@dataclass(frozen=True)
class Prediction:
    """What a world model expects to follow.

    Attributes:
        z: the next points of the vision's latent space, (batch, *latent shape).
        reward: expected reward of the step, (batch,).
        ended: probability that the episode ends with the step, (batch,).
        state: for the next step.
    """

    z: Tensor
    reward: Tensor
    ended: Tensor
    state: Any


Losses = Mapping[str, Tensor]
"""Named 0-d tensors. `loss` is minimised; the others are logged. Units belong in the plugin's README."""


@dataclass
class Player:
    """One side of the game that training is: what it moves, what it minimises, how many turns it takes a round.

    A VAE is a game of one player; a GAN is two, `critic` and `generator`. The loop freezes everybody else's parameters
    and buffers during a player's turn, and owns optimiser, precision, averaging and checkpoints. Parts of the loss that
    a player calls `real_accuracy`, `fake_accuracy`, `distance` and `penalty` are watched (`gdl_core.training.watch`).
    """

    name: str
    modules: Sequence[nn.Module]
    loss: Callable[[Batch], Losses]
    turns: int = 1
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    decay: Literal["none", "cosine"] = "none"
    """How the learning rate falls: not at all, or along half a cosine to a hundredth of itself at the end."""
    warmup: float = 0.0
    """Share of the training over which the learning rate rises to what it is to be."""
    after: Callable[[], None] | None = None
    """Called after each of its steps, still in its turn: to hold weights within bounds, say."""

    def parameters(self) -> list[nn.Parameter]:
        """Return each parameter of the player's modules once."""
        return list(dict.fromkeys(parameter for module in self.modules for parameter in module.parameters()))


def _unfilled(self: Model, role: str) -> RoleError:
    filled = ", ".join(sorted(self.roles())) or "nothing"
    return RoleError(f"{type(self).__name__} does not do this: the role '{role}' is not filled (it fills: {filled})")


class Model(nn.Module):
    """Base of every model: override the methods of the roles that you fill.

    Args:
        config: the model's settings, an instance of the pydantic model that its spec names.
        data_shape: shape of one sample, e.g. (channels, height, width).

    Attributes:
        latent_shape: shape of one latent point, set by models that encode or decode.
        style_shape: (layers, width) of the styles that a model of the role `styles` makes its samples of.
        input_range: the least and greatest value that a sample may hold, checked before training; None: any finite one.
        observed: what the likelihood is of: "binary" values, 0 or 1, or "continuous" ones, of which it is a density.
        tile: samples that one pass of it takes, a power of two; 0: what a measurement says (`latent.tiles`).
        form: what its samples are to a person, where they are not pictures; None: pictures, or plain numbers.
        uses_columns: batches carry the labels too. Generative models leave it False, so that labels never reach them;
            one whose settings name the column that it is conditioned on sets it for itself alone.
        conditions: categories of each column that samples can be asked for by; `prior` and `sample` of a model that
            has any take the wanted ones by column name, like prior(n, noise, label="3").
    """

    latent_shape: tuple[int, ...] = ()
    style_shape: tuple[int, int] = (0, 0)
    input_range: tuple[float, float] | None = None
    observed: Literal["binary", "continuous"] = "continuous"
    tile: int = 0
    form: Form | None = None
    uses_columns: bool = False
    conditions: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def __init__(self, config: BaseModel, data_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.config: Any = config
        self.data_shape = tuple(data_shape)

    @classmethod
    def fit_config(cls, config: Any, dataset: Dataset) -> Any:
        """Return the settings with what only the data can tell filled in, e.g. the categories of a column.

        Called once, before a model is built for training. Most models return `config` as it is.

        Raises:
            UnknownNameError: the settings name a column that the dataset does not have.
        """
        return config

    def players(self) -> Sequence[Player]:
        """Role trains: return the players, in the order of their turns."""
        raise _unfilled(self, "trains")

    def fit(self, dataset: Dataset, noise: Noise, progress: Callable[[int, int], None]) -> None:
        """Role trains, for models without players: take what is to be learned from the training samples at once.

        Called as soon as the model is built; what it keeps must be in buffers or parameters of the shapes that a model
        of these settings has from the start.
        """
        raise _unfilled(self, "trains")

    @classmethod
    def fits_at_once(cls) -> bool:
        """Return whether training is one call of `fit`: the class has that method and no players."""
        return cls.fit is not Model.fit and cls.players is Model.players

    def prior(self, n: int, noise: Noise) -> Tensor:
        """Role samples: draw n latent points, (n, *latent shape); row i uses row i of the noise."""
        raise _unfilled(self, "samples")

    def scaled(self, z: Tensor, scale: float) -> Tensor:
        """Return points of the prior moved towards its middle (scale below 1) or away from it, (n, *latent shape)."""
        return z * scale

    def sample(self, n: int, noise: Noise, **options: Any) -> Tensor:
        """Role samples: return n new samples, (n, *data shape). By default the prior is drawn and decoded.

        Args:
            n: how many.
            noise: row i belongs to sample i.
            options: what `prior` takes besides.
        """
        return self.decode(self.prior(n, noise, **options))

    def uniform_box(self) -> tuple[Tensor, Tensor] | None:
        """Return the corners, each (*data shape), of the box that samples fill evenly, where they do; else None.

        Of such a model the shares of both errors are known in closed form.
        """
        return None

    def encode(self, x: Tensor) -> Posterior:
        """Role encodes: return the posterior of samples (batch, *data shape)."""
        raise _unfilled(self, "encodes")

    def decode(self, z: Tensor) -> Tensor:
        """Role decodes: return samples (batch, *data shape), pictures in [0, 1], of points (batch, *latent shape)."""
        raise _unfilled(self, "decodes")

    def log_prob(self, x: Tensor, noise: Noise) -> Tensor:
        """Role scores: return log p(x) or a lower bound of it, in nats, (batch,)."""
        raise _unfilled(self, "scores")

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Role scores, for models with latent points: return log p(x | z) of pairs, in nats, (batch,)."""
        raise _unfilled(self, "scores")

    def log_prior(self, z: Tensor) -> Tensor:
        """Return log p(z) of points (batch, *latent shape), in nats, (batch,); by default that of N(0, I)."""
        return -0.5 * (math.log(2 * math.pi) + z.square()).flatten(1).sum(1)

    def step(self, z: Tensor, action: Tensor, state: Any, noise: Noise, temperature: float = 1.0) -> Prediction:
        """Role predicts: return what follows when this is done at these points of the vision's latent space.

        Args:
            z: (batch, *latent shape).
            action: as the network is told of it, float32 (batch, numbers).
            state: what the last step returned; None at the first.
            noise: row i belongs to row i of the batch.
            temperature: 1 as learned; above it less certain, 0 the likeliest.
        """
        raise _unfilled(self, "predicts")

    def act(self, x: Tensor, state: Any, noise: Noise) -> tuple[Tensor, Any]:
        """Role acts: return what to do at samples (batch, *data shape), and the state to be given at the next step.

        The state is None at the first step of an episode. Actions are int64 (batch,) or float32 (batch, numbers).
        """
        raise _unfilled(self, "acts")

    def classify(self, x: Tensor) -> Mapping[str, Tensor]:
        """Role classifies: return for each column the probabilities of its categories, (batch, categories)."""
        raise _unfilled(self, "classifies")

    def features(self, x: Tensor) -> Tensor:
        """Role classifies: return what the last layer decides by, (batch, features): a space to compare samples in."""
        raise _unfilled(self, "classifies")

    def style(self, z: Tensor) -> Tensor:
        """Role styles: map points (batch, *latent shape) to the intermediate latent space W, (batch, width)."""
        raise _unfilled(self, "styles")

    def style_mean(self) -> Tensor:
        """Role styles: return the mean of W, (width,), towards which truncation draws (Karras et al. 2019, B)."""
        raise _unfilled(self, "styles")

    def synthesise(self, w: Tensor) -> Tensor:
        """Role styles: return the samples (batch, *data shape) of styles (batch, layers, width), one for each layer."""
        raise _unfilled(self, "styles")

    _ROLE_METHODS = (
        ("trains", ("players", "fit")),
        ("samples", ("prior", "sample")),
        ("encodes", ("encode",)),
        ("decodes", ("decode",)),
        ("scores", ("log_prob", "log_likelihood")),
        ("predicts", ("step",)),
        ("acts", ("act",)),
        ("classifies", ("classify",)),
        ("styles", ("style", "synthesise")),
    )

    @classmethod
    def roles(cls) -> frozenset[str]:
        """Return the roles that this class fills: those of whose methods it overrides at least one."""
        filled = {
            role
            for role, methods in cls._ROLE_METHODS
            if any(getattr(cls, method) is not getattr(Model, method) for method in methods)
        }
        assert filled <= set(ROLES)
        return frozenset(filled)

    @property
    def device(self) -> torch.device:
        """The device of the model's parameters, or of its buffers where it has none of those."""
        return next(chain(self.parameters(), self.buffers())).device
