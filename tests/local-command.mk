# SPDX-License-Identifier: BSD-3-Clause
#
# Tests of the command and of the verbs behind it.

TESTS += \
	tests/test-command-check-tells-leaks-from-damage.sh \
	tests/test-command-closed-descriptors-harm-nothing.sh \
	tests/test-command-completion.sh \
	tests/test-command-create-keeps-the-exact-size.sh \
	tests/test-command-exit-codes.sh \
	tests/test-command-export-is-on-disk.sh \
	tests/test-command-export-replaces-nothing-unasked.sh \
	tests/test-command-export-spares-what-is-in-use.sh \
	tests/test-command-failed-import-gives-its-space-back.sh \
	tests/test-command-finds-servers-that-only-read.sh \
	tests/test-command-follows-events.sh \
	tests/test-command-force-ends-connections.sh \
	tests/test-command-grows-the-pool.sh \
	tests/test-command-help-takes-the-common-options.sh \
	tests/test-command-init-force-overwrites-what-is-no-pool.sh \
	tests/test-command-init-is-on-disk.sh \
	tests/test-command-init-makes-large-blocks.sh \
	tests/test-command-init-never-removes-a-pool.sh \
	tests/test-command-init-that-fails-changes-nothing.sh \
	tests/test-command-init-waits-for-a-pool-in-the-making.sh \
	tests/test-command-interrupted-leaves-nothing.sh \
	tests/test-command-keeps-holes-and-bytes.sh \
	tests/test-command-man-page-examples.sh \
	tests/test-command-many-at-once.sh \
	tests/test-command-names-damaged-nodes.sh \
	tests/test-command-names-what-is-damaged.sh \
	tests/test-command-opens-files-as-its-caller.sh \
	tests/test-command-origin-outlives-its-name.sh \
	tests/test-command-poisoned-pool-is-code-7.sh \
	tests/test-command-refuses-wrong-usage.sh \
	tests/test-command-scrub-beside-clients.sh \
	tests/test-command-repairs-what-it-can.sh \
	tests/test-command-shows-progress.sh \
	tests/test-command-survives-odd-servers.sh \
	tests/test-command-tables.sh \
	tests/test-command-takes-any-path.sh \
	tests/test-command-thirty-line-script.sh \
	tests/test-command-v-says-what-is-done.sh \
	tests/test-command-vdev-text-examples.sh \
	tests/test-command-waits-for-owner.sh \
	tests/test-command-works-on-block-devices.sh \
	tests/test-command-does-the-same-both-ways.sh

EXTRA_DIST += \
	acceptance/script30.sh \
	acceptance/verbs-both-ways.sh \
	tests/lib/thirty-lines.sh

check_PROGRAMS += tests/test-pool-verbs-refuse-malformed-requests
TESTS += tests/test-pool-verbs-refuse-malformed-requests
SANITIZER_TESTS += tests/test-pool-verbs-refuse-malformed-requests
tests_test_pool_verbs_refuse_malformed_requests_SOURCES = \
	tests/test-pool-verbs-refuse-malformed-requests.c
tests_test_pool_verbs_refuse_malformed_requests_CPPFLAGS = \
	$(CPPFLAGS_TEST) $(JANSSON_CFLAGS)
tests_test_pool_verbs_refuse_malformed_requests_LDADD = \
	tests/lib/libtest.la $(POOL_STACK) $(JANSSON_LIBS)
