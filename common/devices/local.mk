# SPDX-License-Identifier: BSD-3-Clause
#
# common/devices.  libdevices-test.la holds the devices that tests stand on;
# only test programs and pool-under-test link it.

noinst_LTLIBRARIES += common/devices/libdevices.la

common_devices_libdevices_la_SOURCES = \
	common/devices/devices.h \
	common/devices/file.c \
	common/devices/file-internal.h \
	common/devices/file-io.c \
	common/devices/file-space.c \
	common/devices/mem.c \
	common/devices/register.c \
	common/devices/slice.c

noinst_LTLIBRARIES += common/devices/libdevices-test.la

common_devices_libdevices_test_la_SOURCES = \
	common/devices/devices-test.h \
	common/devices/faulty.c \
	common/devices/recorder.c \
	common/devices/recorder-rebuild.c \
	common/devices/register-test.c \
	common/devices/volatile.c \
	common/devices/volatile-hold.c \
	common/devices/volatile-internal.h
