# SPDX-License-Identifier: BSD-3-Clause
#
# Tests of common/base.

LDADD_TEST_BASE = \
	tests/lib/libtest.la \
	common/base/libbase.la

TESTS_BASE = \
	tests/test-base-crc32c \
	tests/test-base-errors \
	tests/test-base-memory \
	tests/test-base-range-lock \
	tests/test-base-text \
	tests/test-base-threads
check_PROGRAMS += $(TESTS_BASE)
TESTS += $(TESTS_BASE)
SANITIZER_TESTS += $(TESTS_BASE)

tests_test_base_crc32c_SOURCES = \
	tests/test-base-crc32c.c
tests_test_base_crc32c_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_base_crc32c_LDADD = $(LDADD_TEST_BASE)

tests_test_base_errors_SOURCES = \
	tests/test-base-errors.c
tests_test_base_errors_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_base_errors_LDADD = $(LDADD_TEST_BASE)

tests_test_base_memory_SOURCES = \
	tests/test-base-memory.c
tests_test_base_memory_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_base_memory_LDADD = $(LDADD_TEST_BASE)

tests_test_base_range_lock_SOURCES = \
	tests/test-base-range-lock.c
tests_test_base_range_lock_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_base_range_lock_LDADD = $(LDADD_TEST_BASE)

tests_test_base_text_SOURCES = \
	tests/test-base-text.c
tests_test_base_text_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_base_text_LDADD = $(LDADD_TEST_BASE)

tests_test_base_threads_SOURCES = \
	tests/test-base-threads.c
tests_test_base_threads_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_base_threads_LDADD = $(LDADD_TEST_BASE)
