#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes a virtual environment for an interpreter with the package hoop in it, and prints the path
# of its python: tools/python.sh [INTERPRETER [GROUP]]
# GROUP is pyproject.toml's group of what else to install, "test" by default; another group has an
# environment of its own.
# The environment is .cache/python/VERSION, the package is built in build-python-VERSION (VERSION is
# tools/pythons.sh's name, where that runs it). Run it again after a change: only what changed is
# built.
set -eu

interpreter=${1:-python3}
group=${2:-test}
version=$("$interpreter" -c 'import sys, sysconfig; print("%d.%d" % sys.version_info[:2] + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""))')
version=${HOOP_PYTHON:-$version}
[ "$group" = test ] || version=$version-$group
environment=.cache/python/$version
build=build-python-$version
python=$environment/bin/python

# What an environment was made for; another interpreter or another list makes it anew.
wanted="$("$interpreter" -c 'import sys; print(sys.executable, sys.version)') $group $(cksum <pyproject.toml)"
if [ "$(cat "$environment/made-for" 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$environment" "$build"
    mkdir -p "${environment%/*}"
    "$interpreter" -m venv "$environment" >&2
    # Debian's and others' old pip knows no groups.
    "$python" -m pip install -q --upgrade pip >&2
    "$python" -m pip install -q 'meson-python>=0.17' 'meson>=1.0' ninja --group "$group" >&2
    printf '%s\n' "$wanted" >"$environment/made-for"
fi

# Word splitting is meant: Meson's options, a word each.
# shellcheck disable=SC2086
set -- ${HOOP_PYTHON_SETUP-}
for option; do
    shift
    set -- "$@" "-Csetup-args=$option"
done

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! PATH="$PWD/$environment/bin:$PATH" "$python" -m pip install -q --no-build-isolation --no-deps \
    --force-reinstall -C"build-dir=$build" "$@" . >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
echo "$PWD/$python"
