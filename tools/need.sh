#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes sure that what a target needs is installed: tools/need.sh [--if-offered] SET...
# With --if-offered the target can do without a package that Debian does not have, or no longer.
# Looks first, and is silent and quick when everything is there. Otherwise it installs
# what is missing as root on Debian; elsewhere it names the missing packages and stops.
set -eu

missing=

# need PACKAGE COMMAND...: COMMAND succeeds if the package is there.
need() {
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

has() {
    command -v "$1"
}

# Debian's package is for Debian's Python, which may not be the first one.
has_websockets() {
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import websockets' && return
    done
    return 1
}

python_header() {
    python3 -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")'
}

# Its programs are in a folder of the version's, which is not searched for commands.
has_postgresql() {
    has initdb || ls /usr/lib/postgresql/*/bin/initdb
}

# The clang runtime's package has clang's major version in its name.
clang_runtime() {
    test -e "$(clang -print-file-name="libclang_rt.asan-$(uname -m).a")"
}

clang_runtime_package() {
    version=$(clang -dumpversion 2>/dev/null || apt-cache depends clang | sed -n 's/.*Depends: clang-//p')
    echo "libclang-rt-${version%%.*}-dev"
}

look() {
    missing=
    for set; do
        case $set in
        build)
            need gcc has gcc
            need libc6-dev test -e /usr/include/stdio.h
            need meson has meson
            need ninja-build has ninja
            need pkg-config has pkg-config
            need liburing-dev pkg-config --exists liburing
            need libssl-dev pkg-config --atleast-version=3.0 openssl
            ;;
        make)
            need make has make
            ;;
        demo)
            need python3 has python3
            ;;
        test)
            need python3 has python3
            need libcmocka-dev pkg-config --exists cmocka
            need clang has clang
            need g++ has g++
            need gdb has gdb
            need openssl has openssl
            need libwslay-dev test -e /usr/include/wslay/wslay.h
            need python3-websockets has_websockets
            ;;
        python)
            need python3 has python3
            need python3-venv python3 -c 'import ensurepip, venv'
            need python3-dev python_header
            ;;
        python-debug)
            need python3-dbg has python3-dbg
            need python3-venv python3-dbg -c 'import ensurepip, venv'
            ;;
        clang-runtime)
            need "$(clang_runtime_package)" clang_runtime
            ;;
        valgrind)
            need valgrind has valgrind
            ;;
        lint)
            need clang-tidy has clang-tidy
            need clang-format has clang-format
            ;;
        aarch64)
            need gcc-aarch64-linux-gnu has aarch64-linux-gnu-gcc
            need libc6-dev-arm64-cross test -e /usr/aarch64-linux-gnu/include/stdio.h
            need qemu-user has qemu-aarch64
            ;;
        debootstrap)
            need debootstrap has debootstrap
            need debian-archive-keyring test -e /usr/share/keyrings/debian-archive-keyring.gpg
            ;;
        bench)
            need python3 has python3
            ;;
        bench-peers)
            need golang has go
            need cargo has cargo
            need libuv1-dev pkg-config --exists libuv
            need libssl-dev pkg-config --exists openssl
            need openssl has openssl
            need util-linux has taskset
            ;;
        postgresql)
            need postgresql has_postgresql
            ;;
        redis)
            need redis-server has redis-server
            ;;
        *)
            echo "tools/need.sh: no set named $set" >&2
            exit 2
            ;;
        esac
    done
    missing=${missing# }
}

if_offered=
if [ "$1" = --if-offered ]; then
    if_offered=yes
    shift
fi

look "$@"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! has apt-get >/dev/null; then
    echo "Needed and not installed: $missing" >&2
    echo "On Debian or Ubuntu, as root: apt-get install --no-install-recommends $missing" >&2
    exit 1
fi

echo "Installing: $missing"
export DEBIAN_FRONTEND=noninteractive
# A source of packages that cannot be reached matters only if the installation fails.
apt-get -q -o DPkg::Lock::Timeout=300 update </dev/null ||
    echo "apt-get update failed, going on with the package lists that are there" >&2
# The clang runtime's name is known for sure only now that the lists are there.
look "$@"
# shellcheck disable=SC2086
if [ -n "$if_offered" ] && ! apt-cache policy $missing | grep -q 'Candidate: [^(]'; then
    echo "**** NOT TO BE HAD, going on without: $missing ****" >&2
    exit 0
fi
# Word splitting is meant: a list of packages.
# shellcheck disable=SC2086
apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $missing </dev/null

look "$@"
if [ -n "$missing" ]; then
    echo "Still missing after the installation: $missing" >&2
    exit 1
fi
