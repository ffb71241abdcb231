#!/usr/bin/env bash
# The recipe doom-dream at the size of the paper, on a GPU, in one command, without network: 10,000 random episodes, an
# LSTM of 512, 200 generations in the dream. Given again, it goes on where it was broken off.
#   scripts/gpu_doom.sh [FOLDER OF WHEELS [ARGUMENTS OF gdl run]]
#                     packages that the machine lacks, installed beside it, never into it: those of pyproject.toml, of the
#                     extra doom, and setuptools; an argument such as `-s episodes=500` is stronger than those below
#   PYTHON=...        another python than `python3`; 3.11 or newer, with a torch that has CUDA
#   OUT=...           the run folder (default: build/doom-dream)
#   DOOM_SECONDS=...  when to stop, cleanly (default: 1500)
# Exit status: that of gdl run, 0 done, 130 stopped; 2 no GPU.
set -euo pipefail
exec </dev/null

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
wheels=${1:-}
out=${OUT:-$root/build/doom-dream}
site=$root/build/doom-site
unset GDL_NATIVE GDL_ISA GDL_CUDA GDL_CUDA_ARCHS GDL_CUDA_IMAGES GDL_PLUGINS PYTHONPATH

"$python" -c 'import sys, torch; sys.exit(0 if torch.cuda.is_available() else 2)' || { echo "no GPU that torch could use" >&2; exit 2; }
arch=$("$python" -c 'import torch; print("%d%d" % torch.cuda.get_device_capability())')
mkdir -p "$site"
export PYTHONPATH=$site PATH=$site/bin:$PATH GDL_CACHE=$root/build/doom-cache
if [ -n "$wheels" ]; then
  "$python" -m pip install --quiet --no-index --no-deps --target "$site" --upgrade "$wheels"/*.whl
fi
GDL_CUDA=auto GDL_CUDA_ARCHS=$arch \
  "$python" -m pip install --quiet --no-index --no-build-isolation --no-deps --target "$site" --upgrade "$root"

# -P: the gdl_core of this folder, which has no kernels in it, must not hide the one that was installed.
exec timeout --preserve-status --signal=TERM --kill-after=60 "${DOOM_SECONDS:-1500}" "$python" -P -m gdl_cli.main run doom-dream \
  --device cuda --out "$out" -s episodes=5000 -s more=2000 -s looks=20 -s batch=512 -s hidden=512 -s thoughts=60 -s generations=200 "${@:2}"
