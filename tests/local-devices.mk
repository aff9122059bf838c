# SPDX-License-Identifier: BSD-3-Clause
#
# Tests of common/devices.

TESTS_DEVICES = \
	tests/test-devices-block-device \
	tests/test-devices-failed-allocations-lose-nothing \
	tests/test-devices-faulty-does-as-told \
	tests/test-devices-file-refuses-what-it-cannot \
	tests/test-devices-file-second-opener-is-refused \
	tests/test-devices-file-space-follows-requests \
	tests/test-devices-mem-is-sparse \
	tests/test-devices-recorder-knows-what-a-crash-leaves \
	tests/test-devices-slice-stays-in-its-window \
	tests/test-devices-volatile-forgets-unflushed
check_PROGRAMS += $(TESTS_DEVICES)
TESTS += $(TESTS_DEVICES)
SANITIZER_TESTS += $(TESTS_DEVICES)

tests_test_devices_block_device_SOURCES = \
	tests/test-devices-block-device.c
tests_test_devices_block_device_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_devices_block_device_LDADD = $(LDADD_TEST_VDEV)

tests_test_devices_failed_allocations_lose_nothing_SOURCES = \
	tests/test-devices-failed-allocations-lose-nothing.c
tests_test_devices_failed_allocations_lose_nothing_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_devices_failed_allocations_lose_nothing_LDADD = \
	tests/lib/libtest.la \
	common/devices/libdevices-test.la \
	common/devices/libdevices.la \
	common/vdev/libvdev.la \
	tests/lib/libbase-faulty.la

tests_test_devices_faulty_does_as_told_SOURCES = \
	tests/test-devices-faulty-does-as-told.c
tests_test_devices_faulty_does_as_told_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_devices_faulty_does_as_told_LDADD = $(LDADD_TEST_VDEV)

tests_test_devices_file_refuses_what_it_cannot_SOURCES = \
	tests/test-devices-file-refuses-what-it-cannot.c
tests_test_devices_file_refuses_what_it_cannot_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_devices_file_refuses_what_it_cannot_LDADD = $(LDADD_TEST_VDEV)

tests_test_devices_file_second_opener_is_refused_SOURCES = \
	tests/test-devices-file-second-opener-is-refused.c
tests_test_devices_file_second_opener_is_refused_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_devices_file_second_opener_is_refused_LDADD = $(LDADD_TEST_VDEV)

tests_test_devices_file_space_follows_requests_SOURCES = \
	tests/test-devices-file-space-follows-requests.c
tests_test_devices_file_space_follows_requests_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_devices_file_space_follows_requests_LDADD = $(LDADD_TEST_VDEV)

tests_test_devices_mem_is_sparse_SOURCES = \
	tests/test-devices-mem-is-sparse.c
tests_test_devices_mem_is_sparse_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_devices_mem_is_sparse_LDADD = $(LDADD_TEST_VDEV)

tests_test_devices_recorder_knows_what_a_crash_leaves_SOURCES = \
	tests/test-devices-recorder-knows-what-a-crash-leaves.c
tests_test_devices_recorder_knows_what_a_crash_leaves_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_devices_recorder_knows_what_a_crash_leaves_LDADD = $(LDADD_TEST_VDEV)

tests_test_devices_slice_stays_in_its_window_SOURCES = \
	tests/test-devices-slice-stays-in-its-window.c
tests_test_devices_slice_stays_in_its_window_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_devices_slice_stays_in_its_window_LDADD = $(LDADD_TEST_VDEV)

tests_test_devices_volatile_forgets_unflushed_SOURCES = \
	tests/test-devices-volatile-forgets-unflushed.c
tests_test_devices_volatile_forgets_unflushed_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_devices_volatile_forgets_unflushed_LDADD = $(LDADD_TEST_VDEV)
