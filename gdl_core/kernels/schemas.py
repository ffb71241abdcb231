"""The native ops as this Python code calls them; a library that was built for other signatures is refused."""

from __future__ import annotations

SCHEMAS = (
    "randn(Tensor like, Tensor key) -> Tensor",
    "uniform(Tensor like, Tensor key) -> Tensor",
    "reparam_forward(Tensor mean, Tensor log_var, Tensor key, int kl) -> (Tensor, Tensor)",
    "reparam_forward_keeping(Tensor mean, Tensor log_var, Tensor key, int kl) -> (Tensor, Tensor, Tensor)",
    "reparam_backward(Tensor grad_z, Tensor grad_kl, Tensor mean, Tensor log_var, Tensor noise, bool has_grad_z, "
    "int kl) -> (Tensor, Tensor)",
    "path_forward(Tensor keyframes, Tensor t, int mode, bool normalize, bool closed) -> Tensor",
    "between(Tensor a, Tensor b, Tensor t, int mode, bool normalize) -> Tensor",
    "path_backward(Tensor grad_out, Tensor keyframes, Tensor t, int mode, bool normalize, bool closed)"
    " -> (Tensor, Tensor)",
    "arithmetic(Tensor z, Tensor directions, Tensor alpha) -> Tensor",
    "mdn_nll_forward(Tensor logits, Tensor mean, Tensor log_std, Tensor target) -> Tensor",
    "mdn_nll_backward(Tensor grad, Tensor logits, Tensor mean, Tensor log_std, Tensor target)"
    " -> (Tensor, Tensor, Tensor, Tensor)",
    "mdn_sample(Tensor logits, Tensor mean, Tensor log_std, Tensor key, float temperature) -> (Tensor, Tensor)",
    "bias_act_forward(Tensor x, Tensor bias, int dim, bool has_bias, float positive, float negative, float limit)"
    " -> Tensor",
    "bias_act_backward(Tensor grad_out, Tensor out, int dim, bool has_bias, float positive, float negative, float "
    "limit) -> (Tensor, Tensor)",
    "resample(Tensor x, Tensor taps, int up, int down, int left, int right, int top, int bottom, bool flip, float gain)"
    " -> Tensor",
)
