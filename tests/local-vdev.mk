# SPDX-License-Identifier: BSD-3-Clause
#
# Tests of common/vdev.

# The conformance suite, also for the tests of other rooms, and the device
# that remembers its calls.
check_LTLIBRARIES += tests/lib/libconformance.la
tests_lib_libconformance_la_SOURCES = \
	tests/lib/spy.c \
	tests/lib/spy.h \
	tests/lib/vdev-conformance.c \
	tests/lib/vdev-conformance.h \
	tests/lib/vdev-conformance-model.c
tests_lib_libconformance_la_CPPFLAGS = $(CPPFLAGS_TEST)

LDADD_TEST_VDEV = \
	tests/lib/libconformance.la \
	tests/lib/libtest.la \
	common/devices/libdevices-test.la \
	$(DEVICES_STACK)

TESTS_VDEV = \
	tests/test-vdev-conformance \
	tests/test-vdev-decorators-forward-every-operation \
	tests/test-vdev-extents-cover-exactly \
	tests/test-vdev-failed-flush-is-sticky \
	tests/test-vdev-merge-keeps-overlapping-writes \
	tests/test-vdev-missing-capabilities-are-emulated \
	tests/test-vdev-opener-round-trips \
	tests/test-vdev-requests-are-split-and-merged
check_PROGRAMS += $(TESTS_VDEV)
TESTS += $(TESTS_VDEV)
SANITIZER_TESTS += $(TESTS_VDEV)

tests_test_vdev_conformance_SOURCES = \
	tests/test-vdev-conformance.c
tests_test_vdev_conformance_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_vdev_conformance_LDADD = $(LDADD_TEST_VDEV)

tests_test_vdev_decorators_forward_every_operation_SOURCES = \
	tests/test-vdev-decorators-forward-every-operation.c
tests_test_vdev_decorators_forward_every_operation_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_vdev_decorators_forward_every_operation_LDADD = $(LDADD_TEST_VDEV)

tests_test_vdev_extents_cover_exactly_SOURCES = \
	tests/test-vdev-extents-cover-exactly.c
tests_test_vdev_extents_cover_exactly_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_vdev_extents_cover_exactly_LDADD = $(LDADD_TEST_VDEV)

tests_test_vdev_failed_flush_is_sticky_SOURCES = \
	tests/test-vdev-failed-flush-is-sticky.c
tests_test_vdev_failed_flush_is_sticky_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_vdev_failed_flush_is_sticky_LDADD = $(LDADD_TEST_VDEV)

tests_test_vdev_merge_keeps_overlapping_writes_SOURCES = \
	tests/test-vdev-merge-keeps-overlapping-writes.c
tests_test_vdev_merge_keeps_overlapping_writes_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_vdev_merge_keeps_overlapping_writes_LDADD = $(LDADD_TEST_VDEV)

tests_test_vdev_missing_capabilities_are_emulated_SOURCES = \
	tests/test-vdev-missing-capabilities-are-emulated.c
tests_test_vdev_missing_capabilities_are_emulated_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_vdev_missing_capabilities_are_emulated_LDADD = $(LDADD_TEST_VDEV)

tests_test_vdev_opener_round_trips_SOURCES = \
	tests/test-vdev-opener-round-trips.c
tests_test_vdev_opener_round_trips_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_vdev_opener_round_trips_LDADD = $(LDADD_TEST_VDEV)

tests_test_vdev_requests_are_split_and_merged_SOURCES = \
	tests/test-vdev-requests-are-split-and-merged.c
tests_test_vdev_requests_are_split_and_merged_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_vdev_requests_are_split_and_merged_LDADD = $(LDADD_TEST_VDEV)
