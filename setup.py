"""What pyproject.toml cannot say: three source roots, and kernels that CMake builds. `pip install .` is the way in."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build import build

sys.path.insert(0, str(Path(__file__).resolve().parent / "backend"))

from gdl_build import DATA, BdistWheel, BuildNative, EditableWheel, GdlDistribution, find_all_packages

build.sub_commands.append(("build_native", None))
packages, package_dir = find_all_packages()

setup(
    distclass=GdlDistribution,
    cmdclass={"build_native": BuildNative, "bdist_wheel": BdistWheel, "editable_wheel": EditableWheel},
    packages=packages,
    package_dir=package_dir,
    package_data=dict.fromkeys(package_dir, DATA),
    include_package_data=False,
)
