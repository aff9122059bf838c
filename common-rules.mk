# SPDX-License-Identifier: BSD-3-Clause
#
# Flags and rules that every fragment may use.
#
# There is one Makefile.  It includes one fragment per room, and every path
# in a fragment is from the top.  A fragment adds to the lists that
# Makefile.am starts (noinst_LTLIBRARIES += common/ROOM/libROOM.la).  A
# room's library does not name the libraries of other rooms in its LIBADD:
# the program or plugin at the end names each once, upper rooms first
# ($(POOL_STACK) below), else a plugin would hold the same object twice.

NULL =

# Public headers are found by their bare name; syntax-check forbids the
# private ones of another room.  config.h is in the build tree.
AM_CPPFLAGS = \
	-I$(top_srcdir)/common/base \
	-I$(top_srcdir)/common/vdev \
	-I$(top_srcdir)/common/devices \
	-I$(top_srcdir)/common/pool \
	-I$(top_srcdir)/common/control \
	$(NULL)
AM_CFLAGS = -std=gnu11 -fvisibility=hidden -pthread $(WARN_CFLAGS)

# For programs under tests/: name these in PROGRAM_CPPFLAGS (automake then
# wants all of them, so the list starts with the ordinary ones).
CPPFLAGS_TEST = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/lib

# A plugin: no lib prefix, no version, nothing exported but what nbdkit
# looks up.  The nbdkit_* functions are found in the server at load time.
CFLAGS_PLUGIN = $(AM_CFLAGS) $(NBDKIT_CFLAGS)
LDFLAGS_PLUGIN = -module -avoid-version -shared \
	-Wl,--version-script=$(top_srcdir)/plugins/plugins.syms
# A plugin that is never installed (check_LTLIBRARIES): without an -rpath
# libtool would make an archive of it.
LDFLAGS_CHECK_PLUGIN = $(LDFLAGS_PLUGIN) -rpath /nowhere

# The rooms below the faces, for LIBADD and LDADD.
DEVICES_STACK = \
	common/devices/libdevices.la \
	common/vdev/libvdev.la \
	common/base/libbase.la
POOL_STACK = common/pool/libpool.la $(DEVICES_STACK)
CONTROL_STACK = common/control/libcontrol.la $(POOL_STACK) $(JANSSON_LIBS)

# Man pages: man_MANS += man/NAME.SECTION, EXTRA_DIST += man/NAME.pod.
POD2MAN_FLAGS = --center="nbdvol" --release="nbdvol-$(PACKAGE_VERSION)" \
	--utf8 --errors=die
AM_V_POD = $(am__v_POD_@AM_V@)
am__v_POD_ = $(am__v_POD_@AM_DEFAULT_V@)
am__v_POD_0 = @echo "  POD2MAN " $@;
am__v_POD_1 =
define pod_to_man
$(AM_V_POD)$(MKDIR_P) $(@D) && \
	$(POD2MAN) $(POD2MAN_FLAGS) --section=$(subst .,,$(suffix $@)) \
	    --name=$(basename $(@F)) $< $@.tmp && mv $@.tmp $@
endef
man/%.1: man/%.pod
	$(pod_to_man)
man/%.5: man/%.pod
	$(pod_to_man)
man/%.7: man/%.pod
	$(pod_to_man)
