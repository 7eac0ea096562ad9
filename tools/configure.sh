#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Configures a build folder once: tools/configure.sh FOLDER MESON_OPTION...
# A folder that is configured otherwise (other options, another compiler or Meson, an
# interrupted run) is made anew, so that a target always builds what it says.
set -eu

folder=$1
shift
wanted="meson $(meson --version) CC=${CC-} CFLAGS=${CFLAGS-} LDFLAGS=${LDFLAGS-} $*"

if [ -f "$folder/build.ninja" ] && [ "$(cat "$folder/configured-as" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
rm -rf "$folder"
meson setup "$folder" "$@"
printf '%s\n' "$wanted" >"$folder/configured-as"
