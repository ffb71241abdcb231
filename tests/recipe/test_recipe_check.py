"""References, vars, overrides, and what a good recipe comes to."""

from __future__ import annotations

from pathlib import Path

import pytest
from recipe import fakes

from gdl_core.errors import InputError, RecipeError
from gdl_core.recipe import Recipe, check_file, check_text
from gdl_core.registry import Registry, get_registry


def check(text: str, registry: Registry, *overrides: str, base: Path | None = None) -> Recipe:
    return check_text(f"gdl: 1\n{text}", registry, base=base, overrides=overrides)


def faults(text: str, registry: Registry, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        check(text, registry, *overrides)
    return [fault.message for fault in caught.value.faults]


def test_vars_keep_their_type_and_stand_inside_texts(registry: Registry) -> None:
    recipe = check(
        "vars: {n: 3, half: 0.5, name: out, path: '${name}/pic', yes: true, all: [3, 4]}\n"
        "steps:\n"
        "  a: {do: draw, n: $n, noise: $yes, save: '${path}-${n}-${half}.png'}\n"
        "  b: {do: join, of: [$a, '${a}', $a], weight: '${half}', save: '$$${name}.png'}\n",
        registry,
    )
    a, b = recipe.steps
    assert (a.arguments.n, a.arguments.noise, a.save) == (3, True, ("out/pic-3-0.5.png",))
    assert [promise.step for promise in b.arguments.of] == ["a", "a", "a"]
    assert (b.arguments.weight, b.inputs, b.save) == (0.5, ("a",), ("$out.png",))
    assert recipe.vars["all"] == [3, 4]


def test_an_input_may_be_a_var_that_names_a_file(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    text = "vars: {face: a.png}\nsteps: {j: {do: join, of: [$face]}}"
    recipe = check(text, registry, base=tmp_path)
    assert recipe.steps[0].arguments.of == [tmp_path / "a.png"]
    assert recipe.steps[0].inputs == ()


def test_seeds_and_cache(registry: Registry) -> None:
    recipe = check("seed: 7\nvars: {s: 9}\nsteps: {a: {do: draw}, b: {do: draw, seed: $s, cache: false}}", registry)
    assert [(step.seed, step.cache) for step in recipe.steps] == [(7, True), (9, False)]


def test_a_dataset_is_a_step(registry: Registry) -> None:
    recipe = check("steps: {d: {do: dots, n: 5}, u: {do: fake/use, data: $d}}".replace("fake/", "fakes/"), registry)
    assert recipe.steps[0].arguments.n == 5
    assert recipe.steps[0].gives.kind == "dataset"


def test_overrides_reach_vars_steps_and_the_seed(registry: Registry) -> None:
    recipe = check(
        "seed: 1\nvars: {n: 1}\nsteps:\n  a: {do: draw, n: $n}\n  b: {do: join, of: [$a]}\n",
        registry, "n=4", "seed=8", "b.how=column", "b.of=[$a, $a]", "a.noise=true",
    )  # fmt: skip
    assert recipe.seed == 8
    assert recipe.steps[0].arguments.n == 4
    assert recipe.steps[0].arguments.noise is True
    assert (recipe.steps[1].arguments.how, len(recipe.steps[1].arguments.of)) == ("column", 2)


def test_an_override_may_make_a_missing_set(registry: Registry) -> None:
    text = "steps: {d: {do: digits}, v: {do: train, model: vae, data: $d, for: 1 epoch}}"
    recipe = check(text, registry, "v.set.beta=1e-1")
    assert recipe.steps[1].arguments.settings == {"beta": 0.1}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("m=4", "the recipe has no var 'm'; it has: n"),
        ("zebra=4", "the recipe has no var 'zebra'; it has: n"),
        ("c.n=4", "the recipe has no step 'c'; it has: a"),
        ("n", "should be name=value, or step.key=value"),
        (".n=1", "should be name=value, or step.key=value"),
        ("n=[1", "not YAML: while parsing a flow sequence expected ',' or ']', but got '<stream end>'"),
        ("n=many", "'n' should be a whole number, got 'many'"),
        ("a.nn=1", "unknown key 'nn' for step draw; did you mean 'n'?"),
        ("a.n.x=1", "'x' cannot be set inside '$n'"),
        ("a.do=drwa", "unknown step 'drwa'; did you mean 'draw'?"),
        ("a.save=/etc/x.png", "'/etc/x.png' leads out of the run folder"),
        ("n=!!python/name:os.system x", "tags (tag:yaml.org,2002:python/name:os.system) are not used in recipes"),
    ],
)
def test_wrong_overrides_name_themselves(override: str, message: str, registry: Registry) -> None:
    with pytest.raises(RecipeError) as caught:
        check("vars: {n: 1}\nsteps: {a: {do: draw, n: $n}}", registry, override)
    (fault,) = caught.value.faults
    assert message in fault.message
    if override != "n=many":  # that fault stands where the var is used
        assert fault.file == f"-s {override}"


