# SPDX-License-Identifier: BSD-3-Clause

noinst_LTLIBRARIES += common/control/libcontrol.la

common_control_libcontrol_la_SOURCES = \
	common/control/channel.c \
	common/control/client.c \
	common/control/control.h \
	common/control/control-internal.h \
	common/control/names.c \
	common/control/path.c \
	common/control/server.c \
	common/control/session.c
common_control_libcontrol_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
