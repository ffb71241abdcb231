"""`write`: let a model go on from the beginning of a text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from gdl_core.arguments import Accepts, Promise, StepArguments
from gdl_core.values import Text, TrainedModel

if TYPE_CHECKING:
    from torch import Tensor

    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `write`."""

    model: Annotated[TrainedModel, Accepts("model", roles=("samples", "scores"), makes="text")] = Field(
        description="a text/gpt"
    )
    prompt: str = Field("", max_length=1 << 20, description="how each text begins; left out: where texts begin")
    n: int = Field(1, ge=1, le=10_000, description="how many texts")
    start: int = Field(0, ge=0, description="number of the first one; 5 with n 1 gives the sixth text alone")
    length: int = Field(256, ge=1, le=1_000_000, description="pieces to write, at most")
    temperature: float = Field(1.0, ge=0, le=100, description="1 as learned; lower: likelier; 0: always the likeliest")
    top_k: int = Field(0, ge=0, description="choose among so many of the likeliest pieces; 0: among all")
    top_p: float = Field(1.0, gt=0, le=1, description="choose among the likeliest pieces of this probability together")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that the model is a writer of texts."""
        if isinstance(self.model, Promise) and "decodes" in self.model.roles:
            yield ("model",), "write needs a text/gpt; of a model with a latent space take do: sample or do: decode"


def run(arguments: Arguments, context: StepContext) -> Text:
    """Return the prompt and what follows it, n times; text i of a seed is the same alone and in company."""
    import torch

    from gdl_core.errors import DataError
    from gdl_core.latent.tiles import make_rows
    from gdl_core.training.build import choose_device
    from gdl_text.gpt import GPT
    from gdl_text.steps.aloud import Aloud
    from gdl_text.tokens import composed

    trained = arguments.model
    model: Any = trained.model
    if not isinstance(model, GPT):
        raise DataError(f"write needs a text/gpt, but was given a {trained.name}")
    model.to(choose_device(context.device)).eval()
    tokens, prompt = model.tokens, composed(arguments.prompt)
    begun = torch.tensor([[model.end, *tokens.encode(prompt)]] * trained.tile, device=model.device)
    noise = context.noise.stream("write")
    slot = arguments.start % trained.tile
    written, total = 0, -(-(slot + arguments.n) // trained.tile) * arguments.length
    aloud = Aloud(tokens, context.piece)  # the first text
    aloud.say(prompt)

    def whole_tile(first: int) -> Tensor:
        def tell(codes: Tensor) -> None:
            nonlocal written
            context.check_cancelled()
            if first <= arguments.start:
                aloud(int(codes[slot]))
            written += 1
            context.progress(written, total)

        return model.go_on(
            begun, arguments.length, noise.at(first),
            temperature=arguments.temperature, top_k=arguments.top_k, top_p=arguments.top_p, tell=tell,
        )  # fmt: skip

    rows = make_rows(trained, whole_tile, arguments.n, (arguments.length,), arguments.start)
    context.progress(total, total)
    return Text(tuple(prompt + tokens.decode(row.long().tolist()) for row in rows))
