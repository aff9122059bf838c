# SPDX-License-Identifier: BSD-3-Clause
#
# What every test stands on, and the tests of the house itself.

check_LTLIBRARIES += tests/lib/libtest.la
tests_lib_libtest_la_SOURCES = tests/lib/test.c tests/lib/test.h
tests_lib_libtest_la_CPPFLAGS = $(CPPFLAGS_TEST)

EXTRA_DIST += \
	tests/lib/functions.sh \
	tests/lib/run-test

check_LTLIBRARIES += tests/lib/nbdkit-planted-plugin.la
tests_lib_nbdkit_planted_plugin_la_SOURCES = tests/lib/planted-plugin.c
tests_lib_nbdkit_planted_plugin_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_lib_nbdkit_planted_plugin_la_LDFLAGS = $(LDFLAGS_CHECK_PLUGIN)

TESTS += tests/test-house-sanitizer-reports-planted-bug.sh
EXTRA_DIST += \
	tests/lib/run-long \
	tests/sanitizers/run

EXTRA_DIST += \
	acceptance/functions.sh \
	acceptance/run \
	tests/SKIPS \
	tests/mutants/PLAIN \
	tests/mutants/run

TESTS += \
	tests/test-house-acceptance-judges.sh \
	tests/test-house-mutant-runner-judges.sh \
	tests/test-house-run-test-wants-assertions.sh
