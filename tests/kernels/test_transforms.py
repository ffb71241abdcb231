"""The ops under torch.compile, functorch, autocast, and torch's own checks of custom ops."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from kernels.impls import IMPLS, needs_native
from torch import Tensor
from torch.func import grad, hessian, jvp, vmap  # type: ignore[attr-defined]
from torch.library import opcheck

from gdl_core.kernels import latent_path, make_key, randn, reparameterize, slerp

# torch's own code paths under compile and functorch
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.*is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*autograd.function.Function.*should not be instantiated:DeprecationWarning"),
]

KEY = make_key(3)


def pair() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(4, 6), torch.randn(4, 6)


def op_calls(dtype: torch.dtype) -> list[tuple[str, tuple[object, ...]]]:
    mean, log_var = (x.to(dtype) for x in pair())
    none, path, t = torch.empty(0), torch.randn(3, 2, 5).to(dtype), torch.rand(4)
    return [
        ("randn", (mean, KEY)),
        ("randn", (mean, torch.stack([KEY] * 4))),
        ("uniform", (mean, KEY)),
        ("reparam_forward", (mean, log_var, KEY, 1)),
        ("reparam_forward", (mean, log_var, KEY, 4)),
        ("reparam_backward", (mean, torch.ones(6), mean, log_var, KEY, True, 4)),
        ("reparam_forward", (mean, log_var, KEY, 3)),
        ("reparam_forward", (mean.t(), log_var.t(), KEY, 0)),
        ("reparam_backward", (mean, torch.ones(4), mean, log_var, KEY, True, 1)),
        ("reparam_backward", (mean, torch.ones(()), mean, log_var, KEY, True, 3)),
        ("reparam_backward", (mean, none, mean, log_var, KEY, True, 0)),
        ("reparam_backward", (none, torch.ones(()), mean, log_var, KEY, False, 2)),
        ("reparam_forward_keeping", (mean, log_var, KEY, 3)),
        ("reparam_forward_keeping", (mean.t(), log_var.t(), torch.stack([KEY] * 6), 0)),
        ("reparam_backward", (mean, torch.ones(6), mean, log_var, torch.randn(4, 6), True, 4)),
        ("path_forward", (path, t, 0, False, False)),
        ("path_forward", (path, t, 1, True, True)),
        ("path_forward", (path, t, 2, False, False)),
        ("between", (mean, log_var, t, 1, False)),
        ("path_backward", (torch.randn(4, 2, 5).to(dtype), path, t, 1, False, False)),
        ("path_backward", (torch.randn(4, 2, 5).to(dtype), path, t, 2, False, True)),
    ]


@needs_native
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("index", range(21))
def test_opcheck(index: int, dtype: torch.dtype) -> None:
    name, arguments = op_calls(dtype)[index]
    opcheck(getattr(torch.ops.gdl, name).default, arguments)


@needs_native
def test_ops_refuse_what_does_not_fit() -> None:
    mean, log_var = pair()
    ops = torch.ops.gdl
    for call in (
        lambda: ops.reparam_forward(mean, log_var[:2], KEY, 1),
        lambda: ops.reparam_forward(mean, log_var.double(), KEY, 1),
        lambda: ops.reparam_forward(mean.double(), log_var.double(), KEY, 1),
        lambda: ops.reparam_forward(mean, log_var, KEY.int(), 1),
        lambda: ops.reparam_backward(mean, mean, mean, log_var, KEY, False, 0),
        lambda: ops.reparam_backward(mean, torch.ones(3), mean, log_var, KEY, True, 1),
        lambda: ops.reparam_backward(mean, torch.ones(()), mean, log_var, torch.randn(6, 4), True, 2),
        lambda: ops.reparam_backward(mean, torch.ones(()), mean, log_var, torch.randn(4, 6).double(), True, 2),
        lambda: ops.reparam_forward(mean, log_var, KEY, 5),
        lambda: ops.path_forward(mean, torch.ones(3), 0, False, False),
        lambda: ops.path_forward(torch.zeros(1, 2, 3), torch.ones(3), 0, False, False),
        lambda: ops.path_forward(torch.zeros(2, 2, 3), torch.ones(3).double(), 0, False, False),
        lambda: ops.path_forward(torch.zeros(2, 2, 3), torch.ones(3), 7, False, False),
    ):
        with pytest.raises(RuntimeError, match="gdl"):
            call()


@pytest.fixture
def compiled() -> object:
    torch._dynamo.reset()
    return lambda f: torch.compile(f, fullgraph=True, backend="aot_eager")


def train(f: Callable[..., tuple[Tensor, Tensor]]) -> list[Tensor]:
    mean, log_var = (x.requires_grad_() for x in pair())
    z, kl = f(mean, log_var, KEY)
    (z.square().sum() + kl).backward()
    assert mean.grad is not None
    assert log_var.grad is not None
    return [z.detach(), kl.detach(), mean.grad, log_var.grad]


@pytest.mark.parametrize("impl", IMPLS)
def test_compiled_training_step_equals_eager(
    impl: str, compiled: Callable[..., Callable[..., tuple[Tensor, Tensor]]]
) -> None:
    def f(m: Tensor, v: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        return reparameterize(m, v, key=key, kl="mean", impl=impl)  # type: ignore[arg-type]

    for a, b in zip(train(compiled(f)), train(f), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("impl", IMPLS)
def test_compiled_noise_and_paths_equal_eager(impl: str, compiled: Callable[..., Callable[..., Tensor]]) -> None:
    assert torch.equal(compiled(lambda k: randn((3, 5), key=k, impl=impl))(KEY), randn((3, 5), key=KEY))
    points, t = torch.randn(3, 2, 5), torch.tensor([0.3, 1.7])
    torch.testing.assert_close(
        compiled(lambda p, t: latent_path(p, t, "slerp", impl=impl))(points, t), latent_path(points, t, "slerp")
    )


@needs_native
@pytest.mark.slow
def test_inductor_gives_the_eager_result() -> None:
    torch._dynamo.reset()

    def f(m: Tensor, v: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        return reparameterize(m, v, key=key, kl="mean")

    for a, b in zip(train(torch.compile(f, fullgraph=True)), train(f), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("impl", IMPLS)
def test_vmap_with_one_key_gives_every_sample_the_same_noise(impl: str) -> None:
    mean, log_var = pair()
    z, kl = vmap(lambda m, v: reparameterize(m, v, key=KEY, kl="none", impl=impl))(mean, log_var)
    for row in range(4):
        alone = reparameterize(mean[row], log_var[row], key=KEY, kl="none")
        torch.testing.assert_close((z[row], kl[row]), alone)


@pytest.mark.parametrize("impl", IMPLS)
def test_vmap_over_keys_gives_independent_noise(impl: str) -> None:
    keys = torch.stack([make_key(seed) for seed in range(4)])
    mean, log_var = pair()
    drawn = vmap(lambda key: randn((7,), key=key, impl=impl))(keys)
    z = vmap(lambda m, v, key: reparameterize(m, v, key=key, impl=impl))(mean, log_var, keys)
    for row in range(4):
        assert torch.equal(drawn[row], randn((7,), seed=row))
        torch.testing.assert_close(z[row], reparameterize(mean[row], log_var[row], seed=row))


@pytest.mark.parametrize("impl", IMPLS)
def test_functorch_gradients(impl: str) -> None:
    def loss(m: Tensor, v: Tensor) -> Tensor:
        z, kl = reparameterize(m, v, key=KEY, kl="sum", impl=impl)  # type: ignore[arg-type]
        return z.square().sum() + kl

    mean, log_var = (x.requires_grad_() for x in pair())
    expected = torch.autograd.grad(loss(mean, log_var), (mean, log_var))
    torch.testing.assert_close(grad(loss, argnums=(0, 1))(mean.detach(), log_var.detach()), expected)
    assert hessian(loss)(mean[0].detach(), log_var[0].detach()).shape == (6, 6)
    tangent = torch.ones_like(mean)
    pushed = jvp(lambda m: loss(m, log_var.detach()), (mean.detach(),), (tangent,))[1]
    torch.testing.assert_close(pushed, (expected[0] * tangent).sum())


@pytest.mark.parametrize("impl", IMPLS)
def test_vmap_of_slerp(impl: str) -> None:
    a, b = pair()
    torch.testing.assert_close(vmap(lambda x, y: slerp(x, y, 0.3, impl=impl))(a, b), slerp(a, b, 0.3))


@needs_native
def test_an_op_called_bare_does_not_pretend_to_be_differentiable() -> None:
    mean, log_var = pair()
    z, _ = torch.ops.gdl.reparam_forward(mean.requires_grad_(), log_var, KEY, 0)
    with pytest.warns(UserWarning, match="autograd kernel was not registered"):
        z.sum().backward()
    assert mean.grad is None
