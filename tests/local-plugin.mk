# SPDX-License-Identifier: BSD-3-Clause
#
# The pool plugin over the wire, and the programs its tests use.

if HAVE_LIBNBD
check_PROGRAMS += \
	tests/tools/beside \
	tests/tools/nbd-do \
	tests/tools/power-cut \
	tests/tools/random-writes \
	tests/tools/stamps \
	tests/tools/wire-model
endif

tool_sources = tests/tools/tool.c tests/tools/tool.h
tool_libs = $(LIBNBD_LIBS) common/base/libbase.la
tool_cflags = $(AM_CFLAGS) $(LIBNBD_CFLAGS)

tests_tools_beside_SOURCES = tests/tools/beside.c $(tool_sources)
tests_tools_beside_CFLAGS = $(tool_cflags)
tests_tools_beside_LDADD = $(tool_libs)

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
	acceptance/distcheck.sh \
	acceptance/failures.sh \
	acceptance/filesystem-ext4.sh \
	acceptance/filesystem-xfs.sh \
	acceptance/fio-verify.sh \
	acceptance/full-pool.sh \
	acceptance/kill9.sh \
	acceptance/nbdcopy.sh \
	acceptance/nbdinfo.sh \
	acceptance/stamps.sh \
	tests/lib/filesystem.sh \
	tests/lib/plugin.sh \
	tests/lib/setup.sh \
	tests/tools/bend-superblock.py \
	tests/tools/fs-writer.py

