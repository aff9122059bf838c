# SPDX-License-Identifier: BSD-3-Clause

noinst_LTLIBRARIES += common/vdev/libvdev.la

common_vdev_libvdev_la_SOURCES = \
	common/vdev/extents.c \
	common/vdev/io.c \
	common/vdev/opener.c \
	common/vdev/pass.c \
	common/vdev/vdev.c \
	common/vdev/vdev.h \
	common/vdev/vdev-internal.h
