# SPDX-License-Identifier: MIT
#
# hoop is built by Meson; this file says in one word what is wanted of it. Each target
# installs what it needs and the machine lacks (tools/need.sh), and builds into a folder
# of its own, build*/. `make help` lists the targets.

.DEFAULT_GOAL := build
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

PREFIX ?= /usr/local
BENCH_ARGS ?=
PYTHON ?= python3
# More options for `meson test`, such as a test's name: make test TESTS=api/call_soon
TESTS ?=

DEMOS = guide_call_soon guide_call_later guide_coroutine guide_ensure_future blocked_loop \
	ten_thousand network

PYTHON_DEMOS = guide_call_soon guide_call_later guide_coroutine guide_ensure_future

RELEASE = --buildtype=release -Db_ndebug=true -Ddebug=true
TESTED = -Dtests=true -Dwerror=true
RUN = tests/run.py
# Checks of the sources themselves come out the same in each build: `make test` has them.
IN_A_CHECK = --no-rebuild --no-suite sources $(TESTS)

.PHONY: help build demo test test-library test-python test-pythons test-cpython test-ecosystem install \
	bench format clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{printf "make %-18s %s\n", $$1, $$2}'

build: ## the library and the examples, into build/
	@tools/need.sh build
	@tools/configure.sh build $(RELEASE)
	@ninja -C build

demo: build ## runs the examples, in C and in Python, and shows when each line comes
	@tools/need.sh demo python
	@python3 tools/timestamps.py $(DEMOS:%=build/examples/%)
	@python=$$(tools/python.sh $(PYTHON) run) && \
		python3 tools/timestamps.py $(PYTHON_DEMOS:%="$$python examples/python/%.py")

# TESTS chooses among the library's; the package's are run when nothing is chosen.
test: ## builds and runs all tests, of the library and of the Python package
	@tools/several.sh test-library $(if $(TESTS),,test-python)

test-library: ## the library's tests alone, built with asserts
	@tools/need.sh build test
	@tools/configure.sh build-test --buildtype=debugoptimized $(TESTED)
	@ninja -C build-test
	@python3 $(RUN) build-test --no-rebuild $(TESTS)

AS_TAP = -m pytest -p no:terminal -p pytest_report

# make test-python PYTHON=python3.13 PYTEST='-k tls'
test-python: ## builds the Python package for PYTHON (python3) and runs its tests
	@tools/need.sh build python
	@python=$$(tools/python.sh $(PYTHON)) && PYTHONPATH=tests python3 $(RUN) --tap "$$python" $(AS_TAP) $(PYTEST)

# on_python VERSION ARGUMENT...: a Python program that speaks TAP, with hoop installed for that version.
on_python = if why=$$(tools/pythons.sh find $(1)); then \
	python3 $(RUN) --tap tools/pythons.sh run $(1) sh -euc \
		'tools/need.sh build >&2; python=$$(tools/python.sh python3); exec "$$python" $(2)'; \
	else python3 $(RUN) --tap printf \
		'ok 1 - looked for Python $(1)\nok 2 - the tests on Python $(1) \# SKIP %s\n1..2\n' "$$why"; fi

test-pythons: ## the package's tests on each version of Python
	@tools/need.sh make
	@tools/several.sh $$(tools/pythons.sh list | sed 's/^/test-python-/')

test-python-%:
	@PYTHONPATH=tests; export PYTHONPATH; $(call on_python,$*,$(AS_TAP))

test-cpython: ## CPython's own tests of asyncio on hoop, on each version of Python
	@tools/need.sh make
	@tools/several.sh $$(tools/pythons.sh list | sed 's/^/test-cpython-/')

test-cpython-%:
	@$(call on_python,$*,python/tests/cpython/run.py)

# The database servers are Debian packages; the tests of one that Debian does not have are skipped, and say so.
ECOSYSTEM_PYTEST = $(AS_TAP) -c python/tests/ecosystem/pytest.ini

test-ecosystem: ## asyncio's frameworks as programs, each on asyncio's own loop and on hoop
	@tools/need.sh build python
	@tools/need.sh --if-offered postgresql
	@tools/need.sh --if-offered redis
	@python=$$(tools/python.sh $(PYTHON) ecosystem) && PYTHONPATH=tests python3 $(RUN) --tap \
		timeout -s KILL 1500 "$$python" $(ECOSYSTEM_PYTEST) python/tests/ecosystem $(PYTEST)

install: build ## into PREFIX (/usr/local), below DESTDIR
	@meson configure build -Dprefix='$(abspath $(PREFIX))'
	@meson install -C build --quiet $(if $(DESTDIR),--destdir '$(abspath $(DESTDIR))')

bench: ## measures hoop beside other runtimes: make bench BENCH_ARGS=--quick
	@tools/need.sh build bench
	@tools/need.sh bench-peers || echo "Going on without them."
	@tools/configure.sh build $(RELEASE)
	@meson configure build -Dbench=true
	@ninja -C build
	@python3 bench/run.py $(BENCH_ARGS)

format: ## makes the C sources look as check-lint wants
	@tools/need.sh lint
	@clang-format -i $$(find src include examples tests python -name '*.[ch]')

clean: ## removes all that was built
	@rm -rf build*/ .cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- make check ------------------------------------------------------------

CHECKS = check-uring check-asan check-asan-clang check-tsan check-valgrind check-clang check-release \
	check-aarch64 check-lint check-symbols check-python-asan check-python-leaks
.PHONY: check $(CHECKS)

check: ## all of the following, and their sum
	@tools/need.sh build test
	@tools/several.sh $(CHECKS)

