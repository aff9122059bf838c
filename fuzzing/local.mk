# SPDX-License-Identifier: BSD-3-Clause
#
# fuzzing/: damaged pools for the check and for the engine.
#
#   make fuzz [FUZZ_SECONDS=60] [FUZZ_TARGETS="fuzz-pool-check"]
#
# libFuzzer and its instrumentation need clang, whatever CC is, so
# fuzzing/run compiles what it needs by itself.  `make check` drives the same
# targets from a seed (tests/local-pool.mk).

FUZZ_SECONDS = 60
FUZZ_TARGETS =

fuzz:
	$(AM_V_at)$(AM_TESTS_ENVIRONMENT) \
	$(BASH_PATH) $(srcdir)/fuzzing/run $(FUZZ_SECONDS) $(FUZZ_TARGETS)
.PHONY: fuzz

EXTRA_DIST += \
	fuzzing/fuzz-check.c \
	fuzzing/fuzz-image.c \
	fuzzing/fuzz-image.h \
	fuzzing/fuzz-open.c \
	fuzzing/fuzz-pool-check.c \
	fuzzing/fuzz-pool-open.c \
	fuzzing/run
