"""An agent: V, M and C in one model, so that one file can play."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gdl_core.contracts import Model, Posterior
from gdl_core.noise import Noise
from gdl_world.config import AgentConfig, MemoryConfig, VisionConfig
from gdl_world.controller import decide, parameter_count, told
from gdl_world.environment import Actions
from gdl_world.fit import need_fit
from gdl_world.memory import Memory
from gdl_world.vision import Vision


class Agent(Model):
    """Sees a frame by V, remembers by M (if it has one), and does what a linear controller says.

    The controller knows z, drawn from V's posterior or its mean, and M's output and perhaps its cell, in units of
    `shift` and `scale`. Numbers that V does not use are all doubt when they are drawn, and shake whoever goes by them.
    """

    parameters_of_controller: Tensor
    shift: Tensor
    scale: Tensor

    def __init__(self, config: AgentConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        vision = VisionConfig.model_validate(config.vision)
        self.vision = Vision(vision, data_shape)
        self.memory = None
        if config.memory is not None:
            self.memory = Memory(MemoryConfig.model_validate(config.memory), tuple(config.sequence))
        self.actions = Actions(choices=config.choices, numbers=config.numbers)
        of_memory = 0 if self.memory is None else self.memory.config.hidden * (1 + config.cell)
        self.known = vision.latent + of_memory
        count = parameter_count(self.known, self.actions)
        self.register_buffer("parameters_of_controller", torch.zeros(count))
        self.register_buffer("shift", torch.zeros(self.known))
        self.register_buffer("scale", torch.ones(self.known))

    def look(self, x: Tensor) -> Posterior:
        """Return V's posterior of frames."""
        return self.vision.encode(x)

    def know(self, z: Tensor, state: Any) -> Tensor:
        """Return what the controller decides by, as it comes, (batch, features)."""
        if self.memory is None:
            return z
        output, cell = self.memory.begin(len(z)) if state is None else state
        return torch.cat((z, output, cell) if self.config.cell else (z, output), dim=1)

    def standard(self, known: Tensor) -> Tensor:
        """Return the same in the controller's units."""
        return (known - self.shift) * self.scale

    def begin_as(self, other: Agent) -> None:
        """Let the controller do what that of another agent does, which knows the same numbers in units of its own.

        Raises:
            DataError: it knows other numbers or does other things.
        """
        need_fit("what both agents know", other.known, self.known)
        need_fit("what both agents can do", other.actions.width, self.actions.width)
        matrix = other.parameters_of_controller.reshape(self.known + 1, self.actions.width)
        raw = matrix[:-1] * other.scale[:, None]
        bias = matrix[-1] - other.shift @ raw
        mine = torch.cat((raw / self.scale[:, None], (bias + self.shift @ raw)[None]))
        self.parameters_of_controller.copy_(mine.flatten())

    def remember(self, z: Tensor, action: Tensor, state: Any) -> Any:
        """Return M's state after this was done at these points."""
        return None if self.memory is None else self.memory.advance(z, told(action, self.actions), state)

    @torch.no_grad()
    def decide(self, z: Tensor, state: Any, parameters: Tensor | None = None) -> tuple[Tensor, Any]:
        """Return what is done at points of V's latent space, and the state to be given at the next step.

        Args:
            z: (batch, latent).
            state: M's, None at the first step.
            parameters: of the controller, for each row its own; by default the agent's.
        """
        given = self.parameters_of_controller if parameters is None else parameters
        action = decide(given, self.standard(self.know(z, state)), self.actions)
        return action, self.remember(z, action, state)

    @torch.no_grad()
    def act(self, x: Tensor, state: Any, noise: Noise) -> tuple[Tensor, Any]:
        """Return what is done at frames (batch, *data shape), and the state; row i takes row i of the noise."""
        seen = self.look(x)
        return self.decide(seen.draw(noise) if self.config.draws else seen.mean, state)
