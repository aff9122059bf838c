# SPDX-License-Identifier: BSD-3-Clause
#
# bench: what a pool costs by its size, and the device under those figures.

CPPFLAGS_BENCH = $(CPPFLAGS_TEST) -I$(top_srcdir)/bench

check_LTLIBRARIES += tests/lib/libconstdev.la
tests_lib_libconstdev_la_CPPFLAGS = $(CPPFLAGS_TEST)
tests_lib_libconstdev_la_SOURCES = \
	tests/lib/constdev.c \
	tests/lib/constdev.h

check_PROGRAMS += bench/pool-cost
bench_pool_cost_CPPFLAGS = $(CPPFLAGS_BENCH)
bench_pool_cost_SOURCES = \
	bench/cost.c \
	bench/cost.h \
	bench/cost-amplify.c \
	bench/cost-memory.c \
	bench/pool-cost.c
bench_pool_cost_LDADD = \
	tests/lib/libconstdev.la \
	$(POOL_STACK) \
	$(JANSSON_LIBS) \
	-lm

# A pool whose backing counts, for the tests below.
check_LTLIBRARIES += tests/lib/libcounted-pool.la
tests_lib_libcounted_pool_la_CPPFLAGS = $(CPPFLAGS_TEST)
tests_lib_libcounted_pool_la_SOURCES = \
	tests/lib/counted-pool.c \
	tests/lib/counted-pool.h

TESTS_BENCH = \
	tests/test-devices-constdev-regenerates \
	tests/test-pool-costs-nothing-when-nothing-changed \
	tests/test-pool-costs-of-a-flush-are-bounded \
	tests/test-pool-node-memory-is-used-again \
	tests/test-pool-costs-of-reads-are-bounded \
	tests/test-pool-costs-of-a-snapshot-are-constant
check_PROGRAMS += $(TESTS_BENCH)
TESTS += $(TESTS_BENCH)
SANITIZER_TESTS += $(TESTS_BENCH)

LDADD_COUNTED = \
	tests/lib/libcounted-pool.la \
	$(LDADD_TEST_POOL)

tests_test_devices_constdev_regenerates_SOURCES = \
	tests/test-devices-constdev-regenerates.c
tests_test_devices_constdev_regenerates_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_devices_constdev_regenerates_LDADD = \
	tests/lib/libconstdev.la \
	$(LDADD_TEST_VDEV)

tests_test_pool_costs_nothing_when_nothing_changed_SOURCES = \
	tests/test-pool-costs-nothing-when-nothing-changed.c
tests_test_pool_costs_nothing_when_nothing_changed_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_costs_nothing_when_nothing_changed_LDADD = $(LDADD_COUNTED)

tests_test_pool_costs_of_a_flush_are_bounded_SOURCES = \
	tests/test-pool-costs-of-a-flush-are-bounded.c
tests_test_pool_costs_of_a_flush_are_bounded_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_costs_of_a_flush_are_bounded_LDADD = $(LDADD_COUNTED)

# With counted allocations, hence without libbase.la.
tests_test_pool_node_memory_is_used_again_SOURCES = \
	tests/test-pool-node-memory-is-used-again.c
tests_test_pool_node_memory_is_used_again_CPPFLAGS = \
	$(CPPFLAGS_TEST)
tests_test_pool_node_memory_is_used_again_LDADD = \
	tests/lib/libcounted-pool.la \
	tests/lib/libtest.la \
	common/pool/libpool.la \
	$(LDADD_CRASH_DEVICES) \
	tests/lib/libbase-faulty.la \
	$(JANSSON_LIBS)

tests_test_pool_costs_of_reads_are_bounded_SOURCES = \
	tests/test-pool-costs-of-reads-are-bounded.c
tests_test_pool_costs_of_reads_are_bounded_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_costs_of_reads_are_bounded_LDADD = $(LDADD_COUNTED)

tests_test_pool_costs_of_a_snapshot_are_constant_SOURCES = \
	tests/test-pool-costs-of-a-snapshot-are-constant.c
tests_test_pool_costs_of_a_snapshot_are_constant_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_costs_of_a_snapshot_are_constant_LDADD = $(LDADD_COUNTED)

BENCH += \
	bench/amplify.sh \
	bench/compare.sh \
	bench/open-after-kill.sh \
	bench/pool-cost.sh
EXTRA_DIST += \
	acceptance/amplification.sh \
	acceptance/bench-ratios.sh \
	acceptance/cost-pool-size.sh \
	acceptance/memory.sh \
	acceptance/open-time.sh \
	acceptance/snapshot-latency.sh \
	bench/.gitignore \
	bench/amplify.sh \
	bench/compare.sh \
	bench/lib.sh \
	bench/open-after-kill.sh \
	bench/pool-cost.sh \
	bench/publish.sh \
	bench/report.pl \
	bench/run \
	bench/servers.pl
