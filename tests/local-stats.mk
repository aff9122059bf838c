# SPDX-License-Identifier: BSD-3-Clause
#
# What a pool tells of itself while it runs: how full it gets, and the
# counters and latencies of its volumes.

TESTS_POOL_STATS = \
	tests/test-pool-concurrent-counters-lose-nothing \
	tests/test-pool-concurrent-fill-is-in-order \
	tests/test-pool-counters-follow-requests \
	tests/test-pool-fill-is-said-once
check_PROGRAMS += $(TESTS_POOL_STATS)
TESTS += $(TESTS_POOL_STATS)
SANITIZER_TESTS += \
	tests/test-pool-concurrent-counters-lose-nothing \
	tests/test-pool-fill-is-said-once

tests_test_pool_concurrent_counters_lose_nothing_SOURCES = \
	tests/test-pool-concurrent-counters-lose-nothing.c
tests_test_pool_concurrent_counters_lose_nothing_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_counters_lose_nothing_LDADD = $(LDADD_TEST_POOL)

tests_test_pool_concurrent_fill_is_in_order_SOURCES = \
	tests/test-pool-concurrent-fill-is-in-order.c
tests_test_pool_concurrent_fill_is_in_order_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_fill_is_in_order_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_concurrent_fill_is_in_order_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_counters_follow_requests_SOURCES = \
	tests/test-pool-counters-follow-requests.c
tests_test_pool_counters_follow_requests_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_counters_follow_requests_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_counters_follow_requests_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_fill_is_said_once_SOURCES = \
	tests/test-pool-fill-is-said-once.c
tests_test_pool_fill_is_said_once_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_fill_is_said_once_LDADD = $(LDADD_TEST_POOL)
