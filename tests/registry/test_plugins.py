"""Plugins that go wrong: each is named with its cause, and nothing else stops."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gdl_core.errors import AmbiguousNameError, PluginError, UnknownNameError
from gdl_core.registry import Registry, get_registry

GOOD = """
from gdl_core import ModelSpec, hookimpl

@hookimpl
def gdl_models():
    yield ModelSpec("{model}", "A model.", target="{module}.model:M", config="{module}.config:C", roles=("samples",))
"""


class Site:
    """A folder on sys.path with packages that offer plugins, as pip would have installed them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, plugin: str, code: str, package: str = "", version: str = "1.0") -> None:
        """Install a package that offers one plugin; its module is named after the package."""
        package = package or f"pack-{plugin}"
        module = package.replace("-", "_")
        (self.folder / f"{module}.py").write_text(code)
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[gdl]\n{plugin} = {module}\n")

    def good(self, plugin: str, model: str, package: str = "") -> None:
        """Install a package with a plugin in which nothing is wrong."""
        self.add(plugin, GOOD.format(model=model, module=(package or f"pack-{plugin}").replace("-", "_")), package)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    get_registry.cache_clear()
    yield Site(tmp_path)
    get_registry.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("pack_"):
            del sys.modules[name]


def errors(registry: Registry) -> dict[str, str]:
    return {info.package: info.error for info in registry.plugins if not info.ok}


HOOK = "from gdl_core import ModelSpec, StepSpec, FormatSpec, RecipeSpec, hookimpl\n@hookimpl\n"
SPEC = 'ModelSpec("m", "A model.", target="x.y:M", config="x.y:C", roles=("samples",))'

