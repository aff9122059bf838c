# SPDX-License-Identifier: BSD-3-Clause
#
# common/pool: the engine of the volume manager.

noinst_LTLIBRARIES += common/pool/libpool.la

common_pool_libpool_la_SOURCES = \
	common/pool/pool.h \
	common/pool/pool-internal.h \
	common/pool/format.h \
	common/pool/format.c \
	common/pool/backing.c \
	common/pool/check.h \
	common/pool/check-internal.h \
	common/pool/check.c \
	common/pool/check-map.c \
	common/pool/check-reach.c \
	common/pool/check-read.c \
	common/pool/check-record.c \
	common/pool/check-tree.c \
	common/pool/commit.c \
	common/pool/diff.c \
	common/pool/events.h \
	common/pool/events.c \
	common/pool/fill.h \
	common/pool/fill.c \
	common/pool/import.c \
	common/pool/info.c \
	common/pool/io-internal.h \
	common/pool/io.c \
	common/pool/journal.h \
	common/pool/journal.c \
	common/pool/journal-block.c \
	common/pool/make.c \
	common/pool/manage-internal.h \
	common/pool/manage.c \
	common/pool/node.c \
	common/pool/places.c \
	common/pool/pool.c \
	common/pool/publish.c \
	common/pool/reap.c \
	common/pool/refs.c \
	common/pool/remove.c \
	common/pool/rename.c \
	common/pool/repair.h \
	common/pool/repair.c \
	common/pool/repair-fix.c \
	common/pool/repair-load.c \
	common/pool/repair-map.c \
	common/pool/repair-walk.c \
	common/pool/replay.c \
	common/pool/resize.c \
	common/pool/scrub.h \
	common/pool/scrub-internal.h \
	common/pool/scrub.c \
	common/pool/scrub-fixed.c \
	common/pool/scrub-map.c \
	common/pool/scrub-tree.c \
	common/pool/space.c \
	common/pool/stats.h \
	common/pool/stats.c \
	common/pool/super.c \
	common/pool/systree.c \
	common/pool/systree.h \
	common/pool/table.c \
	common/pool/transfer.c \
	common/pool/tree.c \
	common/pool/unmap.c \
	common/pool/verbs-facts.c \
	common/pool/verbs-internal.h \
	common/pool/verbs-repair.c \
	common/pool/verbs.c \
	common/pool/walk.c \
	common/pool/write-long.c \
	common/pool/write.c
common_pool_libpool_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
common_pool_libpool_la_LIBADD = $(JANSSON_LIBS)
