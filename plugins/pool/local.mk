# SPDX-License-Identifier: BSD-3-Clause
#
# plugins/pool.  nbdkit-pool-under-test-plugin is the same with the
# test devices volatile(...) and faulty(...) in the opener; it is built for
# tests and never installed.

plugin_LTLIBRARIES += plugins/pool/nbdkit-pool-plugin.la

pool_plugin_sources = \
	plugins/pool/config.c \
	plugins/pool/exports.c \
	plugins/pool/face.h \
	plugins/pool/fill.c \
	plugins/pool/log.c \
	plugins/pool/open.c \
	plugins/pool/pool.c \
	plugins/pool/undo.c \
	plugins/pool/verbs.c

plugins_pool_nbdkit_pool_plugin_la_SOURCES = $(pool_plugin_sources)
plugins_pool_nbdkit_pool_plugin_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
plugins_pool_nbdkit_pool_plugin_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_pool_nbdkit_pool_plugin_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_pool_nbdkit_pool_plugin_la_LIBADD = $(CONTROL_STACK)

check_LTLIBRARIES += plugins/pool/nbdkit-pool-under-test-plugin.la

plugins_pool_nbdkit_pool_under_test_plugin_la_SOURCES = \
	$(pool_plugin_sources) \
	plugins/pool/under-test.c
plugins_pool_nbdkit_pool_under_test_plugin_la_CPPFLAGS = \
	$(AM_CPPFLAGS) $(JANSSON_CFLAGS) -DPOOL_UNDER_TEST
plugins_pool_nbdkit_pool_under_test_plugin_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_pool_nbdkit_pool_under_test_plugin_la_LDFLAGS = $(LDFLAGS_CHECK_PLUGIN)
plugins_pool_nbdkit_pool_under_test_plugin_la_LIBADD = \
	common/devices/libdevices-test.la $(CONTROL_STACK)

# Units and the user that they serve as, where a distribution looks for them
# if the prefix is /usr.
systemdunitdir = $(prefix)/lib/systemd/system
systemdunit_DATA = \
	contrib/systemd/nbdvol@.service \
	contrib/systemd/nbdvol@.socket
sysusersdir = $(prefix)/lib/sysusers.d
sysusers_DATA = contrib/systemd/nbdvol-sysusers.conf
