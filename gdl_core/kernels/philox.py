"""The noise in plain torch, bit for bit that of the native kernels (csrc/include/gdl/philox.h and math.h).

torch has no fused multiply-add, so each one is a product and a sum in float64, rounded to float32. The product is
exact, and csrc/tests/double_emulation.cpp proves over all inputs that rounding the sum twice changes no result.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import torch
from torch import Tensor

from gdl_core.kernels.keys import rows_and_cols

_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)


def _float32(x: float) -> float:
    return float(struct.unpack("f", struct.pack("f", x))[0])


_LOG = [
    _float32(c)
    for c in (
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    )
]
_LN2_LOW, _LN2_HIGH = _float32(-2.12194440e-4), 0.693359375
_SQRT_HALF = _float32(0.70710677)
_ANGLE = _float32(3.6572952e-10)  # pi/4 / 2^31
_SIN = [_float32(c) for c in (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)]
_COS = [_float32(c) for c in (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2, -0.5, 1.0)]


def _fma(a: Tensor, b: Tensor | float, c: Tensor | float) -> Tensor:
    """a * b + c for float64 tensors that hold float32 values, rounded to float32."""
    return _round(a * b + c)


def _round(x: Tensor) -> Tensor:
    return x.float().double()


def _polynomial(x: Tensor, coefficients: Sequence[float]) -> Tensor:
    y = _fma(x, coefficients[0], coefficients[1])
    for c in coefficients[2:]:
        y = _fma(y, x, c)
    return y


def philox_words(seed: Tensor, counters: Tensor, stream: int = 0) -> list[Tensor]:
    """Return the four words of each Philox4x32-10 counter as int64 tensors of the counters' shape.

    seed: int64, of no dimension or such that it broadcasts; counters: int64. Both are read as unsigned 64-bit numbers.
    stream: the third word of the counter, 0 for normal and uniform noise.
    """
    zero = torch.zeros_like(counters)
    x = [counters & _MASK, (counters >> 32) & _MASK, zero + stream, zero]
    round_keys = [seed & _MASK, (seed >> 32) & _MASK]
    for _ in range(10):
        products = [x[0] * _MULTIPLIERS[0], x[2] * _MULTIPLIERS[1]]  # modulo 2^64, as int64 tensors multiply
        high = [(p >> 32) & _MASK for p in products]
        x = [high[1] ^ x[1] ^ round_keys[0], products[1] & _MASK, high[0] ^ x[3] ^ round_keys[1], products[0] & _MASK]
        round_keys = [(k + w) & _MASK for k, w in zip(round_keys, _WEYL, strict=True)]
    return x


def _log(u: Tensor) -> Tensor:
    mantissa, exponent = torch.frexp(u.float())
    small = mantissa < _SQRT_HALF
    m = torch.where(small, mantissa * 2.0, mantissa).double() - 1.0
    e = torch.where(small, exponent - 1, exponent).double()
    m2 = _round(m * m)
    y = _round(_round(_polynomial(m, _LOG) * m) * m2)
    y = _fma(e, _LN2_LOW, y)
    y = _fma(m2, -0.5, y)
    return _fma(e, _LN2_HIGH, _round(m + y))


def _radius(word: Tensor) -> Tensor:
    u = _fma(_round(word.double()), 2.0**-32, 2.0**-33)
    return _round(torch.sqrt(-2.0 * _log(u)))


def _cos_sin(word: Tensor) -> tuple[Tensor, Tensor]:
    angle = (word << 2) & _MASK
    angle = torch.where(angle >= 1 << 31, angle - (1 << 32), angle)
    t = _round(_round(angle.double()) * _ANGLE)
    t2 = _round(t * t)
    sine = _polynomial(t2, _SIN)
    sine = _fma(_round(sine * t2), t, t)
    cosine = _polynomial(t2, _COS)
    quadrant = word >> 30
    odd = (quadrant & 1) == 1
    x, y = torch.where(odd, sine, cosine), torch.where(odd, cosine, sine)
    return torch.where((quadrant == 1) | (quadrant == 2), -x, x), torch.where(quadrant >= 2, -y, y)


def _words(shape: torch.Size, key: Tensor, device: torch.device) -> list[Tensor]:
    """Return the words of a tensor of this shape, each (rows, counters of a row); key as `randn` takes it."""
    rows, cols = rows_and_cols(shape)
    per_row = (cols + 3) // 4
    where = device if device.type in ("cpu", "cuda") else torch.device("cpu")  # float64 is needed on the way
    key = key.to(where)
    if key.dim() == 2:
        return philox_words(key[:, :1], key[:, 1:] + torch.arange(per_row, device=where))
    return philox_words(key[0], key[1] + torch.arange(rows * per_row, device=where).reshape(rows, per_row))


def _dense(numbers: list[Tensor], shape: torch.Size, device: torch.device) -> Tensor:
    """Put the four numbers of each counter in their places."""
    rows, cols = rows_and_cols(shape)
    padded = torch.stack(numbers, dim=-1).reshape(rows, 4 * ((cols + 3) // 4))
    return padded[:, :cols].reshape(shape).to(device)


def noise(shape: torch.Size, key: Tensor, device: torch.device) -> Tensor:
    """Return the standard normal noise of a tensor of this shape: float32 on the device."""
    words = _words(shape, key, device)
    normals = []
    for pair in (words[:2], words[2:]):
        radius, (cosine, sine) = _radius(pair[0]), _cos_sin(pair[1])
        normals += [(radius * cosine).float(), (radius * sine).float()]
    return _dense(normals, shape, device)


def uniform(shape: torch.Size, key: Tensor, device: torch.device, bits: int) -> Tensor:
    """Return the uniform noise of a tensor of this shape: float32 on the device, of so many bits."""
    words = _words(shape, key, device)
    return _dense([(w >> (32 - bits)).float() * 2.0**-bits for w in words], shape, device)
