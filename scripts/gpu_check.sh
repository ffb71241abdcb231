#!/usr/bin/env bash
# Everything that only a GPU can tell, in one command and under ten minutes, without network: installs this working tree,
# runs the GPU tests with the kernels of nvcc and of NVRTC, the four tools of compute-sanitizer over every kernel, and the
# benchmarks.
#   scripts/gpu_check.sh [FOLDER OF WHEELS]     packages that the machine lacks, installed beside it, never into it
#   PYTHON=...        another python than `python3`; 3.11 or newer, with a torch that has CUDA
#   OUT=...           where the logs and summary.txt go (default: build/gpu)
#   GPU_CHECK_SECONDS=...  when to be done with all of it (default: 570)
#   GDL_COMMIT=...    the commit that this tree is a copy of, if its git does not know
# Goes on after a failure. Exit status: 0 all passed, 1 something failed, 2 no GPU.
set -uo pipefail
exec </dev/null

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
python=${PYTHON:-python3}
wheels=${1:-}
out=${OUT:-$root/build/gpu}
work=$root/build/gpu-work
deadline=$((SECONDS + ${GPU_CHECK_SECONDS:-570}))
failed=0
# Whoever calls may have a gdl of their own.
unset GDL_NATIVE GDL_ISA GDL_CUDA GDL_CUDA_ARCHS GDL_CUDA_IMAGES GDL_PLUGINS PYTHONPATH

machine=$("$python" - <<'END'
try:
    import torch
except ImportError as error:
    raise SystemExit(f"no torch in this python ({error}); set PYTHON to one that has it")
if torch.version.cuda is None:
    raise SystemExit(f"torch {torch.__version__} is built without CUDA; set PYTHON to one whose torch has it")
if not torch.cuda.is_available():
    raise SystemExit(f"torch {torch.__version__} finds no NVIDIA GPU; nvidia-smi tells whether the driver does")
major, minor = torch.cuda.get_device_capability()
print(f"{major}{minor} {torch.cuda.get_device_name()}, torch {torch.__version__}")
END
) || { echo "gpu_check: nothing checked, there is no GPU to check with" >&2; exit 2; }
arch=${machine%% *}

