# SPDX-License-Identifier: BSD-3-Clause
#
# The crash and model harness (tests/lib/crash-*, oracle, thread-sim) and the
# tests that stand on it.
#
# Three replacements for libbase.la: with simulated threads, with allocations
# that fail as told, and with both.  The programs name the rooms one by one,
# with one of these last.  The pool draws its random numbers from a seed
# (crash-random.c), hence --wrap; --undefined takes that file out of the archive
# before the rooms that call it are seen.

check_LTLIBRARIES += \
	tests/lib/libbase-faulty.la \
	tests/lib/libbase-sim.la \
	tests/lib/libbase-sim-faulty.la \
	tests/lib/libcrash.la

tests_lib_libbase_faulty_la_SOURCES = \
	tests/lib/alloc-faulty.c \
	tests/lib/alloc-faulty.h
tests_lib_libbase_faulty_la_LIBADD = \
	common/base/libbase-core.la \
	common/base/libbase-thread.la

tests_lib_libbase_sim_la_SOURCES = \
	tests/lib/sim.h \
	tests/lib/thread-sim.c
tests_lib_libbase_sim_la_LIBADD = \
	common/base/libbase-core.la \
	common/base/libbase-alloc.la

tests_lib_libbase_sim_faulty_la_SOURCES = \
	tests/lib/alloc-faulty.c \
	tests/lib/alloc-faulty.h \
	tests/lib/sim.h \
	tests/lib/thread-sim.c
tests_lib_libbase_sim_faulty_la_LIBADD = common/base/libbase-core.la

tests_lib_libcrash_la_CPPFLAGS = $(CPPFLAGS_TEST)
tests_lib_libcrash_la_SOURCES = \
	tests/lib/crash-do.c \
	tests/lib/crash-engine.h \
	tests/lib/crash-fault.c \
	tests/lib/crash-fault.h \
	tests/lib/crash-history.c \
	tests/lib/crash-history.h \
	tests/lib/crash-image.c \
	tests/lib/crash-image.h \
	tests/lib/crash-judge.c \
	tests/lib/crash-model.c \
	tests/lib/crash-model.h \
	tests/lib/crash-op.c \
	tests/lib/crash-random.c \
	tests/lib/crash-run.c \
	tests/lib/crash-run.h \
	tests/lib/crash-states.c \
	tests/lib/crash-states.h \
	tests/lib/crash-try.c \
	tests/lib/crash-try.h \
	tests/lib/crash-verbs.c \
	tests/lib/crash-world.c \
	tests/lib/crash-world.h \
	tests/lib/oracle.c \
	tests/lib/oracle.h

LDADD_CRASH_DEVICES = \
	common/devices/libdevices-test.la \
	common/devices/libdevices.la \
	common/vdev/libvdev.la
LDADD_CRASH = \
	tests/lib/libcrash.la \
	tests/lib/libtest.la \
	$(LDADD_CRASH_DEVICES) \
	tests/lib/libbase-sim.la
LDFLAGS_CRASH = -Wl,--wrap=getrandom -Wl,--undefined=__wrap_getrandom
# The pool under the harness, and the pool alone with simulated or real
# threads.
SOURCES_CRASH_POOL = tests/lib/pool-engine.c
LDADD_CRASH_POOL_ROOMS = \
	tests/lib/libcrash.la \
	tests/lib/libtest.la \
	common/pool/libpool.la \
	$(LDADD_CRASH_DEVICES)
LDADD_CRASH_POOL = \
	$(LDADD_CRASH_POOL_ROOMS) \
	tests/lib/libbase-sim.la \
	$(JANSSON_LIBS)
LDADD_CRASH_POOL_FAULTY = \
	$(LDADD_CRASH_POOL_ROOMS) \
	tests/lib/libbase-sim-faulty.la \
	$(JANSSON_LIBS)
LDADD_TEST_POOL = \
	tests/lib/libtest.la \
	common/pool/libpool.la \
	common/devices/libdevices-test.la \
	$(DEVICES_STACK) \
	$(JANSSON_LIBS)

# ---- the harness itself ----------------------------------------------------

TESTS_CRASH = \
	tests/test-crash-model-makes-failures-small \
	tests/test-crash-oracle-is-flat-bytes \
	tests/test-crash-sim-repeats-by-seed \
	tests/test-crash-states-follow-the-log \
	tests/test-crash-toy-bugs-are-found \
	tests/test-crash-toy-passes
check_PROGRAMS += $(TESTS_CRASH)
TESTS += $(TESTS_CRASH)

