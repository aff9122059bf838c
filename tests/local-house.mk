# SPDX-License-Identifier: BSD-3-Clause
#
# What every test stands on, and the tests of the house itself.

check_LTLIBRARIES += tests/lib/libtest.la
tests_lib_libtest_la_SOURCES = tests/lib/test.c tests/lib/test.h
tests_lib_libtest_la_CPPFLAGS = $(CPPFLAGS_TEST)

EXTRA_DIST += \
	tests/lib/functions.sh \
	tests/lib/run-test
