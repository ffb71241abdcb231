"""The fused operations: noise, reparameterization with its KL divergence, lines and arithmetic in latent space, mixture
densities, and the layers of style-based generators (biased activation, resampling with a filter).

Each has `impl="auto" | "reference" | "native"`, works on CPU and CUDA in float32, bfloat16 and float16 (float64 through
the reference), and is differentiable. Arithmetic is float32 or more, and results have the dtype of their tensors, under
autocast too. torch.compile and torch.export take each one whole. Begin with `reparam.py`; `reference.py` is the same in
plain torch and says what is right; csrc/ holds the native code; `info()` tells what is in use and why. May import
torch, gdl_core.errors and gdl_core.files.
"""

from gdl_core.kernels.arithmetic import latent_arithmetic
from gdl_core.kernels.bias_act import bias_act
from gdl_core.kernels.info import info
from gdl_core.kernels.keys import RNG_VERSION, make_key
from gdl_core.kernels.mdn import mdn_nll, mdn_sample
from gdl_core.kernels.path import latent_path, lerp, slerp
from gdl_core.kernels.randn import randn, uniform
from gdl_core.kernels.reference import LOG_VAR_MAX, LOG_VAR_MIN
from gdl_core.kernels.reference_mdn import LOG_STD_MAX, LOG_STD_MIN
from gdl_core.kernels.reparam import reparameterize
from gdl_core.kernels.resample import downsample2d, make_filter, resample, upsample2d

__all__ = [
    "LOG_STD_MAX",
    "LOG_STD_MIN",
    "LOG_VAR_MAX",
    "LOG_VAR_MIN",
    "RNG_VERSION",
    "bias_act",
    "downsample2d",
    "info",
    "latent_arithmetic",
    "latent_path",
    "lerp",
    "make_filter",
    "make_key",
    "mdn_nll",
    "mdn_sample",
    "randn",
    "reparameterize",
    "resample",
    "slerp",
    "uniform",
    "upsample2d",
]