rm -rf "$work"
mkdir -p "$out" "$work"
rm -f "$out"/*.log
printf '%s, %s\n\n' "${machine#* }" "${GDL_COMMIT:-$(git rev-parse --short HEAD 2>/dev/null || echo 'no git')}" | tee "$out/summary.txt"
row='%-24s %-10s %7s  %s\n'
# shellcheck disable=SC2059
printf "$row" stage result seconds log | tee -a "$out/summary.txt"

# report NAME RESULT SECONDS LOG
report() {
  # shellcheck disable=SC2059
  printf "$row" "$@" | tee -a "$out/summary.txt"
}

# stage NAME SECONDS LOG COMMAND... : runs it under a time limit, never past the deadline; 1 if it failed.
stage() {
  local name=$1 limit=$2 log=$3 begin=$SECONDS left=$((deadline - SECONDS)) code=0
  shift 3
  [ "$left" -lt "$limit" ] && limit=$left
  if [ "$limit" -le 5 ]; then
    report "$name" 'no time' 0 -
    return 1
  fi
  { echo "=== $name"; timeout --kill-after=5 "$limit" "$@"; } >>"$out/$log" 2>&1 || code=$?
  case $code in
    0) report "$name" ok "$((SECONDS - begin))" "$log" ;;
    124 | 137) report "$name" 'TIMED OUT' "$((SECONDS - begin))" "$log" ;;
    *) report "$name" "FAILED $code" "$((SECONDS - begin))" "$log" ;;
  esac
  return "$((code != 0))"
}

# The last lines of a log, for whoever sees only the end of what was printed.
tail_of() { sed 's/^/    /' < <(tail -n "$2" "$out/$1"); }

# ---- install ---------------------------------------------------------------------------------------------------------
site=$work/site
mkdir "$site"
if [ -n "$wheels" ]; then
  stage wheels 60 install.log "$python" -m pip install --no-index --no-deps --target "$site" "$wheels"/*.whl || failed=1
fi
export PYTHONPATH=$site PATH=$site/bin:$PATH GDL_CACHE=$work/cache
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1  # whatever else that machine's pytest has

with_pip() {
  stage install 200 install.log env GDL_NATIVE=1 GDL_CUDA=on GDL_CUDA_ARCHS="$arch" \
    "$python" -m pip install --no-index --no-build-isolation --no-deps --target "$site" --upgrade "$root"
}

# Where pip or setuptools cannot do it: CMake alone, into the working tree.
with_cmake() {
  local pybind11 generator=()
  pybind11=$("$python" -m pybind11 --cmakedir) || {
    report 'build with cmake' FAILED 0 'pybind11 is missing: hand over a folder with its wheel'
    return 1
  }
  command -v ninja >/dev/null && generator=(-G Ninja)
  stage 'configure with cmake' 60 install.log cmake -S . -B "$work/cmake" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release \
    -DGDL_PYTHON_MODULE=ON -DGDL_CUDA=on -DGDL_CUDA_ARCHS="$arch" -DPython_EXECUTABLE="$(command -v "$python")" \
    -Dpybind11_DIR="$pybind11" -DGDL_OUTPUT_DIR="$root/gdl_core" || return 1
  stage 'build with cmake' 150 install.log cmake --build "$work/cmake" --parallel || return 1
  export PYTHONPATH=$root:$root/plugins:$root/cli:$site
}

if ! with_pip; then
  failed=1
  tail_of install.log 15
  with_cmake || { tail_of install.log 15; echo 'no kernels: nothing more to check' | tee -a "$out/summary.txt"; exit 1; }
fi

# ---- checks ----------------------------------------------------------------------------------------------------------
# -P: the gdl_core of this folder, which has no kernels in it, must not hide the one that was installed.
stage 'every kernel once' 60 tests.log "$python" -P scripts/touch_kernels.py || { failed=1; tail_of tests.log 8; }
# What follows asks only whether it is right, so it runs side by side; the benchmarks come when all of it is done.
jobs=()
stage 'pytest -m gpu' 200 nvcc.log "$python" -P -m pytest -m gpu -p no:cacheprovider tests/kernels &
jobs+=($!)
stage 'pytest -m gpu, NVRTC' 200 nvrtc.log env GDL_CUDA_IMAGES=nvrtc \
  "$python" -P -m pytest -m gpu -p no:cacheprovider tests/kernels &
jobs+=($!)
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck initcheck synccheck; do
    # One allocation a tensor, so that reading behind one is seen.
    stage "$tool" 200 "$tool.log" env PYTORCH_NO_CUDA_MEMORY_CACHING=1 compute-sanitizer --tool "$tool" --error-exitcode 9 \
      "$python" -P scripts/touch_kernels.py --small &
    jobs+=($!)
  done
else
  report compute-sanitizer FAILED 0 'not on the PATH; it comes with the CUDA toolkit'
  failed=1
fi
for job in "${jobs[@]}"; do wait "$job" || failed=1; done
for log in nvcc nvrtc; do tail_of "$log.log" 12; done
for tool in memcheck racecheck initcheck synccheck; do [ -e "$out/$tool.log" ] && tail_of "$tool.log" 3; done

# It ends with 1 where a goal was missed, which its log tells.
left=$((deadline - SECONDS - 25))  # begins nothing new after, so that it ends by itself
stage benchmarks 400 benchmark.log "$python" -P benchmarks/kernels.py --device cuda \
  --seconds "$((left < 300 ? left : 300))" --json "$out/kernels-cuda.json" || failed=1
tail_of benchmark.log 60

echo
cat "$out/summary.txt"
exit "$failed"