tests_test_crash_model_makes_failures_small_SOURCES = \
	tests/lib/toy-engine.c \
	tests/lib/toy-engine.h \
	tests/test-crash-model-makes-failures-small.c
tests_test_crash_model_makes_failures_small_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_crash_model_makes_failures_small_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_crash_model_makes_failures_small_LDADD = $(LDADD_CRASH)

tests_test_crash_oracle_is_flat_bytes_SOURCES = \
	tests/test-crash-oracle-is-flat-bytes.c
tests_test_crash_oracle_is_flat_bytes_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_crash_oracle_is_flat_bytes_LDADD = $(LDADD_CRASH)

tests_test_crash_sim_repeats_by_seed_SOURCES = \
	tests/test-crash-sim-repeats-by-seed.c
tests_test_crash_sim_repeats_by_seed_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_crash_sim_repeats_by_seed_LDADD = \
	tests/lib/libtest.la \
	tests/lib/libbase-sim.la

tests_test_crash_states_follow_the_log_SOURCES = \
	tests/test-crash-states-follow-the-log.c
tests_test_crash_states_follow_the_log_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_crash_states_follow_the_log_LDADD = $(LDADD_CRASH)

tests_test_crash_toy_bugs_are_found_SOURCES = \
	tests/lib/toy-engine.c \
	tests/lib/toy-engine.h \
	tests/test-crash-toy-bugs-are-found.c
tests_test_crash_toy_bugs_are_found_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_crash_toy_bugs_are_found_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_crash_toy_bugs_are_found_LDADD = $(LDADD_CRASH)

tests_test_crash_toy_passes_SOURCES = \
	tests/lib/toy-engine.c \
	tests/lib/toy-engine.h \
	tests/test-crash-toy-passes.c
tests_test_crash_toy_passes_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_crash_toy_passes_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_crash_toy_passes_LDADD = $(LDADD_CRASH)

# ---- the pool -------------------------------------------------------------

check_PROGRAMS += tests/pool-crash
tests_pool_crash_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/pool-crash.c
tests_pool_crash_CPPFLAGS = $(CPPFLAGS_TEST)
tests_pool_crash_LDFLAGS = $(LDFLAGS_CRASH)
tests_pool_crash_LDADD = $(LDADD_CRASH_POOL)

TESTS_POOL_CRASH = \
	tests/test-pool-concurrent-writers-keep-blocks-whole \
	tests/test-pool-crash-dropped-flush-is-found \
	tests/test-pool-crash-leaves-one-commit \
	tests/test-pool-crash-model-counterexamples \
	tests/test-pool-crash-slabs-are-backed-first \
	tests/test-pool-fault-every-allocation \
	tests/test-pool-fault-every-io \
	tests/test-pool-fault-failed-flush-wakes-all \
	tests/test-pool-fault-failed-removal-keeps-the-name \
	tests/test-pool-fault-read-only-writes-nothing \
	tests/test-pool-fault-rot-is-reported \
	tests/test-pool-fault-rot-is-survived \
	tests/test-pool-fault-superblock-copies \
	tests/test-pool-full-overwrites-succeed \
	tests/test-pool-full-refuses-whole-request \
	tests/test-pool-full-trims-of-shared-space \
	tests/test-pool-model-equals-oracle \
	tests/test-pool-probe-finds-what-is-there \
	tests/test-pool-reads-back-writes \
	tests/test-pool-verbs-stand-by-what-they-did \
	tests/test-pool-volume-keeps-the-contract
check_PROGRAMS += $(TESTS_POOL_CRASH)
TESTS += $(TESTS_POOL_CRASH)
SANITIZER_TESTS += \
	tests/test-pool-concurrent-writers-keep-blocks-whole \
	tests/test-pool-full-overwrites-succeed \
	tests/test-pool-full-refuses-whole-request \
	tests/test-pool-full-trims-of-shared-space \
	tests/test-pool-reads-back-writes \
	tests/test-pool-verbs-stand-by-what-they-did \
	tests/test-pool-volume-keeps-the-contract

tests_test_pool_concurrent_writers_keep_blocks_whole_SOURCES = \
	tests/test-pool-concurrent-writers-keep-blocks-whole.c
tests_test_pool_concurrent_writers_keep_blocks_whole_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_writers_keep_blocks_whole_LDADD = $(LDADD_TEST_POOL)