TESTS_PLUGIN = \
	tests/test-plugin-4g-requests-do-not-stop-others.sh \
	tests/test-plugin-4g-requests-let-the-server-end.sh \
	tests/test-plugin-4g-requests-use-little-memory.sh \
	tests/test-plugin-64m-request-is-done-whole.sh \
	tests/test-plugin-backing-error-is-logged-once.sh \
	tests/test-plugin-bad-superblock-opens-from-its-twin.sh \
	tests/test-plugin-block-size-is-the-pools-and-is-told.sh \
	tests/test-plugin-connections-leave-nothing.sh \
	tests/test-plugin-control-default-place-is-private.sh \
	tests/test-plugin-control-takes-path-or-off.sh \
	tests/test-plugin-create-makes-what-is-missing.sh \
	tests/test-plugin-dash-r-makes-exports-read-only.sh \
	tests/test-plugin-debug-flag-shows-requests.sh \
	tests/test-plugin-discard-never-keeps-the-space.sh \
	tests/test-plugin-dump-shows-every-callback.sh \
	tests/test-plugin-empty-pool-refuses-the-empty-name.sh \
	tests/test-plugin-errors-map-to-known-codes.sh \
	tests/test-plugin-events-are-logged-once.sh \
	tests/test-plugin-export-names-choose-the-volume.sh \
	tests/test-plugin-exports-only-init-and-debug.sh \
	tests/test-plugin-failed-create-leaves-no-file.sh \
	tests/test-plugin-failed-start-changes-nothing.sh \
	tests/test-plugin-failed-start-spares-others-files.sh \
	tests/test-plugin-fast-zero-is-fast.sh \
	tests/test-plugin-fill-command-is-run.sh \
	tests/test-plugin-fill-command-never-holds-up.sh \
	tests/test-plugin-fio-verifies-under-snapshots.sh \
	tests/test-plugin-flush-failure-poisons.sh \
	tests/test-plugin-full-pool-empties-and-refills.sh \
	tests/test-plugin-full-pool-says-enospc.sh \
	tests/test-plugin-help-and-manual-name-every-key.sh \
	tests/test-plugin-idle-shutdown-is-quick.sh \
	tests/test-plugin-kernel-client-reads-and-writes.sh \
	tests/test-plugin-last-100-events-are-kept.sh \
	tests/test-plugin-list-shows-volumes-and-snapshots.sh \
	tests/test-plugin-loses-no-descriptor.sh \
	tests/test-plugin-man-page-examples.sh \
	tests/test-plugin-map-equals-the-truth.sh \
	tests/test-plugin-messages-to-clients-name-no-path.sh \
	tests/test-plugin-metadata-cache-bounds-memory.sh \
	tests/test-plugin-names-tcp-clients.sh \
	tests/test-plugin-nbdcopy-round-trip-keeps-holes.sh \
	tests/test-plugin-nbdinfo-shows-every-capability.sh \
	tests/test-plugin-odd-export-names-are-refused.sh \
	tests/test-plugin-opened-tells-what-was-recovered.sh \
	tests/test-plugin-owner-is-the-serving-process.sh \
	tests/test-plugin-parallel-requests-overlap.sh \
	tests/test-plugin-pool-size-sets-the-capacity.sh \
	tests/test-plugin-power-cut-finds-a-lying-flush.sh \
	tests/test-plugin-power-cut-leaves-one-moment.sh \
	tests/test-plugin-qemu-img-round-trip-keeps-holes.sh \
	tests/test-plugin-readonly-shares-the-pool.sh \
	tests/test-plugin-refused-request-changes-nothing.sh \
	tests/test-plugin-refuses-key-given-twice.sh \
	tests/test-plugin-refuses-keys-that-exclude-each-other.sh \
	tests/test-plugin-refuses-malformed-values.sh \
	tests/test-plugin-relative-path-works-daemonised.sh \
	tests/test-plugin-removal-spares-connected-clients.sh \
	tests/test-plugin-resize-shows-at-the-next-connection.sh \
	tests/test-plugin-runs-as-another-user.sh \
	tests/test-plugin-second-server-is-refused.sh \
	tests/test-plugin-serves-in-every-mode.sh \
	tests/test-plugin-serves-path-and-device-text.sh \
	tests/test-plugin-sigkill-loses-nothing-flushed.sh \
	tests/test-plugin-sigterm-waits-for-clients-safely.sh \
	tests/test-plugin-snapshot-does-not-stop-writers.sh \
	tests/test-plugin-snapshot-is-read-only.sh \
	tests/test-plugin-stamps-find-a-wrong-snapshot.sh \
	tests/test-plugin-start-errors-are-one-line.sh \
	tests/test-plugin-survives-block-status-of-4g.sh \
	tests/test-plugin-unaligned-requests-match-a-model.sh \
	tests/test-plugin-unknown-and-damaged-pools-are-refused.sh \
	tests/test-plugin-unknown-writer-feature-means-read-only.sh \
	tests/test-plugin-volume-follows-its-rename.sh \
	tests/test-plugin-volume-serves-only-that-name.sh \
	tests/test-plugin-works-below-filters.sh \
	tests/test-plugin-written-zeroes-become-holes.sh \
	tests/test-plugin-zero-of-200m-really-zeroes.sh
TESTS += $(TESTS_PLUGIN)

# README, ./setup and the units, as their users see them.
TESTS += \
	tests/test-house-readme-commands-work.sh \
	tests/test-house-setup-ends-by-ctrl-c.sh \
	tests/test-house-setup-has-defaults.sh \
	tests/test-house-setup-repeats.sh \
	tests/test-house-setup-takes-any-file-name.sh \
	tests/test-house-systemd-units-serve.sh

# Few, for a server under a sanitizer is slow; between them they call every
# callback.
SANITIZER_TESTS += \
	tests/test-plugin-dash-r-makes-exports-read-only.sh \
	tests/test-plugin-export-names-choose-the-volume.sh \
	tests/test-plugin-full-pool-says-enospc.sh \
	tests/test-plugin-idle-shutdown-is-quick.sh \
	tests/test-plugin-removal-spares-connected-clients.sh \
	tests/test-plugin-snapshot-does-not-stop-writers.sh \
	tests/test-plugin-survives-block-status-of-4g.sh \
	tests/test-plugin-unaligned-requests-match-a-model.sh

SOAK += \
	tests/soak-house-distcheck.sh \
	tests/soak-plugin-fio-verify.sh \
	tests/soak-plugin-full-pool.sh \
	tests/soak-plugin-kill9.sh
EXTRA_DIST += tests/soak-house-distcheck.sh \
	$(filter tests/soak-plugin-%,$(SOAK))
