# SPDX-License-Identifier: BSD-3-Clause
#
# Tests of the pool's format: hand-built pools, the check, the independent
# reader, and the fuzzer's targets driven by a seed.

# Pools built by hand, and the check run over them.
check_LTLIBRARIES += tests/lib/libpool-image.la
tests_lib_libpool_image_la_CPPFLAGS = $(CPPFLAGS_TEST)
tests_lib_libpool_image_la_SOURCES = \
	tests/lib/pool-bend.c \
	tests/lib/pool-bend.h \
	tests/lib/pool-fix.c \
	tests/lib/pool-image.c \
	tests/lib/pool-image.h \
	tests/lib/pool-image-internal.h \
	tests/lib/pool-layout.c \
	tests/lib/pool-samples.c \
	tests/lib/pool-samples.h \
	tests/lib/pool-verdict.c \
	tests/lib/pool-verdict.h \
	tests/lib/repair-judge.c \
	tests/lib/repair-judge.h

LDADD_POOL_FORMAT = \
	tests/lib/libpool-image.la \
	tests/lib/libtest.la \
	$(POOL_STACK)

TESTS_POOL_FORMAT = \
	tests/test-pool-check-accepts-valid-pools \
	tests/test-pool-check-finds-bent-maps \
	tests/test-pool-check-finds-bent-records \
	tests/test-pool-check-finds-bent-space \
	tests/test-pool-check-finds-bent-superblock \
	tests/test-pool-check-names-damaged-blocks \
	tests/test-pool-check-survives-mutations \
	tests/test-pool-check-tells-loss-from-leak \
	tests/test-pool-crash-upgrade-is-atomic \
	tests/test-pool-format-figures \
	tests/test-pool-format-survives-known-inputs \
	tests/test-pool-format-survives-mutations

check_PROGRAMS += $(TESTS_POOL_FORMAT)
TESTS += $(TESTS_POOL_FORMAT)
SANITIZER_TESTS += $(TESTS_POOL_FORMAT)

tests_test_pool_check_accepts_valid_pools_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_check_accepts_valid_pools_LDADD = $(LDADD_POOL_FORMAT)

tests_test_pool_check_finds_bent_maps_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_check_finds_bent_maps_LDADD = $(LDADD_POOL_FORMAT)

tests_test_pool_check_finds_bent_records_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_check_finds_bent_records_LDADD = $(LDADD_POOL_FORMAT)

tests_test_pool_check_finds_bent_space_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_check_finds_bent_space_LDADD = $(LDADD_POOL_FORMAT)

tests_test_pool_check_finds_bent_superblock_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_check_finds_bent_superblock_LDADD = $(LDADD_POOL_FORMAT)

tests_test_pool_check_names_damaged_blocks_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_check_names_damaged_blocks_LDADD = $(LDADD_POOL_FORMAT)

tests_test_pool_check_tells_loss_from_leak_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_check_tells_loss_from_leak_LDADD = $(LDADD_POOL_FORMAT)

tests_test_pool_crash_upgrade_is_atomic_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_crash_upgrade_is_atomic_LDADD = \
	common/devices/libdevices-test.la \
	$(LDADD_POOL_FORMAT)

# The fuzzer's targets, driven by a seed.
CPPFLAGS_FUZZ = $(CPPFLAGS_TEST) -I$(top_srcdir)/fuzzing

tests_test_pool_check_survives_mutations_SOURCES = \
	fuzzing/fuzz-check.c \
	fuzzing/fuzz-image.c \
	fuzzing/fuzz-image.h \
	tests/lib/fuzz-random.h \
	tests/test-pool-check-survives-mutations.c
tests_test_pool_check_survives_mutations_CPPFLAGS = $(CPPFLAGS_FUZZ)
tests_test_pool_check_survives_mutations_LDADD = $(LDADD_POOL_FORMAT)

tests_test_pool_format_survives_known_inputs_SOURCES = \
	fuzzing/fuzz-check.c \
	fuzzing/fuzz-image.c \
	fuzzing/fuzz-image.h \
	fuzzing/fuzz-open.c \
	tests/test-pool-format-survives-known-inputs.c
tests_test_pool_format_survives_known_inputs_CPPFLAGS = $(CPPFLAGS_FUZZ)
tests_test_pool_format_survives_known_inputs_LDADD = $(LDADD_POOL_FORMAT)

tests_test_pool_format_survives_mutations_SOURCES = \
	fuzzing/fuzz-image.c \
	fuzzing/fuzz-image.h \
	fuzzing/fuzz-open.c \
	tests/lib/fuzz-random.h \
	tests/test-pool-format-survives-mutations.c
tests_test_pool_format_survives_mutations_CPPFLAGS = $(CPPFLAGS_FUZZ)
tests_test_pool_format_survives_mutations_LDADD = $(LDADD_POOL_FORMAT)

tests_test_pool_format_figures_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_format_figures_LDADD = $(LDADD_POOL_FORMAT)

# The independent reader.
check_PROGRAMS += tests/pool-samples
tests_pool_samples_CPPFLAGS = $(CPPFLAGS_TEST)
tests_pool_samples_LDADD = $(LDADD_POOL_FORMAT)

TESTS += \
	tests/test-pool-format-reader-agrees.sh
EXTRA_DIST += \
	acceptance/format-reader.sh \
	acceptance/fuzz.sh \
	docs/pool-format.md \
	tests/tools/pool-dump.py

# Pools with a history.
check_PROGRAMS += tests/pool-history
tests_pool_history_LDADD = $(POOL_STACK)
TESTS += tests/test-pool-format-reader-equals-export.sh

# Pools that releases left behind.
TESTS += tests/test-pool-format-fixtures-open.sh
EXTRA_DIST += \
	tests/fixtures/make \
	tests/fixtures/v0.1-big-blocks.list \
	tests/fixtures/v0.1-big-blocks.pool.gz \
	tests/fixtures/v0.1-closed.list \
	tests/fixtures/v0.1-closed.pool.gz \
	tests/fixtures/v0.1-crashed.list \
	tests/fixtures/v0.1-crashed.pool.gz

# Repair: hand-built pools, damaged.
TESTS_POOL_REPAIR = \
	tests/test-pool-repair-goes-back \
	tests/test-pool-repair-of-bent-pools \
	tests/test-pool-repair-of-counts-of-nothing \
	tests/test-pool-repair-of-every-node \
	tests/test-pool-repair-stopped-anywhere

check_PROGRAMS += $(TESTS_POOL_REPAIR)
TESTS += $(TESTS_POOL_REPAIR)
SANITIZER_TESTS += $(TESTS_POOL_REPAIR)
TSAN_SKIPS += $(TESTS_POOL_REPAIR)

tests_test_pool_repair_of_counts_of_nothing_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_repair_of_counts_of_nothing_LDADD = \
	common/devices/libdevices-test.la \
	$(LDADD_POOL_FORMAT)
tests_test_pool_repair_of_bent_pools_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_repair_of_bent_pools_LDADD = $(LDADD_POOL_FORMAT)

tests_test_pool_repair_of_every_node_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_repair_of_every_node_LDADD = $(LDADD_POOL_FORMAT)

tests_test_pool_repair_goes_back_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_repair_goes_back_LDADD = common/devices/libdevices-test.la $(LDADD_POOL_FORMAT)

tests_test_pool_repair_stopped_anywhere_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_repair_stopped_anywhere_LDADD = common/devices/libdevices-test.la $(LDADD_POOL_FORMAT)
