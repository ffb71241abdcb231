"""The CUDA kernels against the CPU ones; runs only where torch finds a GPU."""

from __future__ import annotations

import os
import threading
from typing import Literal

import pytest
import torch
from torch import Tensor

from gdl_core.kernels import (
    bias_act,
    info,
    latent_arithmetic,
    latent_path,
    lerp,
    make_filter,
    make_key,
    mdn_nll,
    mdn_sample,
    randn,
    reparameterize,
    resample,
    uniform,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

DTYPES = [torch.float32, torch.bfloat16, torch.float16]
SHAPES = [(), (7,), (0, 5), (5, 0), (300, 2), (700, 3), (64, 128), (9, 63), (9, 65), (3, 2049), (2, 70001), (70000, 4)]


def test_the_cuda_kernels_are_in_use() -> None:
    randn((2,), seed=1, device="cuda")
    assert info()["cuda"]["why_not_native"] is None
    assert info()["cuda"]["compiled_by"].startswith("NVRTC" if os.environ.get("GDL_CUDA_IMAGES") == "nvrtc" else "nvcc")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_noise_has_the_bits_of_the_cpu(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    for seed, offset in [(3, 0), (2**64 - 1, 2**32 - 3)]:
        on_cpu = randn(shape, seed=seed, offset=offset, dtype=dtype)
        assert torch.equal(randn(shape, seed=seed, offset=offset, dtype=dtype, device="cuda").cpu(), on_cpu)
        key = make_key(seed, offset).cuda()
        assert torch.equal(randn(shape, key=key, dtype=dtype, device="cuda").cpu(), on_cpu)


def results(shape: tuple[int, ...], dtype: torch.dtype, device: str, misaligned: bool = False) -> list[Tensor]:
    torch.manual_seed(0)
    size = torch.Size(shape).numel()
    base = [torch.randn(size + 1).to(dtype), (3 * torch.randn(size + 1)).to(dtype)]
    start = 1 if misaligned else 0
    mean, log_var = (x.to(device)[start : start + size].reshape(shape).requires_grad_() for x in base)
    z, kl = reparameterize(mean, log_var, key=make_key(5, 7), kl="none")
    grads = torch.autograd.grad((z * z).sum() + kl.sum(), (mean, log_var), retain_graph=True)
    only_z = torch.autograd.grad(z.sum(), (mean, log_var), retain_graph=True)
    only_kl = torch.autograd.grad(kl.sum(), (mean, log_var))
    return [x.detach().cpu() for x in (z, kl, *grads, *only_z, *only_kl)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("misaligned", [False, True])
def test_reparameterize_is_that_of_the_cpu(shape: tuple[int, ...], dtype: torch.dtype, misaligned: bool) -> None:
    cuda, cpu = results(shape, dtype, "cuda", misaligned), results(shape, dtype, "cpu", misaligned)
    assert torch.equal(cuda[0], cpu[0])
    for a, b in zip(cuda[1:], cpu[1:], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5 if dtype == torch.float32 else 1e-2, atol=1e-4)
    assert all(torch.equal(a, b) for a, b in zip(cuda, results(shape, dtype, "cuda", misaligned), strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["lerp", "slerp", "catmull-rom"])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("cols", [1, 3, 64, 4097])
def test_paths_are_those_of_the_cpu(cols: int, closed: bool, normalize: bool, mode: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    base, t = torch.randn(4, 5, cols).to(dtype), torch.tensor([0.3, -0.5, 2.9, 1.0, 3.5])
    both = []
    for device in ("cuda", "cpu"):
        points, time = base.to(device).requires_grad_(), t.to(device).requires_grad_()
        out = latent_path(points, time, mode, normalize=normalize, closed=closed)  # type: ignore[arg-type]
        both.append([x.detach().cpu() for x in (out, *torch.autograd.grad(out.square().sum(), (points, time)))])
    for a, b in zip(*both, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4 if dtype == torch.float32 else 2e-2, atol=1e-3 * cols)


@pytest.mark.parametrize(
    "shape", [(3, 5, 7, 9), (2, 16, 64, 64), (64, 33), (2, 0, 4), (2, 3, 0), (70000, 4), (2, 3, 70001)]
)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("clamp", [None, 0.5])
def test_biased_activation_is_that_of_the_cpu(shape: tuple[int, ...], dtype: torch.dtype, clamp: float | None) -> None:
    torch.manual_seed(0)
    base, weights, both = torch.randn(shape).to(dtype), torch.randn(shape[1]), []
    for device in ("cuda", "cpu"):
        x, bias = base.to(device).requires_grad_(), weights.to(device).requires_grad_()
        out = bias_act(x, bias, clamp=clamp)
        first = torch.autograd.grad(out.float().square().sum(), (x, bias), create_graph=True)
        second = torch.autograd.grad(first[0].float().square().sum(), (x, bias))
        both.append([t.detach().cpu() for t in (out, *first, *second)])
    for i, (a, b) in enumerate(zip(*both, strict=True)):
        if i in (0, 1, 3):  # one element each: the same operations in the same order
            assert torch.equal(a, b)
        else:
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4 * float(1 + b.abs().max()) if b.numel() else 0)


@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2), (3, 2)])
@pytest.mark.parametrize("count", [1, 4, 9])
@pytest.mark.parametrize("dtype", DTYPES)
def test_resampling_has_the_bits_of_the_cpu(dtype: torch.dtype, count: int, up: int, down: int) -> None:
    torch.manual_seed(0)
    base, taps, both = torch.randn(2, 3, 17, 33).to(dtype), torch.randn(count), []
    for device in ("cuda", "cpu"):
        x = base.to(device).requires_grad_()
        out = resample(x, taps.to(device), up=up, down=down, padding=(5, 4, -1, 9), gain=1.5)
        both.append([t.detach().cpu() for t in (out, *torch.autograd.grad(out, x, torch.ones_like(out)))])
    assert all(torch.equal(a, b) for a, b in zip(*both, strict=True))
    assert resample(base.cuda(), make_filter(device="cuda"), padding=2).shape == (2, 3, 18, 34)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kl", ["sum", "mean"])
def test_reduced_divergences_are_those_of_the_cpu(
    shape: tuple[int, ...], dtype: torch.dtype, kl: Literal["sum", "mean"]
) -> None:
    both = []
    for device in ("cuda", "cpu"):
        torch.manual_seed(0)
        mean, log_var = (torch.randn(shape).to(dtype).to(device).requires_grad_() for _ in range(2))
        z, divergence = reparameterize(mean, log_var, seed=1, kl=kl)
        grads = torch.autograd.grad(z.sum() + divergence, (mean, log_var), retain_graph=True)
        only_kl = torch.autograd.grad(divergence, (mean, log_var))
        both.append([x.detach().cpu() for x in (divergence, *grads, *only_kl)])
    for a, b in zip(*both, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5 if dtype == torch.float32 else 2e-2, atol=1e-4, equal_nan=True)


def test_many_numbers_have_the_bits_of_the_cpu() -> None:
    """Also where the radius of Box and Muller is zero, for which the device's square root takes no branch."""
    count, key = 1 << 27, make_key(12)
    on_cpu = randn((count,), key=key)
    assert torch.equal(randn((count,), key=key, device="cuda").cpu().view(torch.int32), on_cpu.view(torch.int32))
    assert bool((on_cpu.view(-1, 2) == 0).all(1).any())


def test_a_captured_graph_reads_a_new_key_at_each_replay() -> None:
    key, mean = make_key(1).cuda(), torch.zeros(8, 16, device="cuda")
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        reparameterize(mean, mean, key=key)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        z = reparameterize(mean, mean, key=key)
    for seed in (1, 2):
        key.copy_(make_key(seed))
        graph.replay()
        assert torch.equal(z.cpu(), randn((8, 16), seed=seed))


def test_more_rows_than_a_grid_dimension() -> None:
    mean = torch.zeros(70000, 8, device="cuda")
    z, kl = reparameterize(mean, mean, seed=1, kl="none")
    assert torch.equal(z.cpu(), randn((70000, 8), seed=1))
    assert kl.abs().max() == 0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_uniform_numbers_and_keys_of_rows_have_the_bits_of_the_cpu(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    rows = shape[0] if len(shape) >= 2 else 1
    keys = (
        torch.stack([make_key(7 - i, 2**32 - 3 + i) for i in range(min(rows, 999))])
        if rows
        else torch.zeros(0, 2).long()
    )
    for key in (make_key(3, 5), keys) if rows < 1000 else (make_key(3, 5),):
        for draw in (randn, uniform):
            assert torch.equal(
                draw(shape, key=key, dtype=dtype, device="cuda").cpu(), draw(shape, key=key, dtype=dtype)
            )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_free_bits_are_those_of_the_cpu(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    both = []
    for device in ("cuda", "cpu"):
        torch.manual_seed(0)
        mean, log_var = (torch.randn(shape).to(dtype).to(device).requires_grad_() for _ in range(2))
        _, kl = reparameterize(mean, log_var, seed=1, kl="mean", free_bits=0.6)
        both.append([x.detach().cpu() for x in (kl, *torch.autograd.grad(kl, (mean, log_var)))])
    for a, b in zip(*both, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4 if dtype == torch.float32 else 2e-2, atol=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cols", [1, 3, 64, 4097])
def test_arithmetic_and_lines_between_two_have_the_bits_of_the_cpu(cols: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    z, directions, alpha = torch.randn(5, cols).to(dtype), torch.randn(5, cols).to(dtype), torch.randn(7, 5)
    moved = latent_arithmetic(z.cuda(), directions.cuda(), alpha.cuda())
    assert torch.equal(moved.cpu(), latent_arithmetic(z, directions, alpha))
    t = torch.linspace(-0.5, 1.5, 9)
    assert torch.equal(lerp(z.cuda(), directions.cuda(), t.cuda()).cpu(), lerp(z, directions, t))


@pytest.mark.parametrize("shape", [(0, 2, 3), (300, 5, 1), (33, 3, 2), (18, 5, 8), (35, 5, 33), (3, 40, 1025)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_mixtures_are_those_of_the_cpu(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    rows, components, cols = shape
    base = [torch.randn(size) for size in ((rows, components), shape, shape, (rows, cols))]
    both = []
    for device in ("cuda", "cpu"):
        logits, mean, log_std, target = (x.to(dtype).to(device).requires_grad_() for x in base)
        nll = mdn_nll(logits, mean, log_std, target)
        grads = torch.autograd.grad(nll.sum(), (logits, mean, log_std, target))
        still = [x.detach() for x in (logits, mean, log_std)]
        drawn = [x.cpu() for t in (0.0, 0.7) for x in mdn_sample(*still, seed=3, temperature=t)]
        both.append(([x.detach().cpu() for x in (nll, *grads)], drawn))
    (numbers, drawn), (expected, expected_drawn) = both
    for a, b in zip(numbers, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4 if dtype == torch.float32 else 2e-2, atol=1e-3)
    assert all(torch.equal(a, b) for a, b in zip(drawn, expected_drawn, strict=True))


def test_two_streams_do_not_disturb_one_another() -> None:
    streams, results = [torch.cuda.Stream(), torch.cuda.Stream()], []
    points, t = torch.randn(5, 64, 512, device="cuda"), torch.linspace(0, 4, 100, device="cuda")
    mean = torch.randn(64, 20000, device="cuda")
    torch.cuda.synchronize()

    def work(seed: int) -> list[Tensor]:
        p = points.clone().requires_grad_()
        z, kl = reparameterize(mean, mean, seed=seed, kl="none")  # both with scratch memory
        return [z, kl, *torch.autograd.grad(latent_path(p, t, "slerp").square().sum(), p)]

    for turn in range(20):
        with torch.cuda.stream(streams[turn % 2]):
            results.append(work(turn))
    torch.cuda.synchronize()
    for turn, got in enumerate(results):
        assert all(torch.equal(a, b) for a, b in zip(got, work(turn), strict=True))


def test_a_thread_without_a_context_launches() -> None:
    got: list[Tensor] = []
    like, key = torch.empty(8, 16, device="cuda"), make_key(5)
    torch.cuda.synchronize()
    thread = threading.Thread(target=lambda: got.append(torch.ops.gdl.randn(like, key)))
    thread.start()
    thread.join()
    assert torch.equal(got[0].cpu(), randn((8, 16), seed=5))


def test_backward_runs_in_the_threads_of_autograd() -> None:
    mean = torch.zeros(64, 128, device="cuda", requires_grad=True)
    threads: set[int] = set()
    z, kl = reparameterize(mean, mean, seed=1, kl="mean")
    z.register_hook(lambda grad: threads.add(threading.get_ident()))
    (z.sum() + kl).backward()
    assert threads
    assert threading.get_ident() not in threads
    assert mean.grad is not None
    assert bool(mean.grad.isfinite().all())


def test_a_whole_step_is_captured_and_replayed() -> None:
    points = torch.randn(4, 8, 64, device="cuda", requires_grad=True)
    t, key = torch.linspace(0, 3, 24, device="cuda"), make_key(1).cuda()

    def step() -> tuple[Tensor, ...]:
        line = latent_path(points, t, "slerp", normalize=True)
        z, kl = reparameterize(line.flatten(1), line.flatten(1), key=key, kl="mean")
        gradients = torch.autograd.grad(z.square().sum() + kl, points)
        return z.detach(), *gradients  # z with its graph would keep the stream that it was made on

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = step()
    for seed in (2, 3):
        key.copy_(make_key(seed))
        graph.replay()
        replayed = [x.clone() for x in captured]
        assert all(torch.equal(a, b) for a, b in zip(replayed, step(), strict=True))
