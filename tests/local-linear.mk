# SPDX-License-Identifier: BSD-3-Clause
#
# Concurrent histories and their judge (tests/lib/linear*): with simulated and
# with real threads.

check_LTLIBRARIES += \
	tests/lib/liblinear.la \
	tests/lib/liblinear-load.la

tests_lib_liblinear_la_CPPFLAGS = $(CPPFLAGS_TEST)
tests_lib_liblinear_la_SOURCES = \
	tests/lib/linear.c \
	tests/lib/linear.h

tests_lib_liblinear_load_la_CPPFLAGS = $(CPPFLAGS_TEST)
tests_lib_liblinear_load_la_SOURCES = \
	tests/lib/bare.c \
	tests/lib/bare.h \
	tests/lib/linear-load.c \
	tests/lib/linear-load.h

LDADD_LINEAR = \
	tests/lib/liblinear-load.la \
	tests/lib/liblinear.la

TESTS_LINEAR = \
	tests/test-crash-linear-histories-are-judged \
	tests/test-pool-concurrent-histories-are-linear \
	tests/test-pool-concurrent-histories-of-real-threads
check_PROGRAMS += $(TESTS_LINEAR)
TESTS += $(TESTS_LINEAR)
SANITIZER_TESTS += \
	tests/test-crash-linear-histories-are-judged \
	tests/test-pool-concurrent-histories-of-real-threads
TSAN_SKIPS += tests/test-crash-linear-histories-are-judged

tests_test_crash_linear_histories_are_judged_SOURCES = \
	tests/test-crash-linear-histories-are-judged.c
tests_test_crash_linear_histories_are_judged_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_crash_linear_histories_are_judged_LDADD = \
	tests/lib/liblinear.la \
	tests/lib/libtest.la \
	common/base/libbase.la

tests_test_pool_concurrent_histories_are_linear_SOURCES = \
	tests/test-pool-concurrent-histories-are-linear.c
tests_test_pool_concurrent_histories_are_linear_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_histories_are_linear_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_concurrent_histories_are_linear_LDADD = \
	$(LDADD_LINEAR) \
	$(LDADD_CRASH_POOL)

tests_test_pool_concurrent_histories_of_real_threads_SOURCES = \
	tests/test-pool-concurrent-histories-of-real-threads.c
tests_test_pool_concurrent_histories_of_real_threads_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_histories_of_real_threads_LDADD = \
	$(LDADD_LINEAR) \
	$(LDADD_TEST_POOL)

# Both, and the model test, at length.
SOAK += tests/soak-pool-model.sh
EXTRA_DIST += \
	acceptance/model.sh \
	tests/soak-pool-model.sh
