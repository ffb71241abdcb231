"""The inner latent spaces W and W+ of style-based generators, as models of their own: every verb works in them.

A generator of the role `styles` maps its points z to styles w, one for all layers (W), and may be given another style
for each layer (W+; Abdal et al. 2019). Truncation draws styles nearer to their mean: less variety, fewer failures
(Karras et al. 2019, appendix B).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from gdl_core.contracts import Model
from gdl_core.errors import DataError, InputError, RoleError
from gdl_core.latent.fingerprint import fingerprint
from gdl_core.latent.planes import Plane
from gdl_core.latent.reduce import fit_pca
from gdl_core.latent.space_settings import SpaceSettings
from gdl_core.latent.tiles import map_rows, prior_rows
from gdl_core.noise import Noise
from gdl_core.values import Latents, TrainedModel, Vector

PLANE_DRAWS = 4096
"""Styles that the main directions of W are found from."""


class StyleSpace(Model):
    """A model whose latent space is W or W+ of another: it samples and decodes with the other's weights.

    Args:
        inner: a model that samples and has styles; it is shared, not copied.
        settings: which space, truncation, and how many of the first layers it applies to.

    Raises:
        RoleError: the model has no styles, or does not sample.
        InputError: truncation is asked for more layers than there are.
    """

    def __init__(self, inner: Model, settings: SpaceSettings) -> None:
        lacking = sorted({"samples", "styles"} - inner.roles())
        if lacking:
            raise RoleError(f"{type(inner).__name__} has no space W: the role '{lacking[0]}' is not filled")
        super().__init__(inner.config, inner.data_shape)
        layers, width = inner.style_shape
        if settings.layers is not None and settings.layers > layers:
            raise InputError(f"truncation of the first {settings.layers} layers, but the generator has {layers}")
        self.inner, self.settings = inner, settings
        self.style_shape = inner.style_shape
        self.latent_shape = (width,) if settings.which == "w" else (layers, width)
        self.training = inner.training

    def prior(self, n: int, noise: Noise) -> Tensor:
        """Draw n points, mean + ψ · (w − mean), (n, *latent shape); row i uses row i of the noise."""
        return self.view(self.inner.style(self.inner.prior(n, noise)))

    def view(self, w: Tensor) -> Tensor:
        """Return the points of this space, (batch, *latent shape), of styles (batch, width), truncated."""
        tame = torch.lerp(self.inner.style_mean().to(w), w, self.settings.truncation)
        if self.settings.which == "w":
            return tame
        points = tame[:, None].repeat(1, self.style_shape[0], 1)
        if self.settings.layers is not None:
            points[:, self.settings.layers :] = w[:, None]
        return points

    def decode(self, z: Tensor) -> Tensor:
        """Return the samples (batch, *data shape) of points of W (batch, width) or W+ (batch, layers, width)."""
        styles = z[:, None].expand(-1, self.style_shape[0], -1) if self.settings.which == "w" else z
        return self.inner.synthesise(styles)

    def scaled(self, z: Tensor, scale: float) -> Tensor:
        """Return points (n, *latent shape) moved to `scale` times their distance from the mean style."""
        return torch.lerp(self.middle().to(z), z, scale)

    def middle(self) -> Tensor:
        """Return the mean style, (*latent shape)."""
        return self.inner.style_mean().expand(self.latent_shape)


def unwrapped(model: Model) -> Model:
    """Return the model that holds the weights: of a view the one that it looks into."""
    return model.inner if isinstance(model, StyleSpace) else model


def in_space(trained: TrainedModel, settings: SpaceSettings) -> TrainedModel:
    """Return a trained model as one whose latent space is W or W+; weights and tile are shared.

    Raises:
        RoleError, InputError: see `StyleSpace`.
    """
    space = settings.model_dump()
    return replace(
        trained,
        model=StyleSpace(trained.model, settings),
        fingerprint=fingerprint(trained.model, trained.config, space),
        space=space,
    )


def space_of(trained: TrainedModel) -> str:
    """Return which space of a style-based generator a model's points are of, z, w or w+; "" of one without styles."""
    if isinstance(trained.model, StyleSpace):
        return trained.model.settings.which
    return "z" if "styles" in trained.model.roles() else ""


def need_space(trained: TrainedModel, value: Latents | Vector) -> None:
    """Check that points, or a direction, are of the space that a model is given with: shapes may be the same in all.

    Raises:
        DataError: they are of another one.
    """
    here = space_of(trained)
    if value.space and here and value.space != here:
        what = "the points are" if isinstance(value, Latents) else f"the direction '{value.name}' is"
        other = "the model itself" if value.space == "z" else f"a view of it, do: space, which: {value.space}"
        raise DataError(f"{what} of the space {value.space}, but {trained.name} is given with {here}; take {other}")


def styles_of(trained: TrainedModel, points: Tensor, space: str = "") -> Tensor:
    """Return the points of a view W+, (n, layers, width) on the CPU, of points of its model or of W.

    Points that are of W+ already are returned as they are, and those of W are taken for all layers.

    Args:
        trained: the view.
        points: (n, *latent shape) of any of the three.
        space: z, w or w+; "": their shape tells, and of one that two of them have it is the model's own.

    Raises:
        DataError: they are of none of them.
    """
    model = trained.model
    assert isinstance(model, StyleSpace)
    shape, inner = tuple(points.shape[1:]), tuple(model.inner.latent_shape)
    if shape == tuple(model.latent_shape):
        return points
    if space == "w" and shape == tuple(model.latent_shape[1:]):
        return points[:, None].repeat(1, model.latent_shape[0], 1)
    if shape != inner:
        raise DataError(
            f"latent points of shape {shape} are neither of {trained.name}, {inner}, nor of its space w+, "
            f"{tuple(model.latent_shape)}; draw them with do: prior or find them in which: w+"
        )
    return map_rows(trained, lambda z: model.view(model.inner.style(z)), points, model.latent_shape)


def plane_of(trained: TrainedModel, first: int, second: int) -> Plane:
    """Return the plane of two dimensions of a model's latent space, counted from 0.

    In W and W+ the dimensions are the principal directions of styles, the widest first, around their mean, and one
    unit is a standard deviation of what the view draws (Härkönen et al. 2020, section 2.1), since the numbers of a
    style mean nothing one by one.

    Raises:
        InputError: there is no such dimension, or the two are one.
    """
    model = trained.model
    if not isinstance(model, StyleSpace):
        return Plane.of_dimensions(tuple(model.latent_shape), first, second)
    known = min(model.style_shape[1], PLANE_DRAWS)
    if first == second or not (0 <= first < known and 0 <= second < known):
        raise InputError(f"a plane takes two different dimensions from 0 to {known - 1}, got {first} and {second}")
    whole = replace(trained, model=StyleSpace(model.inner, SpaceSettings()))
    styles = prior_rows(whole, PLANE_DRAWS, Noise(0).stream("principal directions"))
    pca = fit_pca(styles, max(first, second) + 1)
    axes = (pca.components * pca.deviations[:, None])[[first, second]]
    settings, layers = model.settings, model.style_shape[0]
    psi = torch.full((layers, 1), settings.truncation)
    if settings.layers is not None:
        psi[settings.layers :] = 1.0
    with torch.no_grad():
        origin = torch.lerp(model.inner.style_mean().float().cpu(), pca.mean, psi)
    spread = psi * axes[:, None]
    if settings.which == "w":
        origin, spread = origin[0], spread[:, 0]
    names = (f"direction {first + 1}", f"direction {second + 1}")
    return Plane(origin.numpy().astype(np.float32), spread.numpy().astype(np.float32), names)
