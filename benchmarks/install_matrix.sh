#!/usr/bin/env bash
# Installs gdl in every way that it promises to bear, and says how each went and how long it took.
#   benchmarks/install_matrix.sh [PYTHON]
# PYTHON belongs to an environment that has gdl's dependencies (default: the active one); each case gets an environment of
# its own that borrows them, so that the seconds are the build's and not the download of torch.
set -euo pipefail
exec </dev/null

base=$(command -v "${1:-python}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset GDL_NATIVE GDL_CUDA GDL_CUDA_ARCHS CXX CUDACXX CUDA_HOME CUDA_PATH VIRTUAL_ENV
export PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1
TIMEFORMAT='%R %U'

borrowed=$("$base" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

# A PATH of links to all programs but those named.
path_without() {
  local folder=$work/path-$1 program
  mkdir "$folder"
  while read -r program; do
    ln -s "$program" "$folder/" 2>/dev/null || true
  done < <(IFS=:; find -L $PATH -maxdepth 1 -type f -executable 2>/dev/null | grep -vE "/($1)$")
  echo "$folder"
}

# case NAME EXPECT PATH [VARIABLE=VALUE...] -- PIP ARGUMENTS : EXPECT is what `gdl doctor` or the failing build must say.
case_() {
  local name=$1 expect=$2 path=$3 env=$work/env source=$work/gdl verdict
  shift 3
  local settings=()
  while [ "$1" != -- ]; do settings+=("$1"); shift; done
  shift
  rm -rf "$env" "$source"
  git clone -q "$here" "$source"
  "$base" -m venv "$env"
  "$env/bin/python" -c 'import sys, sysconfig; open(sysconfig.get_path("purelib") + "/borrowed.pth", "w").write(sys.argv[1])' "$borrowed"
  if [[ "${settings[*]}" == *PIP_NO_INDEX* ]]; then
    "$env/bin/python" -m pip install -q --ignore-installed setuptools pybind11 cmake ninja >/dev/null 2>&1
  fi
  if { time (cd "$source" && env "${settings[@]}" PATH="$env/bin:$path" "$env/bin/python" -m pip install -v --no-deps "$@" \
    >"$work/log" 2>&1); } 2>"$work/time"; then
    (cd "$work" && "$env/bin/gdl" doctor) >"$work/said" 2>&1 || echo "gdl doctor failed" >>"$work/said"
    ls "$env"/lib/python*/site-packages/gdl_core{,/cuda} "$source/gdl_core"{,/cuda} 2>/dev/null | grep -E '\.(so|fatbin)$' >>"$work/said" || true
  else
    cp "$work/log" "$work/said"
  fi
  verdict=ok
  tr '\n' ' ' <"$work/said" | grep -qP "$expect" || { verdict='NOT AS PROMISED'; tail -n 20 "$work/log" "$work/said" >&2; }
  printf '%-62s %-16s %6s s wall %6s s CPU\n' "$name" "$verdict" $(tail -n 1 "$work/time")
}

no_nvcc=$(path_without nvcc)
bare=$work/bare
mkdir "$bare"
for program in env sh bash uname git; do ln -s "$(command -v "$program")" "$bare/"; done

whole=_native
command -v nvcc >/dev/null && whole='_native.*\.fatbin|\.fatbin.*_native'

case_ "isolated build, this machine's own tools" "$whole" "$PATH" -- .
case_ "editable, the kernels stay in the source tree" "$whole" "$PATH" -- -e .
case_ "isolated build without network, build tools in the environment" "$whole" "$PATH" PIP_NO_INDEX=1 PIP_FIND_LINKS= -- .
case_ "compiler but no nvcc" '^(?!.*\.fatbin).*_native' "$no_nvcc" CUDA_HOME="$bare" -- .
case_ "no compiler: plain Python" 'no C\+\+ compiler' "$bare" -- .
case_ "no compiler, kernels demanded: fails and says why" 'GDL_NATIVE=1 demands' "$bare" GDL_NATIVE=1 -- .
case_ "GDL_NATIVE=0" 'GDL_NATIVE=0' "$PATH" GDL_NATIVE=0 -- .
