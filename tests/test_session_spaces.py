"""Embedding in the spaces W and W+ of style-based generators."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from latent.models import TinyStyle, make

from gdl_core.errors import InputError, RoleError
from gdl_core.session import Session


def test_a_session_in_the_space_of_styles() -> None:
    trained = replace(make(TinyStyle, (3, 8, 8), latent=2, width=5), tile=8)
    session = Session(trained, "cpu")
    same, tame, plus = session.space(), session.space("w", truncation=0.5), session.space("w+", 0.5, layers=2)
    assert (same.sample(9, seed=4) == session.sample(9, seed=4)).all()
    assert (tame.sample(9, seed=4) != session.sample(9, seed=4)).any()
    assert (tame.sample(1, seed=4, start=5)[0] == tame.sample(9, seed=4)[5]).all()
    assert tame.info.space == {"which": "w", "truncation": 0.5, "layers": None}
    assert session.info.space == {}
    assert (tame.info.latent_shape, plus.info.latent_shape) == ((5,), (4, 5))
    assert tame.info.roles == ("decodes", "samples")
    assert len({one.info.fingerprint for one in (session, same, tame, plus)}) == 4
    z = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    film = plus.morph(z[0], z[1], z[2], frames=5, mode="lerp")
    assert (film[::2] == plus.decode(z)).all()
    mean = trained.model.style_mean().numpy()
    still = session.space("w", truncation=0.0)
    assert (still.walk("circle", frames=4) == still.decode(mean)).all()
    assert plus.walk("circle", frames=4, dims=(1, 3)).shape == (4, 8, 8, 3)
    with pytest.raises(InputError, match="no such space: truncation"):
        session.space("w", truncation=9.0)
    with pytest.raises(RoleError, match="'styles' is not filled"):
        tame.space("w")
    ended = threading.Event()
    with session._alone:  # the two share weights, so they take turns
        other = threading.Thread(target=lambda: (tame.sample(1), ended.set()))
        other.start()
        assert not ended.wait(0.2)
    assert ended.wait(10)
    other.join()
    tame.close()
    assert (same.sample(2) == session.sample(2)).all()
