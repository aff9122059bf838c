# SPDX-License-Identifier: BSD-3-Clause
#
# common/base.  libbase.la is what production code links.  libbase-core.la is
# the same without thread.c and alloc.c, for test programs that bring their
# own (tests/lib/thread-sim.c, tests/lib/alloc-faulty.c); such a program links
# its rooms, its replacement for each of the two (or the original, by
# libbase-thread.la or libbase-alloc.la) and libbase-core.la last.

noinst_LTLIBRARIES += \
	common/base/libbase-core.la \
	common/base/libbase-thread.la \
	common/base/libbase-alloc.la \
	common/base/libbase.la

common_base_libbase_core_la_SOURCES = \
	common/base/base.h \
	common/base/base-internal.h \
	common/base/cleanup.c \
	common/base/crc.c \
	common/base/crc-table.c \
	common/base/error.c \
	common/base/random.c \
	common/base/range-lock.c \
	common/base/text.c \
	common/base/vector.c
common_base_libbase_core_la_LIBADD = $(ISAL_LIBS)

common_base_libbase_thread_la_SOURCES = common/base/thread.c
common_base_libbase_alloc_la_SOURCES = common/base/alloc.c

common_base_libbase_la_SOURCES =
common_base_libbase_la_LIBADD = \
	common/base/libbase-core.la \
	common/base/libbase-thread.la \
	common/base/libbase-alloc.la