tests_test_pool_crash_dropped_flush_is_found_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-crash-dropped-flush-is-found.c
tests_test_pool_crash_dropped_flush_is_found_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_crash_dropped_flush_is_found_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_crash_dropped_flush_is_found_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_crash_leaves_one_commit_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-crash-leaves-one-commit.c
tests_test_pool_crash_leaves_one_commit_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_crash_leaves_one_commit_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_crash_leaves_one_commit_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_crash_model_counterexamples_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-crash-model-counterexamples.c
tests_test_pool_crash_model_counterexamples_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_crash_model_counterexamples_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_crash_model_counterexamples_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_crash_slabs_are_backed_first_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-crash-slabs-are-backed-first.c
tests_test_pool_crash_slabs_are_backed_first_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_crash_slabs_are_backed_first_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_crash_slabs_are_backed_first_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_fault_every_allocation_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-fault-every-allocation.c
tests_test_pool_fault_every_allocation_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_fault_every_allocation_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_fault_every_allocation_LDADD = $(LDADD_CRASH_POOL_FAULTY)

tests_test_pool_fault_every_io_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-fault-every-io.c
tests_test_pool_fault_every_io_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_fault_every_io_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_fault_every_io_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_fault_failed_flush_wakes_all_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-fault-failed-flush-wakes-all.c
tests_test_pool_fault_failed_flush_wakes_all_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_fault_failed_flush_wakes_all_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_fault_failed_flush_wakes_all_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_fault_failed_removal_keeps_the_name_SOURCES = \
	tests/test-pool-fault-failed-removal-keeps-the-name.c
tests_test_pool_fault_failed_removal_keeps_the_name_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_fault_failed_removal_keeps_the_name_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_fault_failed_removal_keeps_the_name_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_fault_read_only_writes_nothing_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-fault-read-only-writes-nothing.c
tests_test_pool_fault_read_only_writes_nothing_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_fault_read_only_writes_nothing_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_fault_read_only_writes_nothing_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_fault_rot_is_reported_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-fault-rot-is-reported.c
tests_test_pool_fault_rot_is_reported_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_fault_rot_is_reported_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_fault_rot_is_reported_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_fault_rot_is_survived_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-fault-rot-is-survived.c
tests_test_pool_fault_rot_is_survived_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_fault_rot_is_survived_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_fault_rot_is_survived_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_fault_superblock_copies_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-fault-superblock-copies.c
tests_test_pool_fault_superblock_copies_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_fault_superblock_copies_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_fault_superblock_copies_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_full_overwrites_succeed_SOURCES = \
	tests/test-pool-full-overwrites-succeed.c
tests_test_pool_full_overwrites_succeed_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_full_overwrites_succeed_LDADD = $(LDADD_TEST_POOL)

tests_test_pool_full_refuses_whole_request_SOURCES = \
	tests/test-pool-full-refuses-whole-request.c
tests_test_pool_full_refuses_whole_request_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_full_refuses_whole_request_LDADD = $(LDADD_TEST_POOL)

tests_test_pool_full_trims_of_shared_space_SOURCES = \
	tests/test-pool-full-trims-of-shared-space.c
tests_test_pool_full_trims_of_shared_space_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_full_trims_of_shared_space_LDADD = $(LDADD_TEST_POOL)

tests_test_pool_model_equals_oracle_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-model-equals-oracle.c
tests_test_pool_model_equals_oracle_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_model_equals_oracle_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_model_equals_oracle_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_probe_finds_what_is_there_SOURCES = \
	tests/test-pool-probe-finds-what-is-there.c
tests_test_pool_probe_finds_what_is_there_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_probe_finds_what_is_there_LDADD = $(LDADD_TEST_POOL)

tests_test_pool_reads_back_writes_SOURCES = \
	tests/test-pool-reads-back-writes.c
tests_test_pool_reads_back_writes_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_reads_back_writes_LDADD = $(LDADD_TEST_POOL)

tests_test_pool_verbs_stand_by_what_they_did_SOURCES = \
	tests/test-pool-verbs-stand-by-what-they-did.c
tests_test_pool_verbs_stand_by_what_they_did_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_verbs_stand_by_what_they_did_LDADD = $(LDADD_TEST_POOL)

tests_test_pool_volume_keeps_the_contract_SOURCES = \
	tests/test-pool-volume-keeps-the-contract.c
tests_test_pool_volume_keeps_the_contract_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_volume_keeps_the_contract_LDADD = \
	tests/lib/libconformance.la \
	$(LDADD_TEST_POOL)

SOAK += tests/soak-pool-crash.sh
EXTRA_DIST += \
	acceptance/crash-enumeration.sh \
	tests/soak-pool-crash.sh
