# SPDX-License-Identifier: BSD-3-Clause
#
# What every test stands on, the runners behind the targets of Makefile.am,
# and the tests of the house itself.

check_LTLIBRARIES += \
	tests/lib/libtest.la \
	tests/lib/nbdkit-planted-plugin.la

tests_lib_libtest_la_SOURCES = \
	tests/lib/test.c \
	tests/lib/test.h
tests_lib_libtest_la_CPPFLAGS = $(CPPFLAGS_TEST)

tests_lib_nbdkit_planted_plugin_la_SOURCES = tests/lib/planted-plugin.c
tests_lib_nbdkit_planted_plugin_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_lib_nbdkit_planted_plugin_la_LDFLAGS = $(LDFLAGS_CHECK_PLUGIN)

TESTS += \
	tests/test-house-acceptance-judges.sh \
	tests/test-house-install-puts-files.sh \
	tests/test-house-mutant-runner-judges.sh \
	tests/test-house-mutants-apply.sh \
	tests/test-house-run-test-wants-assertions.sh \
	tests/test-house-sanitizer-reports-planted-bug.sh \
	tests/test-house-setup-counts-results.sh \
	tests/test-house-setup-serves.sh \
	tests/test-house-syntax-check-finds.sh \
	tests/test-house-wrapper-finds-plugins.sh

EXTRA_DIST += \
	acceptance/fresh-clone.sh \
	acceptance/functions.sh \
	acceptance/mutants.sh \
	acceptance/noted \
	acceptance/sanitizers.sh \
	acceptance/run \
	contrib/listen-and-exec \
	contrib/systemd/nbdvol-sysusers.conf \
	contrib/systemd/nbdvol@.service \
	contrib/systemd/nbdvol@.socket \
	tests/SKIPS \
	tests/lib/functions.sh \
	tests/lib/run-long \
	tests/lib/run-test \
	tests/mutants/PLAIN \
	tests/mutants/run \
	tests/sanitizers/run \
	tests/syntax-check/exceptions \
	tests/syntax-check/lib.pl \
	tests/syntax-check/rule-dist \
	tests/syntax-check/rule-docs \
	tests/syntax-check/rule-essay \
	tests/syntax-check/rule-globals \
	tests/syntax-check/rule-includes \
	tests/syntax-check/rule-keys \
	tests/syntax-check/rule-pod \
	tests/syntax-check/rule-rooms \
	tests/syntax-check/rule-shellcheck \
	tests/syntax-check/rule-size \
	tests/syntax-check/rule-style \
	tests/syntax-check/rule-symbols \
	tests/syntax-check/rule-tests \
	tests/syntax-check/rule-verbs \
	tests/syntax-check/run

SOAK += tests/soak-house-fresh-clone.sh
EXTRA_DIST += tests/soak-house-fresh-clone.sh

# Mutants are found by their suffix.
EXTRA_DIST += \
	$(patsubst $(srcdir)/%,%,$(wildcard $(srcdir)/tests/mutants/*.patch))
