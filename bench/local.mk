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
	bench/cost-memory.c \
	bench/pool-cost.c
bench_pool_cost_LDADD = \
	tests/lib/libconstdev.la \
	$(POOL_STACK) \
	$(JANSSON_LIBS) \
	-lm

TESTS_BENCH = \
	tests/test-devices-constdev-regenerates
check_PROGRAMS += $(TESTS_BENCH)
TESTS += $(TESTS_BENCH)
SANITIZER_TESTS += $(TESTS_BENCH)

tests_test_devices_constdev_regenerates_SOURCES = \
	tests/test-devices-constdev-regenerates.c
tests_test_devices_constdev_regenerates_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_devices_constdev_regenerates_LDADD = \
	tests/lib/libconstdev.la \
	$(LDADD_TEST_VDEV)
