# SPDX-License-Identifier: BSD-3-Clause
#
# The pool plugin over the wire, and the programs its tests use.

if HAVE_LIBNBD
check_PROGRAMS += \
	tests/tools/nbd-do \
	tests/tools/power-cut \
	tests/tools/random-writes \
	tests/tools/stamps \
	tests/tools/wire-model
endif

tool_sources = tests/tools/tool.c tests/tools/tool.h
tool_libs = $(LIBNBD_LIBS) common/base/libbase.la
tool_cflags = $(AM_CFLAGS) $(LIBNBD_CFLAGS)

tests_tools_nbd_do_SOURCES = tests/tools/nbd-do.c
tests_tools_nbd_do_CFLAGS = $(tool_cflags)
tests_tools_nbd_do_LDADD = $(tool_libs)

tests_tools_power_cut_SOURCES = \
	tests/tools/power-cut.c \
	tests/tools/history.c \
	tests/tools/history.h \
	$(tool_sources)
tests_tools_power_cut_CFLAGS = $(tool_cflags)
tests_tools_power_cut_LDADD = $(tool_libs)

tests_tools_random_writes_SOURCES = \
	tests/tools/random-writes.c \
	$(tool_sources)
tests_tools_random_writes_CFLAGS = $(tool_cflags)
tests_tools_random_writes_LDADD = $(tool_libs)

tests_tools_stamps_SOURCES = \
	tests/tools/stamps.c \
	tests/tools/history.c \
	tests/tools/history.h \
	$(tool_sources)
tests_tools_stamps_CFLAGS = $(tool_cflags)
tests_tools_stamps_LDADD = $(tool_libs)

tests_tools_wire_model_SOURCES = tests/tools/wire-model.c
tests_tools_wire_model_CPPFLAGS = $(CPPFLAGS_TEST)
tests_tools_wire_model_CFLAGS = $(tool_cflags)
tests_tools_wire_model_LDADD = tests/lib/libtest.la $(tool_libs)

EXTRA_DIST += \
	tests/lib/filesystem.sh \
	tests/lib/plugin.sh \
	tests/tools/fs-writer.py
