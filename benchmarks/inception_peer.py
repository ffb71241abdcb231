"""Our FID Inception against torch-fidelity's, with the same random weights on the same random pictures.

    pip install --no-deps --target PEER torch-fidelity==0.4.0
    PYTHONPATH=$PYTHONPATH:PEER python benchmarks/inception_peer.py > benchmarks/results/inception-peer.txt

torch-fidelity asks for torchvision and tqdm for what is not used here; those that are missing are replaced by empty
modules. Weights are drawn so that features neither vanish nor explode (He et al. 2015), with moments and shifts
of the batch normalisation too, and are saved and read as a user's file is. Compared are the resized pictures, the
features of both, and the distances of two sets, ours by `frechet_distance`, theirs by their `metric_fid`. Of pictures
resized with half a pixel's shift, as pytorch-fid does, it is told how far the features move.

Exit status: 1 if features differ by more than 1e-4 of the greatest, or distances by more than 1e-4 of themselves; 2 if
torch-fidelity is not installed.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import timeit
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from gdl_core.measures.frechet import frechet_distance
from gdl_core.measures.inception import Inception, prepared, read_inception
from gdl_core.measures.inception_layers import shapes
from gdl_core.noise import Noise

SIZES = ((1, 28, 28), (3, 64, 64), (3, 299, 299), (3, 360, 480))
PICTURES, COMPARED = 4, 96
NEAR = 1e-4
SHOWN = [2, 600, 1300, 2000]
"""Features of the first picture that are told, one of each branch of the last block; tests know them."""
UNUSED = {"torchvision": ("datasets", "models", "transforms", "transforms.functional"), "tqdm": ()}
"""What torch-fidelity imports and does not use here."""


def random_weights(seed: int = 0) -> dict[str, Tensor]:
    """Return a tensor for each weight of the network, the same on every machine."""
    weights = {}
    for name, shape in shapes().items():
        noise = Noise(seed).stream(name).normal(shape[0], shape[1:])
        if len(shape) > 1:
            weights[name] = noise * (2 / noise[0].numel()) ** 0.5
        elif name.endswith(("running_var", "bn.weight")):
            weights[name] = torch.exp(0.1 * noise)
        else:
            weights[name] = 0.1 * noise
    return weights


def random_pictures(n: int, shape: tuple[int, int, int], seed: int = 0) -> Tensor:
    """Return pictures of random levels, uint8 (n, *shape), the same on every machine."""
    return Noise(seed).stream("pictures", *shape).uniform(n, shape).mul(256).to(torch.uint8)


def their_extractor(path: Path) -> Any:
    """Return torch-fidelity's network with the weights of a PyTorch file."""
    missing = [module for module in UNUSED if importlib.util.find_spec(module) is None]
    empty = {
        name: MagicMock() for module in missing for name in (module, *(f"{module}.{part}" for part in UNUSED[module]))
    }
    sys.modules.update(empty)
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    for name in empty:  # others, torchmetrics for one, look whether these are installed
        del sys.modules[name]
    return FeatureExtractorInceptionV3("peer", ["2048"], feature_extractor_weights_path=str(path))


def apart(ours: Tensor, theirs: Tensor) -> float:
    """Return the greatest difference as a share of the greatest value."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


def features(network: Inception, pixels: Tensor) -> Tensor:
    """Return our features of uint8 pictures."""
    return network.features(pixels / 255)


def main() -> int:
    if importlib.util.find_spec("torch_fidelity") is None:
        print("torch-fidelity is not installed: pip install --no-deps torch-fidelity==0.4.0", file=sys.stderr)
        return 2
    weights = random_weights()
    with tempfile.TemporaryDirectory() as folder:
        save_file(weights, Path(folder) / "ours.safetensors")
        torch.save(weights, Path(folder) / "theirs.pth")
        ours, theirs = read_inception(Path(folder) / "ours.safetensors"), their_extractor(Path(folder) / "theirs.pth")
    ours.tile = PICTURES
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    print(f"torch-fidelity {_version('torch-fidelity')}, torch {torch.__version__}, {len(weights)} tensors")
    worst = 0.0
    for shape in SIZES:
        pixels = random_pictures(PICTURES, shape)
        colour = pixels.expand(-1, 3, -1, -1)
        with torch.no_grad():
            resized = interpolate_bilinear_2d_like_tensorflow1x(colour.float(), size=(299, 299), align_corners=False)
            (found,) = theirs(colour)
            shifted = F.interpolate(colour.float(), size=(299, 299), mode="bilinear", align_corners=False)
            moved = ours.network((shifted - 128) / 128)
        mine = features(ours, pixels)
        worst = max(worst, apart(mine, found))
        print(
            f"{' × '.join(map(str, shape)):14} resized {apart(prepared(pixels), (resized - 128) / 128):.1e}  "
            f"features {apart(mine, found):.1e}  with half a pixel's shift {apart(moved, found):.1e}  "
            f"theirs {', '.join(f'{value:.5f}' for value in found[0, SHOWN].tolist())}",
            flush=True,
        )
    for name, network in (("ours", lambda: ours.features(pixels / 255)), ("theirs", lambda: theirs(colour))):
        with torch.no_grad():
            seconds = min(timeit.repeat(network, number=1, repeat=5)) / PICTURES
        print(f"{name} {seconds:.3f} s a picture on {torch.get_num_threads()} thread", flush=True)
    far = compare_distances(ours, theirs)
    alike = worst <= NEAR and far <= NEAR
    print("alike" if alike else "they differ")
    return 0 if alike else 1


def compare_distances(ours: Inception, theirs: Any) -> float:
    """Print the distance of two sets by both; return how far the two numbers are apart, as a share."""
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    even, dark = random_pictures(COMPARED, (3, 32, 32), 1), random_pictures(COMPARED, (3, 32, 32), 2) // 2
    with torch.no_grad():
        found = [torch.cat([theirs(part)[0] for part in pixels.split(PICTURES)]) for pixels in (even, dark)]
    their_own = fid_statistics_to_metric(*map(fid_features_to_statistics, found), False)["frechet_inception_distance"]
    mine = frechet_distance(features(ours, even), features(ours, dark))
    far = abs(mine - their_own) / their_own
    print(f"FID of {COMPARED} and {COMPARED} pictures: ours {mine:.6f}, theirs {their_own:.6f}, apart {far:.1e}")
    return far


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


if __name__ == "__main__":
    sys.exit(main())