# Where there is no io_uring the loops would run on epoll, and the tests say nothing new.
NO_URING = HOOP_DEBUG=1 build-test/examples/guide_call_soon 2>&1 | grep 'io_uring is not available'

check-uring: export HOOP_POLLER = uring
check-uring: ## all tests on loops that use io_uring
	@tools/need.sh build test
	@tools/configure.sh build-test --buildtype=debugoptimized $(TESTED)
	@ninja -C build-test
	@if why=$$($(NO_URING)); then python3 $(RUN) --tap printf \
		'ok 1 - looked for io_uring\nok 2 - all tests on io_uring # SKIP %s\n1..2\n' "$$why"; \
	else python3 $(RUN) build-test $(IN_A_CHECK); fi

SANITIZED = --buildtype=debugoptimized $(TESTED) -Db_lundef=false \
	-Dc_args='-fno-omit-frame-pointer -fno-sanitize-recover=all'
ASAN = $(SANITIZED) -Db_sanitize=address,undefined
TSAN = $(SANITIZED) -Db_sanitize=thread

# Parts of the stress tests' full size, which is 1000 seeds.
check-asan check-asan-clang check-valgrind check-aarch64: export HOOP_STRESS = 100
check-tsan: export HOOP_STRESS = 20

# A request for too much memory is to fail as it does elsewhere.
check-asan check-asan-clang: export ASAN_OPTIONS = \
	detect_stack_use_after_return=1:allocator_may_return_null=1:abort_on_error=1
check-asan check-asan-clang: export UBSAN_OPTIONS = print_stacktrace=1
check-tsan: export TSAN_OPTIONS = allocator_may_return_null=1

check-asan: ## all tests under AddressSanitizer and UBSan, gcc's
	@tools/need.sh build test
	@tools/configure.sh build-asan $(ASAN)
	@ninja -C build-asan
	@python3 $(RUN) build-asan $(IN_A_CHECK)

check-asan-clang: export CC = clang
check-asan-clang: ## the same, clang's
	@tools/need.sh build test clang-runtime
	@tools/configure.sh build-asan-clang $(ASAN)
	@ninja -C build-asan-clang
	@python3 $(RUN) build-asan-clang $(IN_A_CHECK)

# gcc 12's TSan wants fewer random bits in addresses than some kernels use.
check-tsan: ## all tests under ThreadSanitizer
	@tools/need.sh build test
	@tools/configure.sh build-tsan $(TSAN)
	@ninja -C build-tsan
	@$$(setarch -R true 2>/dev/null && echo setarch -R) python3 $(RUN) build-tsan $(IN_A_CHECK) --timeout-multiplier 10

check-valgrind: ## all tests under Valgrind
	@tools/need.sh build test valgrind
	@tools/configure.sh build-valgrind --buildtype=debugoptimized $(TESTED)
	@ninja -C build-valgrind
	@python3 $(RUN) build-valgrind $(IN_A_CHECK) --wrapper '$(abspath tools/valgrind.sh)' --timeout-multiplier 10

check-clang: export CC = clang
check-clang: ## builds with clang and runs all tests
	@tools/need.sh build test
	@tools/configure.sh build-clang --buildtype=debugoptimized $(TESTED)
	@ninja -C build-clang
	@python3 $(RUN) build-clang $(IN_A_CHECK)

check-release: ## all tests on the build that users get, without asserts
	@tools/need.sh build test
	@tools/configure.sh build-release $(RELEASE) $(TESTED)
	@ninja -C build-release
	@python3 $(RUN) build-release $(IN_A_CHECK)

check-aarch64: ## builds for aarch64 and runs all tests in an emulator
	@tools/need.sh build test aarch64
	@tools/sysroot.sh .cache/aarch64
	@tools/configure.sh build-aarch64 --buildtype=debugoptimized $(TESTED) \
		--cross-file .cache/aarch64/sysroot.ini --cross-file tools/cross/aarch64.ini
	@ninja -C build-aarch64
	@python3 $(RUN) build-aarch64 $(IN_A_CHECK) --timeout-multiplier 10

check-lint: ## clang-tidy and clang-format
	@tools/need.sh build test python lint
	@tools/configure.sh build-lint --buildtype=debugoptimized $(TESTED) -Dpython=true
	@python3 $(RUN) --tap python3 tools/lint.py build-lint

check-symbols: ## what an installation exports, and that programs can be built with it
	@tools/need.sh build test
	@tools/configure.sh build-symbols $(RELEASE)
	@ninja -C build-symbols
	@python3 $(RUN) --tap python3 tools/symbols.py build-symbols

check-python-asan: export HOOP_PYTHON = asan
check-python-asan: export HOOP_PYTHON_SETUP = -Dbuildtype=debugoptimized -Db_lundef=false \
	-Db_sanitize=address,undefined -Dc_args=['-fno-omit-frame-pointer','-fno-sanitize-recover=all']
check-python-asan: ## the Python package's tests under AddressSanitizer and UBSan
	@tools/need.sh build python
	@python=$$(tools/python.sh $(PYTHON)) && \
		python3 $(RUN) --tap python3 python/tests/sanitized.py "$$python" --timeout=300 $(PYTEST)

# The headers of Debian's debug build are links; gcc would follow them to those of the usual one.
check-python-leaks: export HOOP_PYTHON = debug
check-python-leaks: export HOOP_PYTHON_SETUP = -Dbuildtype=debugoptimized -Dc_args=-fno-canonical-system-headers
check-python-leaks: ## looks for leaks of the Python package, in a Python that counts references
	@tools/need.sh build python-debug
	@python=$$(tools/python.sh python3-dbg) && \
		python3 $(RUN) --tap "$$python" -X dev python/tests/leaks/run.py
