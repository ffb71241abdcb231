"""Inception-v3 as the Fréchet Inception distance is defined by: pictures to 2048 numbers each.

FID is the Fréchet distance in the features of one network with one set of weights (Heusel et al. 2017), so what the
published TensorFlow graph does is right here, even where it departs from the paper (Szegedy et al. 2016):

- pictures are whole levels 0 … 255, resized by TensorFlow 1's bilinear rule; (x − 128) / 128 goes into the network;
- average pools count no padding at the border, as TensorFlow's `SAME` does not;
- the last block pools by the greatest value and not by the mean, which is thought to be a slip of the published graph;
- batch normalisation adds 0.001 to the variance.

Nothing is downloaded: the weights are the user's file. `benchmarks/inception_peer.py` compares with torch-fidelity.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gdl_core.errors import CheckpointError
from gdl_core.latent.tiles import inference, spans, to_pixels
from gdl_core.measures.inception_layers import BLOCKS, FEATURES, LAYERS, STEM, Block, Branch, Layer, check_weights

SIZE = 299
"""Height and width of the pictures that the network takes."""
TILE = 32
"""Pictures in one pass; fewer are filled up, so that a picture's features do not depend on its neighbours."""


class Convolution(nn.Module):
    """One layer: convolution, batch normalisation with fixed moments, ReLU."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            layer.inputs, layer.outputs, layer.kernel, layer.stride, padding=layer.padding, bias=False
        )
        self.bn = nn.BatchNorm2d(layer.outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class InceptionV3(nn.Module):
    """The network, up to its last average pool; parameters have the names of the published file."""

    def __init__(self) -> None:
        super().__init__()
        for layer in LAYERS:
            block, _, name = layer.name.rpartition(".")
            if block and not hasattr(self, block):
                self.add_module(block, nn.Module())
            self.get_submodule(block).add_module(name, Convolution(layer))

    def forward(self, x: Tensor) -> Tensor:
        """Return the features, (n, 2048), of pictures (n, 3, 299, 299) as `prepared` gives them."""
        for group in STEM:
            for layer in group:
                x = self.get_submodule(layer.name)(x)
            x = F.max_pool2d(x, 3, stride=2)
        for block in BLOCKS:
            x = self._block(block, x)
        return x.mean(dim=(2, 3))

    def _block(self, block: Block, x: Tensor) -> Tensor:
        if block.pool == "mean":
            pooled = F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
        elif block.pool == "greatest":
            pooled = F.max_pool2d(x, 3, stride=1, padding=1)
        else:
            pooled = F.max_pool2d(x, 3, stride=2)
        parts = [self._branch(branch, x) for branch in block.branches]
        return torch.cat([*parts, self._branch(block.pooled, pooled)], dim=1)

    def _branch(self, branch: Branch, x: Tensor) -> Tensor:
        for beside in branch:
            parts = [self.get_submodule(layer.name)(x) for layer in beside]
            x = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        return x


def resized(x: Tensor, size: int = SIZE) -> Tensor:
    """Return pictures (n, channels, height, width) as (n, channels, size, size) by TensorFlow 1's bilinear rule.

    Pixel i lies at i · height / size of the old picture, without the half pixel that others add; what lies past the
    last pixel repeats it, and pictures that shrink are not smoothed (`tf.image.resize_bilinear`, align_corners=False).
    """
    for dimension in (3, 2):  # across and then down, as there: sums of floats depend on the order
        old = x.shape[dimension]
        if old == size:
            continue
        at = torch.arange(size, dtype=torch.float32) * torch.tensor(old / size, dtype=torch.float32)
        low = at.long()
        share = (at - low).to(x.device, x.dtype)
        low_part = x.index_select(dimension, low.to(x.device))
        high_part = x.index_select(dimension, (low + 1).clamp_max(old - 1).to(x.device))
        x = low_part + (high_part - low_part) * (share if dimension == 3 else share[:, None])
    return x


def prepared(pixels: Tensor) -> Tensor:
    """Return uint8 pictures (n, 1 or 3, height, width) as the network takes them: (n, 3, 299, 299) in [−1, 1).

    Grey is repeated in all three colours.
    """
    return ((resized(pixels.float()) - 128) / 128).expand(-1, 3, -1, -1)


class Inception:
    """The network with its weights, on the device that it is to work on.

    Args:
        network: pictures as `prepared` gives them → (n, features).
        digest: hex SHA-256 of the file of the weights.
        device: where it works.
        each: called after each tile with the number of pictures looked at so far; it may raise CancelledError.
        tile: pictures in one pass.
    """

    def __init__(
        self,
        network: nn.Module,
        digest: str,
        device: torch.device | None = None,
        each: Callable[[int], None] | None = None,
        tile: int = TILE,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.network = network.to(self.device).requires_grad_(False).eval()
        self.digest, self.each, self.tile = digest, each, tile
        self.looked_at = 0
        self._kept: dict[tuple[torch.Size, bytes], Tensor] = {}

    def features(self, pictures: Tensor, keep: bool = False) -> Tensor:
        """Return the features of pictures (n, 1 or 3, height, width) in [0, 1], float32 (n, 2048) on the CPU.

        Args:
            pictures: rounded to whole levels before anything else.
            keep: remember them by their pixels, for pictures that will be asked about again with another model.
        """
        pixels = torch.from_numpy(to_pixels(pictures)).movedim(-1, 1).contiguous()
        if not keep:
            return self._computed(pixels)
        key = pixels.shape, hashlib.sha256(pixels.numpy().data).digest()
        if key not in self._kept:
            self._kept[key] = self._computed(pixels)
        return self._kept[key]

    def _computed(self, pixels: Tensor) -> Tensor:
        found = [torch.zeros(0, FEATURES)]
        # cuDNN may round to ten bits unless it is told not to, and picks what is fastest by a clock.
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        with inference(self.network), exact:
            for first, count in spans(len(pixels), 0, self.tile):
                tile = pixels.new_zeros(self.tile, *pixels.shape[1:])
                tile[:count] = pixels[first : first + count]
                found.append(self.network(prepared(tile.to(self.device)))[:count].float().cpu())
                self.looked_at += count
                if self.each is not None:
                    self.each(self.looked_at)
        return torch.cat(found[1:] or found)


def read_inception(
    path: Path, device: torch.device | None = None, each: Callable[[int], None] | None = None
) -> Inception:
    """Return the network with the weights of a safetensors file.

    Args:
        path: of the file, with tensors named as in `pt_inception-2015-12-05-6726825d`.
        device: where it is to work.
        each: called after each tile with the number of pictures looked at so far.

    Raises:
        CheckpointError: the file does not hold these weights, or holds some that are not finite.
    """
    check_weights(path)
    try:
        data = path.read_bytes()
        tensors = safetensors.torch.load(data)
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path.name} cannot be read: {error}") from None
    with torch.device("meta"):  # no first weights are drawn for what the file brings
        network = InceptionV3()
    wanted = {name: tensors[name] for name in network.state_dict() if not name.endswith("num_batches_tracked")}
    for name, tensor in wanted.items():
        if not bool(tensor.isfinite().all()):
            raise CheckpointError(f"{path.name} is damaged: {name} has values that are not finite; make it again")
    network.load_state_dict(wanted, assign=True)
    return Inception(network, hashlib.sha256(data).hexdigest(), device, each)