BROKEN = {
    "import": ("import no_such_module_anywhere\n", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
    "syntax": ("def f(:\n", "SyntaxError: invalid syntax"),
    "exit": ("raise SystemExit(3)\n", "SystemExit: 3"),
    "base": ("class Odd(BaseException):\n    pass\nraise Odd('first\\nsecond')\n", "Odd: first"),
    "hook": (f"{HOOK}def gdl_model():\n    return []\n", "there is no hook 'gdl_model'; did you mean 'gdl_models'?"),
    "mark": ("def gdl_models():\n    return []\n", "gdl_models lacks the mark @hookimpl"),
    "empty": ("x = 1\n", "it has no function marked @hookimpl"),
    "newer": (f"GDL_API = 2\n{HOOK}def gdl_models():\n    return []\n", "it needs version 2 of the plugin contract"),
    "odd-api": (f"GDL_API = 'two'\n{HOOK}def gdl_models():\n    return []\n", "GDL_API should be a whole number"),
    "signature": (f"{HOOK}def gdl_models(everything):\n    return []\n", "PluginValidationError: Plugin 'signature'"),
    "wrapper": (
        "from gdl_core import hookimpl\n@hookimpl(wrapper=True)\ndef gdl_models():\n    return (yield)\n",
        "gdl_models is a wrapper",
    ),
    "none": (f"{HOOK}def gdl_models():\n    pass\n", "gdl_models should yield or return a list of ModelSpec, got None"),
    "single": (
        f"{HOOK}def gdl_models():\n    return {SPEC}\n",
        "gdl_models should yield or return a list of ModelSpec",
    ),
    "type": (f"{HOOK}def gdl_models():\n    yield 'm'\n", "gdl_models should give ModelSpec, got 'm'"),
    "class": (f"{HOOK}def gdl_steps():\n    yield {SPEC}\n", "gdl_steps should give StepSpec, got ModelSpec("),
    "raises": (f"{HOOK}def gdl_models():\n    yield {SPEC}\n    raise ValueError('half')\n", "ValueError: half"),
    "twice": (f"{HOOK}def gdl_models():\n    yield {SPEC}\n    yield {SPEC}\n", "gdl_models gives the name 'm' twice"),
    "name": (
        f"{HOOK}def gdl_models():\n    yield {SPEC.replace(chr(34) + 'm' + chr(34), repr('M M'))}\n",
        "cannot be a name",
    ),
    "target": (
        f"{HOOK}def gdl_models():\n    yield {SPEC.replace('x.y:M', 'x.y.M')}\n",
        "target of 'm' should be package",
    ),
    "role": (f"{HOOK}def gdl_models():\n    yield {SPEC.replace('samples', 'sings')}\n", "'m' names the role 'sings'"),
    "kind": (
        f"{HOOK}def gdl_steps():\n    yield StepSpec('s', 'S.', target='a:b', arguments='a:c', gives='smell')\n",
        "'s' names the kind 'smell'",
    ),
    "suffix": (
        f"{HOOK}def gdl_formats():\n    yield FormatSpec('s', 'S.', ('png',), ('image',), 'a:b')\n",
        "a suffix of 's' should be like '.png', got 'png'",
    ),
    "resource": (f"{HOOK}def gdl_recipes():\n    yield RecipeSpec('r', 'R.', '/etc/passwd')\n", "resource of 'r'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_plugin_is_named_and_nothing_else_stops(site: Site, case: str) -> None:
    code, cause = BROKEN[case]
    site.add(case, code)
    site.good("zzz", "after")
    site.good("aaa", "before")
    registry = get_registry()
    told = errors(registry)
    assert list(told) == [f"pack-{case}"]
    assert cause in told[f"pack-{case}"]
    assert "\n" not in told[f"pack-{case}"]
    assert {"before", "after"} <= {spec.name for spec in registry.models}
    assert "m" not in {spec.name for spec in (*registry.models, *registry.steps)}
    assert registry.find("model", "vae").plugin == "vae"


def test_failed_plugin_leaves_no_hook_behind(site: Site) -> None:
    site.add("half", f"{HOOK}def gdl_run_end(folder):\n    raise SystemExit\n\n@hookimpl\ndef gdl_step(x):\n    pass\n")
    registry = get_registry()
    assert "there is no hook 'gdl_step'" in errors(registry)["pack-half"]
    assert registry.implementations("gdl_run_end") == []


def test_two_packages_with_one_plugin_name_are_both_refused(site: Site) -> None:
    site.good("swirl", "one", package="pack-one")
    site.good("swirl", "two", package="pack-two")
    registry = get_registry()
    cause = "pack-one and pack-two both offer a plugin named 'swirl'; uninstall all but one"
    assert errors(registry) == {"pack-one": cause, "pack-two": cause}
    assert not {"one", "two"} & {spec.name for spec in registry.models}


def test_nobody_takes_a_name_of_the_toolkit(site: Site) -> None:
    site.good("core", "sly", package="pack-sly")
    registry = get_registry()
    assert "belongs to gdl-toolkit itself" in errors(registry)["pack-sly"]
    assert registry.find("step", "train").plugin == "core"


def test_keyboard_interrupt_while_loading_is_not_swallowed(site: Site) -> None:
    site.add("stop", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        get_registry()


def test_order_follows_names_and_not_the_path(site: Site) -> None:
    for plugin in ("b", "c", "a"):
        site.good(plugin, f"m{plugin}")
    names = [info.name for info in get_registry().plugins]
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("variable", "value", "there", "gone"),
    [
        ("GDL_PLUGINS", "swirl, data", {"core", "swirl", "data"}, {"vae", "other"}),
        ("GDL_PLUGINS", "", {"core"}, {"swirl", "data", "vae"}),
        ("GDL_NO_PLUGIN", "swirl,core", {"core", "vae", "other"}, {"swirl"}),
    ],
)
def test_plugins_can_be_left_out(
    site: Site, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, there: set[str], gone: set[str]
) -> None:
    site.good("swirl", "one")
    site.good("other", "two")
    monkeypatch.setenv(variable, value)
    names = {info.name for info in get_registry().plugins}
    assert there <= names
    assert not gone & names


def test_names_of_a_failed_plugin_say_its_cause(site: Site) -> None:
    site.add("swirl", "import no_such_module_anywhere\n", package="gdl-pack-swirl")
    registry = get_registry()
    cause = "could not be loaded: ModuleNotFoundError: No module named 'no_such_module_anywhere'"
    with pytest.raises(PluginError, match=f"model 'swirl/spiral' belongs to plugin 'swirl', which {cause}"):
        registry.find("model", "swirl/spiral")
    for name in ("swirl", "gdl_pack_swirl", "gdl-pack-swirl"):
        with pytest.raises(PluginError, match=cause):
            registry.plugin(name)
    with pytest.raises(UnknownNameError, match="1 plugin could not be loaded, see: gdl plugins"):
        registry.find("model", "zigzag")


def test_ambiguous_bare_name_is_refused_and_full_names_work(site: Site) -> None:
    site.good("one", "vae")
    registry = get_registry()
    with pytest.raises(AmbiguousNameError, match="one/vae and vae/vae"):
        registry.find("model", "vae")
    assert registry.find("model", "one/vae").plugin == "one"
    assert registry.find("model", "vae/vae").plugin == "vae"


def test_unknown_names_get_a_hint() -> None:
    registry = get_registry()
    with pytest.raises(UnknownNameError, match="unknown step 'tarin'; did you mean 'train'"):
        registry.find("step", "tarin")
    with pytest.raises(UnknownNameError, match="there is no plugin 'nobody'"):
        registry.find("step", "nobody/train")
    with pytest.raises(UnknownNameError, match="unknown model 'vae/vea'; did you mean 'vae/vae'"):
        registry.find("model", "vae/vea")
    with pytest.raises(
        PluginError, match="plugin 'gdl_swirly' is not installed; if you trust it: pip install gdl-swirly"
    ):
        registry.plugin("gdl_swirly")
    assert registry.plugin("gdl_toolkit").package == "gdl-toolkit"


def test_broken_code_behind_a_spec_is_the_plugins_fault(site: Site) -> None:
    site.good("late", "late")
    (site.folder / "pack_late_code.py").write_text("1 / 0\n")
    registry = get_registry()
    spec = registry.find("model", "late")
    with pytest.raises(PluginError, match="plugin 'late' is broken"):
        registry.load(spec, "target")
    registry = Registry.from_plugins({"late": type("P", (), {})()})
    assert not registry.plugins[0].ok


def test_observer_that_raises_is_logged_and_the_others_hear(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.add("bad", f"{HOOK}def gdl_run_end(error):\n    raise RuntimeError('deaf')\n")
    site.add("good", f"heard = []\n{HOOK}def gdl_run_end(folder, error):\n    heard.append(folder)\n")
    get_registry().notify("gdl_run_end", folder=Path("here"), error=None)
    assert sys.modules["pack_good"].heard == [Path("here")]  # type: ignore[attr-defined]
    assert "plugin 'bad' failed in gdl_run_end: RuntimeError: deaf" in caplog.text


def test_lacking_extra_gives_the_pip_line(site: Site) -> None:
    code = f"{HOOK}def gdl_formats():\n    yield FormatSpec('s', 'S.', ('.s',), ('image',), 'a:b', extra='fast')\n"
    site.add("fmt", code)
    with (site.folder / "pack_fmt-1.0.dist-info" / "METADATA").open("a") as file:
        file.write("Provides-Extra: fast\nRequires-Dist: no-such-package-anywhere>=2; extra == 'fast'\n")
        file.write("Requires-Dist: another-one; extra == 'slow'\n")
    registry = get_registry()
    assert registry.lacking(registry.find("format", "s")) == "pip install 'pack-fmt[fast]'"


def test_registry_imports_no_torch() -> None:
    code = "import sys; from gdl_core.registry import get_registry; get_registry(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
