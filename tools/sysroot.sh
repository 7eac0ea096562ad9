#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Fetches from Debian the libraries for aarch64 that hoop and its tests are linked with:
# tools/sysroot.sh FOLDER
# The packages are unpacked into FOLDER, and apt's lists for that architecture live there
# too: the system is left as it is, and no root is needed.
set -eu

folder=$1
packages="libcmocka-dev libcmocka0 liburing-dev liburing2 libssl-dev libssl3"

# What was fetched for another list is of no use.
[ ! -e "$folder/sysroot.ini" ] || [ "$(cat "$folder/fetched" 2>/dev/null)" != "$packages" ] || exit 0

rm -rf "$folder"
mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$folder/packages"
folder=$(cd "$folder" && pwd)
: >"$folder/apt/status"

arm64_apt() {
    apt-get -q \
        -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
        -o Dir::State::Lists="$folder/apt/lists" -o Dir::State::status="$folder/apt/status" \
        -o Dir::Cache="$folder/apt/cache" -o APT::Sandbox::User=root \
        -o Debug::NoLocking=true "$@" </dev/null
}

# A source that has nothing for arm64 does not matter: the download says whether one had it.
arm64_apt update >"$folder/apt/log" 2>&1 || true
# Word splitting is meant: a list of packages.
# shellcheck disable=SC2086
(cd "$folder/packages" && arm64_apt download $packages >>"$folder/apt/log" 2>&1) || {
    cat "$folder/apt/log" >&2
    echo "Could not be fetched for arm64: $packages" >&2
    exit 1
}
for package in "$folder"/packages/*.deb; do
    dpkg-deb -x "$package" "$folder"
done
echo "$packages" >"$folder/fetched"
printf "[constants]\nsysroot = '%s'\n" "$folder" >"$folder/sysroot.ini"
