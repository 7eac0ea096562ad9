#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds the extension module line_client into a folder: build.sh [FOLDER]
# PYTHON names the interpreter, in whose environment hoop is installed. A module of more than one
# file would ask for the same in its build system.
set -eu

here=$(dirname "$0")
folder=${1:-$here}
python=${PYTHON:-python3}
ask() {
    "$python" -c "import hoop, sysconfig; print($1)"
}

"${CC:-cc}" -O2 -Wall -Wextra -fPIC -shared "$here/line_client.c" \
    -I"$(ask 'hoop.get_include()')" -isystem "$(ask 'sysconfig.get_path("include")')" \
    "$(ask 'hoop.get_library()')" \
    -o "$folder/line_client$(ask 'sysconfig.get_config_var("EXT_SUFFIX")')"
