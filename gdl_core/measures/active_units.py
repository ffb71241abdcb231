"""How many latent dimensions a model uses.

A unit is active if Cov_x(E_{q(z|x)}[z]) > 0.01 (Burda, Grosse, Salakhutdinov: Importance Weighted Autoencoders, 2015).
For a Gaussian posterior the KL divergence from the prior is told as well, in nats for each sample: KL = ½ Σ (mean² +
var − 1 − log var). No active units and a KL of 0 mean that the decoder ignores the code (collapse).
"""

from __future__ import annotations

from gdl_core.measures.subject import Measurement, Subject

THRESHOLD = 0.01
_MOST_TOLD = 16


def measure(subject: Subject) -> list[Measurement]:
    """Return the number of active units, and the KL divergence in all and by dimension."""
    posterior = subject.held_out_posterior
    mean = posterior.mean.flatten(1).double()
    spread = mean.var(dim=0, correction=0)
    n = len(mean)
    active = Measurement(
        "active units", float((spread > THRESHOLD).sum()), f"of {subject.size}", "higher",
        {"collapsed": 0.0, "all": float(subject.size)}, n, f"variance of the posterior means above {THRESHOLD}",
    )  # fmt: skip
    if posterior.log_var is None:
        return [active]
    log_var = posterior.log_var.flatten(1).double()
    kl = 0.5 * (mean.square() + log_var.expm1() - log_var).mean(dim=0)
    ordered = kl.sort(descending=True).values.tolist()
    told = " ".join(f"{value:.2f}" for value in ordered[:_MOST_TOLD]) + (" …" if len(ordered) > _MOST_TOLD else "")
    return [
        active,
        Measurement("KL to the prior", float(kl.sum()), "nats per sample", "none", {"collapsed": 0.0}, n,
                    f"by dimension, largest first: {told}"),
    ]  # fmt: skip
