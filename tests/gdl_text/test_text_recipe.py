"""Texts on the same road as pictures: one recipe through all the verbs; and what goes wrong, in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from steps.doing import context
from text_toys import described, gpt

from gdl_core import media
from gdl_core.errors import DataError, RecipeError
from gdl_core.model_file import read_model
from gdl_core.recipe.check import check_text
from gdl_core.recipe.execute import run_recipe
from gdl_core.registry import get_registry
from gdl_text.steps import write

ROAD = """
gdl: 1
title: A small road of words
seed: 3
steps:
  data:   {do: text, path: stories, samples: lines, length: 24, held_out: 0.2}
  vae:    {do: train, model: text_vae, data: $data, for: 6 steps, batch: 8, precision: fp32,
           set: {latent: 4, width: 8, hidden: 12}, save: vae.gdl}
  gpt:    {do: train, model: gpt, data: $data, for: 6 steps, batch: 8, precision: fp32,
           set: {layers: 1, heads: 2, width: 8}, save: gpt.gdl}
  new:    {do: sample, model: [$vae, $gpt], n: 3, save: new.txt}
  wild:   {do: sample, model: $vae, n: 3, scale: 1.5, save: "wild-{i}.txt"}
  some:   {do: pick, data: $data, n: 2, save: some.txt}
  two:    {do: lines, of: [the cat sat, a dog ran]}
  codes:  {do: encode, model: $vae, data: $two, save: codes.npz}
  back:   {do: decode, model: $vae, points: $codes, save: back.txt}
  seen:   {do: reconstruct, model: $vae, data: $data, n: 3, save: seen.txt}
  way:    {do: morph, model: $vae, through: [$two, some.txt], frames: 5, path: lerp, save: way.txt}
  sum:    {do: blend, model: $vae, of: [$two, $some], weights: [[1, 0], [0.5, 0.5]], save: sum.txt}
  walk:   {do: walk, model: $vae, frames: 6, data: $data, save: walk.txt}
  newer:  {do: attribute, model: $vae, data: $data, where: {document: second}, save: newer.npz}
  moved:  {do: blend, model: $vae, of: [$two, $newer], weights: [[1, 2]], save: moved.txt}
  map:    {do: map, model: $vae, data: $data, colour: document, save: map.png}
  told:   {do: write, model: $gpt, prompt: the, n: 3, length: 9, temperature: 0.8, top_k: 5, top_p: 0.9, save: told.txt}
  third:  {do: write, model: $gpt, prompt: the, n: 1, start: 2, length: 9, temperature: 0.8, top_k: 5, top_p: 0.9}
  curves: {do: curves, model: $gpt, save: curves.csv}
  layers: {do: layers, model: $gpt, save: layers.csv}
  worth:  {do: measure, model: [$vae, $gpt], data: $data, save: worth.csv}