def test_null_override_leaves_a_var_without_value(registry: Registry) -> None:
    assert faults("vars: {n: 1}\nsteps: {a: {do: draw, n: $n}}", registry, "n=") == [
        "var 'n' has no value; give one: -s n=…"
    ]


def test_text_as_run_has_the_overrides_and_keeps_comments(registry: Registry) -> None:
    recipe = check(
        "# mine\nvars: {n: 1}  # pictures\nsteps:\n  a: {do: draw, n: $n}  # first\n", registry, "n=4", "a.size=9"
    )
    assert recipe.text == (
        "gdl: 1\n# mine\nvars: {n: 4}  # pictures\nsteps:\n  a: {do: draw, n: $n, size: 9} # first\n"
    )
    again = check_text(recipe.text, registry)
    assert [step.raw for step in again.steps] == [step.raw for step in recipe.steps]


def test_text_is_untouched_without_overrides(registry: Registry) -> None:
    text = "gdl: 1\n\nsteps:   {a:   {do: draw,   n:   0x4}} # odd   spaces\n"
    assert check_text(text, registry).text == text


def test_text_as_run_has_no_absolute_paths(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    text = f"vars: {{p: {tmp_path}/pictures}}\nsteps: {{d: {{do: dots, folder: $p}}}}"
    recipe = check(text, registry)
    assert str(tmp_path) not in recipe.text
    assert "p: pictures" in recipe.text
    recipe = check("vars: {p: .}\nsteps: {d: {do: dots, folder: $p}}", registry, f"p={tmp_path}/pictures")
    assert str(tmp_path) not in recipe.text
    assert recipe.steps[0].arguments.folder == tmp_path / "pictures"


def test_faults_after_a_broken_step_are_not_repeated(registry: Registry) -> None:
    text = "steps:\n  a: {do: draw, n: 0}\n  b: {do: join, of: [$a]}\n  c: {do: count, of: $b}\n"
    assert faults(text, registry) == ["'n' should be at least 1 and at most 64, got 0"]


def test_faults_below_unknown_steps_are_not_guessed(registry: Registry) -> None:
    text = "steps:\n  a: {do: drwa}\n  b: {do: join, of: [$a], wieght: 1}\n"
    assert faults(text, registry) == [
        "unknown step 'drwa'; did you mean 'draw'?",
        "unknown key 'wieght' for step join; did you mean 'weight'?",
    ]


def test_needs_takes_plugin_and_package_names(registry: Registry) -> None:
    assert check("needs: [vae, fakes]\nsteps: {a: {do: draw}}", registry)
    assert faults("needs: fake\nsteps: {a: {do: draw}}", registry) == [
        "plugin 'fake' is not installed; did you mean 'fakes'?"
    ]


def test_a_plugin_whose_check_raises_is_named(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, registry: Registry) -> object:
        raise KeyError("oops")

    monkeypatch.setattr(fakes.DrawArguments, "faults", broken)
    assert faults("steps: {a: {do: draw}}", registry) == [
        "plugin 'fakes' is broken: checking 'draw' raised KeyError: 'oops'"
    ]


def test_files_that_are_no_recipes(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"gdl: 1\ntitle: \xff\xfe\n")
    with pytest.raises(RecipeError, match="not a text in UTF-8"):
        check_file(tmp_path / "a.yaml", registry)
    with pytest.raises(InputError, match="cannot be read"):
        check_file(tmp_path / "none.yaml", registry)
    (tmp_path / "b.yaml").write_bytes("\ufeffgdl: 1\nsteps: {a: {do: draw}}\n".encode())
    assert check_file(tmp_path / "b.yaml", registry).name == "b"


def test_a_wrong_reference_does_not_hide_what_else_is_wrong(tmp_path: Path) -> None:
    text = "gdl: 1\nsteps:\n  vae: {do: train, model: vea, data: $dat, for: 1 epoch}\n"
    text += "  plain: {do: train, model: autoencoder, data: $dat, for: 1 epoch, set: {latnet: 2}}\n"
    with pytest.raises(RecipeError) as caught:
        check_text(text, get_registry(), base=tmp_path)
    told = "\n".join(fault.message for fault in caught.value.faults)
    assert told.count("neither a var nor an earlier step") == 2
    assert "unknown model 'vea'; did you mean 'vae'?" in told
    assert "unknown key 'latnet' for model autoencoder; did you mean 'latent'?" in told
