#!/bin/sh
# SPDX-License-Identifier: MIT
#
# For `meson test --wrapper`: runs a test program under Valgrind. A script runs as it is,
# and is told to run its programs so.
case $1 in
*python*)
    MESON_EXE_WRAPPER=$0
    export MESON_EXE_WRAPPER
    exec "$@"
    ;;
esac
exec valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite "$@"