""".replace("model: [$vae, $gpt], n: 3", "model: $gpt, n: 3")


def _story(folder: Path) -> None:
    animals, deeds = ("the cat", "a dog", "the old owl", "one mouse", "that fox"), ("sat", "ran home", "sang", "ate it")
    (folder / "stories").mkdir()
    for name, some in (("first", deeds[:2]), ("second", deeds[2:])):
        (folder / "stories" / f"{name}.txt").write_text("\n".join(f"{who} {deed}" for who in animals for deed in some))
    (folder / "some.txt").write_text("the fox sang\n")


def test_texts_go_the_whole_road(tmp_path: Path) -> None:
    registry = get_registry()
    _story(tmp_path)
    recipe = check_text(ROAD, registry, base=tmp_path)
    kinds = {step.name: step.gives.kind for step in recipe.steps}
    assert {name for name, kind in kinds.items() if kind == "text"} == {
        "new", "wild", "some", "two", "back", "seen", "way", "sum", "told", "third", "walk", "moved",
    }  # fmt: skip
    run = tmp_path / "run"
    run_recipe(recipe, run, registry)
    read = {path.stem: media.read(path, registry) for path in run.glob("*.txt")}
    assert len(read["new"].samples) == 3
    assert len(read["way"].samples) == 5
    assert len(read["sum"].samples) == 4
    assert len(read["walk"].samples) == 6
    assert read["back"].samples == (read["way"].samples[0], read["way"].samples[2])
    assert all(text.startswith("original: ") and "\ntext_vae: " in text for text in read["seen"].samples)
    assert all(text.startswith("the") for text in read["told"].samples)
    again = read_model(run / "gpt.gdl")
    assert again.model.tokens.told() == again.config["tokens"]
    worth = (run / "worth.csv").read_text()
    assert "bits a letter" in worth
    assert "pieces that come back" in worth
    assert "RMSE" not in worth, "that is for pictures"


def test_a_text_is_written_the_same_alone_and_in_company(tmp_path: Path) -> None:
    trained = described(gpt(), "text/gpt")

    def texts(**asked: int) -> tuple[str, ...]:
        arguments = write.Arguments(model=trained, prompt="ab", length=10, **asked)
        return write.run(arguments, context(tmp_path)).samples

    many = texts(n=20)
    assert len(set(many)) > 15
    assert texts(n=1, start=11) == many[11:12]
    assert texts(n=9, start=6) == many[6:15]


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ("{do: train, model: vae, data: $data, for: 1 steps}", "learns from pictures, but this dataset holds texts"),
        ("{do: train, model: gpt, data: $digits, for: 1 steps}", "learns from texts, but this dataset holds pictures"),
        ("{do: sample, model: $vae, save: x.png}", "text cannot be saved as .png; text can be saved as .txt"),
        ("{do: morph, model: $vae, through: [$digit, $two]}", "this model is one of texts, but was given an image"),
        ("{do: encode, model: $gpt, data: $two}", "needs a model that encodes"),
        ("{do: measure, model: $vae, data: $data, of: [frechet]}", "frechet is of pictures, this model of texts"),
        ("{do: write, model: $pvae, length: 3}", "needs a model of texts; this one is of pictures"),
        ("{do: train, model: gpt, data: $data, for: 1 steps, set: {width: 9}}", "width 9 should be an even number"),
        ("{do: reconstruct, model: $vae, data: $digits}", "model is one of texts, but the dataset holds pictures"),
        ("{do: encode, model: $pvae, data: $data}", "model is one of pictures, but the dataset holds texts"),
        ("{do: measure, model: $vae, data: $digits}", "model is one of texts, but the dataset holds pictures"),
        ("{do: map, model: $vae, data: $digits, colour: label}", "model is one of texts, but the dataset holds"),
        ("{do: attribute, model: $vae, data: $digits, where: label}", "model is one of texts, but the dataset holds"),
        ("{do: walk, model: $vae, data: $digits}", "model is one of texts, but the dataset holds pictures"),
        ("{do: sample, model: $gpt, scale: 0.5}", "'scale' is of latent points, and this model samples without any"),
        ("{do: prior, model: $gpt}", "needs a model that samples and decodes"),
        ("{do: write, model: $vae}", "write needs a text/gpt"),
        ("{do: sheet, model: $vae}", "needs a model of pictures; this one is of texts"),
        ("{do: strays, model: [$pvae, $vae], data: $data}", "needs a model of pictures; this one is of texts"),
        ("{do: pick, data: $data, show: document}", "'show' writes under pictures"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_told_before_work(step: str, fault: str, tmp_path: Path) -> None:
    _story(tmp_path)
    recipe = f"""
gdl: 1
steps:
  data:   {{do: text, path: stories, samples: lines, length: 24}}
  digits: {{do: digits}}
  digit:  {{do: pick, data: $digits}}
  two:    {{do: lines, of: [a, b]}}
  vae:    {{do: train, model: text_vae, data: $data, for: 1 steps}}
  gpt:    {{do: train, model: gpt, data: $data, for: 1 steps}}
  pvae:   {{do: train, model: vae, data: $digits, for: 1 steps}}
  x:      {step}
"""
    with pytest.raises(RecipeError) as caught:
        check_text(recipe, get_registry(), base=tmp_path)
    (found,) = caught.value.faults
    assert fault in found.message


def test_models_and_data_of_other_letters_do_not_meet(tmp_path: Path) -> None:
    registry = get_registry()
    _story(tmp_path)
    (tmp_path / "other.txt").write_text("\n".join(f"{first}{second}" for first in "xyzabc" for second in "uvw"))
    begin = """
gdl: 1
steps:
  data:   {do: text, path: stories, samples: lines, length: 24}
  other:  {do: text, path: other.txt, samples: lines, length: 24}
  vae:    {do: train, model: text_vae, data: $data, for: 1 steps, set: {latent: 2, width: 4, hidden: 4}}
  second: {do: train, model: text_vae, data: $other, for: 1 steps, set: {latent: 2, width: 4, hidden: 4}}
  some:   {do: lines, of: [a, b]}
  x:      """
    for step in (
        "{do: encode, model: $vae, data: $other}",
        "{do: reconstruct, model: $vae, data: $other}",
        "{do: measure, model: $vae, data: $other}",
        "{do: reconstruct, model: [$vae, $second], data: $data}",
        "{do: morph, model: [$vae, $second], through: $some}",
    ):
        recipe = check_text(f"{begin}{step}\n", registry, base=tmp_path)
        with pytest.raises(DataError, match="have other codes for their text"):
            run_recipe(recipe, tmp_path / "run", registry)
