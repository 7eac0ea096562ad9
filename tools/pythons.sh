#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The versions of Python that hoop is tested with:
#   tools/pythons.sh list                     their names, one a line
#   tools/pythons.sh find VERSION             makes one available, or says why it cannot and fails
#   tools/pythons.sh run VERSION COMMAND...   COMMAND in this folder, with that one as python3
# A version that the machine has, with its headers and CPython's own tests, is used where it
# is. The others are Debian sid's, in a system of their own, .cache/sid; COMMAND then runs in
# there as root and sees this folder at its usual place. All mounts are in a namespace of
# COMMAND's: they are gone when it is, and removing .cache reaches nothing through them.
set -eu

# 3.13-sid: create_task passes its keywords otherwise from 3.13.4 on.
versions="3.11 3.12 3.13 3.13-sid 3.14 3.15"
sid_versions="3.13 3.14 3.15"
sid=.cache/sid
# Part of what the system is made of: raise it when prepare_sid changes.
recipe=1

is_complete() {
    "$1" -c 'import os, ssl, sysconfig, venv
assert os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
import test.test_asyncio' >/dev/null 2>&1
}

# The machine's own interpreter of a version; pyenv's are looked at first, as they are complete.
on_machine() {
    found=
    for python in "$HOME/.pyenv/versions/$1".*/bin/"python$1" "$(command -v "python$1" || true)"; do
        if [ -x "$python" ] && is_complete "$python"; then
            found=$python
        elif [ -n "$found" ]; then
            break
        fi
    done
    [ -z "$found" ] || echo "$found"
}

debian_mirror() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | head -n 1
}

# in_sid SYSTEM COMMAND...: the mounts, then the command as a child of the namespace's first process.
in_sid() {
    system=$1
    shift
    # shellcheck disable=SC2016
    exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc="$system/proc" sh -euc '
        system=$1 folder=$2
        shift 2
        bind() {
            if [ -d "$1" ]; then mkdir -p "$system$1"; else touch "$system$1"; fi
            mount --bind "$1" "$system$1"
        }
        mount --rbind /dev "$system/dev"
        mount --rbind /sys "$system/sys"
        # How the network is reached is the machine'"'"'s to say.
        for path in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs /usr/share/ca-certificates \
            /usr/local/share/ca-certificates ${PIP_FIND_LINKS:-}; do
            [ ! -e "$path" ] || bind "$path"
        done
        bind "$folder"
        # A system that is on its way out must not be used as the current folder.
        chroot "$system" env HOME=/root LC_ALL=C.UTF-8 sh -c "cd \"\$0\" && exec \"\$@\"" "$folder" "$@"
        exit
    ' sh "$system" "$PWD" "$@"
}

# Runs in the new system.
prepare_sid() {
    export DEBIAN_FRONTEND=noninteractive
    # Nobody's services are started in here.
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    packages=
    for version in $sid_versions; do
        if apt-cache show "python$version-dev" >/dev/null 2>&1; then
            packages="$packages python$version-dev python$version-venv libpython$version-testsuite"
        fi
    done
    # Word splitting is meant: a list of packages.
    # shellcheck disable=SC2086
    apt-get -q -y install --no-install-recommends ca-certificates $packages
    tools/need.sh build make
    apt-get clean
}

# Makes .cache/sid unless it is there; says on its output why it cannot.
make_sid() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "only root can make a system of Debian sid"
        return 1
    fi
    mirror=$(debian_mirror || true)
    if [ -z "$mirror" ]; then
        echo "apt knows no mirror of Debian"
        return 1
    fi
    made_of="$recipe $mirror $sid_versions"
    mkdir -p .cache
    exec 9>.cache/sid.lock
    flock 9
    [ "$(cat "$sid/made-of" 2>/dev/null)" != "$made_of" ] || return 0
    echo "Making a system of Debian sid in $sid, some minutes" >&2
    rm -rf "$sid" "$sid.new"
    if ! tools/need.sh debootstrap >.cache/sid.log 2>&1 ||
        ! unshare --mount --propagation private debootstrap --variant=minbase sid "$sid.new" "$mirror" \
            </dev/null >>.cache/sid.log 2>&1 9>&- ||
        ! (in_sid "$PWD/$sid.new" tools/pythons.sh prepare-sid) </dev/null >>.cache/sid.log 2>&1 9>&-; then
        tail -n 20 .cache/sid.log >&2
        echo "a system of Debian sid could not be made, see .cache/sid.log"
        return 1
    fi
    echo "$made_of" >"$sid.new/made-of"
    mv "$sid.new" "$sid"
}

# Leaves python3 and python3.X in .cache/pythons/VERSION, pointing at the interpreter.
link() {
    mkdir -p ".cache/pythons/$1"
    ln -sfn "$2" ".cache/pythons/$1/python3"
    ln -sfn "$2" ".cache/pythons/$1/python${1%-sid}"
}

find_version() {
    case " $versions " in
    *" $1 "*) ;;
    *)
        echo "no version named $1; there are: $versions"
        return 1
        ;;
    esac
    case $1 in
    *-sid) python= ;;
    *) python=$(on_machine "$1") ;;
    esac
    if [ -n "$python" ]; then
        link "$1" "$python"
        return 0
    fi
    case " $sid_versions " in
    *" ${1%-sid} "*) ;;
    *)
        echo "this machine has no python$1 with its headers and tests, and Debian sid has none either"
        return 1
        ;;
    esac
    make_sid || return 1
    if [ ! -x "$sid/usr/bin/python${1%-sid}" ]; then
        echo "Debian sid has no python${1%-sid}"
        return 1
    fi
    link "$1" "/usr/bin/python${1%-sid}"
}

run() {
    version=$1
    shift
    PATH=$PWD/.cache/pythons/$version:$PATH
    HOOP_PYTHON=$version
    export PATH HOOP_PYTHON
    if [ "$(readlink ".cache/pythons/$version/python3")" = "/usr/bin/python${version%-sid}" ] &&
        [ -x "$sid/usr/bin/python${version%-sid}" ]; then
        in_sid "$PWD/$sid" "$@"
    else
        exec "$@"
    fi
}

cd "$(dirname "$0")/.."
case ${1-} in
list)
    # Word splitting is meant.
    # shellcheck disable=SC2086
    printf '%s\n' $versions
    ;;
find)
    find_version "${2-}"
    ;;
run)
    why=$(find_version "${2-}") || {
        echo "tools/pythons.sh: $why" >&2
        exit 1
    }
    shift
    run "$@"
    ;;
prepare-sid)
    prepare_sid
    ;;
*)
    sed -n '4,12s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
