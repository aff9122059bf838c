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
	tests/lib/crash-model-ops.c \
	tests/lib/crash-op.c \
	tests/lib/crash-opening.c \
	tests/lib/crash-random.c \
	tests/lib/crash-run.c \
	tests/lib/crash-run.h \
	tests/lib/crash-sample.c \
	tests/lib/crash-sequence.c \
	tests/lib/crash-states.c \
	tests/lib/crash-states.h \
	tests/lib/crash-try.c \
	tests/lib/crash-try.h \
	tests/lib/crash-verbs.c \
	tests/lib/crash-window.c \
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
	tests/test-pool-concurrent-waiters-wake-in-turn \
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
	tests/test-pool-full-commits-show-no-room \
	tests/test-pool-full-overwrites-succeed \
	tests/test-pool-full-pieces-keep-their-room \
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
	tests/test-pool-concurrent-waiters-wake-in-turn \
	tests/test-pool-concurrent-writers-keep-blocks-whole \
	tests/test-pool-full-overwrites-succeed \
	tests/test-pool-full-refuses-whole-request \
	tests/test-pool-full-trims-of-shared-space \
	tests/test-pool-reads-back-writes \
	tests/test-pool-verbs-stand-by-what-they-did \
	tests/test-pool-volume-keeps-the-contract

tests_test_pool_concurrent_waiters_wake_in_turn_SOURCES = \
	tests/test-pool-concurrent-waiters-wake-in-turn.c
tests_test_pool_concurrent_waiters_wake_in_turn_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_waiters_wake_in_turn_LDADD = $(LDADD_TEST_POOL)

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

tests_test_pool_full_commits_show_no_room_SOURCES = \
	tests/test-pool-full-commits-show-no-room.c
tests_test_pool_full_commits_show_no_room_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_full_commits_show_no_room_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_full_commits_show_no_room_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_full_overwrites_succeed_SOURCES = \
	tests/test-pool-full-overwrites-succeed.c
tests_test_pool_full_overwrites_succeed_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_full_overwrites_succeed_LDADD = $(LDADD_TEST_POOL)

tests_test_pool_full_pieces_keep_their_room_SOURCES = \
	tests/test-pool-full-pieces-keep-their-room.c
tests_test_pool_full_pieces_keep_their_room_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_full_pieces_keep_their_room_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_full_pieces_keep_their_room_LDADD = $(LDADD_CRASH_POOL)

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

# ---- rules of the pool's design, one by one ---------------------------------
#
# What the random tests do not come across: each of these kills a mutant that
# lived without it.

tests_lib_libcrash_la_SOURCES += \
	tests/lib/gate.c \
	tests/lib/gate.h

TESTS_POOL_RULES = \
	tests/test-pool-concurrent-checkpoints-keep-places \
	tests/test-pool-concurrent-cuts-are-one-moment \
	tests/test-pool-concurrent-data-stays-near-a-verb \
	tests/test-pool-concurrent-flushes-share-a-commit \
	tests/test-pool-concurrent-late-writes-are-born-late \
	tests/test-pool-concurrent-merges-keep-both \
	tests/test-pool-concurrent-readers-keep-old-nodes \
	tests/test-pool-concurrent-shrink-beside-growth \
	tests/test-pool-concurrent-slabs-are-flushed-first \
	tests/test-pool-concurrent-space-is-first-come-first-served \
	tests/test-pool-concurrent-stalled-io-stops-nobody \
	tests/test-pool-concurrent-writers-of-a-file-are-few \
	tests/test-pool-connections-keep-their-volume \
	tests/test-pool-costs-of-verbs-do-not-grow \
	tests/test-pool-counts-are-32-bit \
	tests/test-pool-crash-fua-covers-its-range \
	tests/test-pool-crash-punched-slabs-are-backed-again \
	tests/test-pool-crash-open-rewrites-what-it-opened \
	tests/test-pool-crash-reclaim-resumes \
	tests/test-pool-crash-reuse-waits-for-both-copies \
	tests/test-pool-crash-torn-superblocks-are-legal \
	tests/test-pool-discard-never-punches-nothing \
	tests/test-pool-fault-bad-copy-is-told \
	tests/test-pool-fault-marker-names-the-last-commit \
	tests/test-pool-fault-open-leaves-no-older-run \
	tests/test-pool-fault-poison-answers-at-once \
	tests/test-pool-full-accounts-to-the-block \
	tests/test-pool-full-longest-overwrites-go-on \
	tests/test-pool-full-scattered-maps-commit \
	tests/test-pool-owner-record-follows-its-opener \
	tests/test-pool-zeroes-take-no-room
check_PROGRAMS += $(TESTS_POOL_RULES)
TESTS += $(TESTS_POOL_RULES)

tests_test_pool_concurrent_checkpoints_keep_places_SOURCES = \
	tests/test-pool-concurrent-checkpoints-keep-places.c
tests_test_pool_concurrent_checkpoints_keep_places_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_checkpoints_keep_places_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_concurrent_checkpoints_keep_places_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_concurrent_cuts_are_one_moment_SOURCES = \
	tests/test-pool-concurrent-cuts-are-one-moment.c
tests_test_pool_concurrent_cuts_are_one_moment_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_cuts_are_one_moment_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_concurrent_cuts_are_one_moment_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_concurrent_data_stays_near_a_verb_SOURCES = \
	tests/test-pool-concurrent-data-stays-near-a-verb.c
tests_test_pool_concurrent_data_stays_near_a_verb_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_data_stays_near_a_verb_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_concurrent_data_stays_near_a_verb_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_concurrent_flushes_share_a_commit_SOURCES = \
	tests/test-pool-concurrent-flushes-share-a-commit.c
tests_test_pool_concurrent_flushes_share_a_commit_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_flushes_share_a_commit_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_concurrent_flushes_share_a_commit_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_concurrent_late_writes_are_born_late_SOURCES = \
	tests/test-pool-concurrent-late-writes-are-born-late.c
tests_test_pool_concurrent_late_writes_are_born_late_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_late_writes_are_born_late_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_concurrent_late_writes_are_born_late_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_concurrent_merges_keep_both_SOURCES = \
	tests/test-pool-concurrent-merges-keep-both.c
tests_test_pool_concurrent_merges_keep_both_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_merges_keep_both_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_concurrent_merges_keep_both_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_concurrent_readers_keep_old_nodes_SOURCES = \
	tests/test-pool-concurrent-readers-keep-old-nodes.c
tests_test_pool_concurrent_readers_keep_old_nodes_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_readers_keep_old_nodes_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_concurrent_readers_keep_old_nodes_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_concurrent_shrink_beside_growth_SOURCES = \
	tests/test-pool-concurrent-shrink-beside-growth.c
tests_test_pool_concurrent_shrink_beside_growth_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_shrink_beside_growth_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_concurrent_shrink_beside_growth_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_concurrent_slabs_are_flushed_first_SOURCES = \
	tests/test-pool-concurrent-slabs-are-flushed-first.c
tests_test_pool_concurrent_slabs_are_flushed_first_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_slabs_are_flushed_first_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_concurrent_slabs_are_flushed_first_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_concurrent_space_is_first_come_first_served_SOURCES = \
	tests/test-pool-concurrent-space-is-first-come-first-served.c
tests_test_pool_concurrent_space_is_first_come_first_served_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_space_is_first_come_first_served_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_concurrent_space_is_first_come_first_served_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_concurrent_stalled_io_stops_nobody_SOURCES = \
	tests/test-pool-concurrent-stalled-io-stops-nobody.c
tests_test_pool_concurrent_stalled_io_stops_nobody_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_stalled_io_stops_nobody_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_concurrent_stalled_io_stops_nobody_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_concurrent_writers_of_a_file_are_few_SOURCES = \
	tests/test-pool-concurrent-writers-of-a-file-are-few.c
tests_test_pool_concurrent_writers_of_a_file_are_few_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_concurrent_writers_of_a_file_are_few_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_concurrent_writers_of_a_file_are_few_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_connections_keep_their_volume_SOURCES = \
	tests/test-pool-connections-keep-their-volume.c
tests_test_pool_connections_keep_their_volume_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_connections_keep_their_volume_LDADD = $(LDADD_TEST_POOL)

tests_test_pool_costs_of_verbs_do_not_grow_SOURCES = \
	tests/test-pool-costs-of-verbs-do-not-grow.c
tests_test_pool_costs_of_verbs_do_not_grow_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_costs_of_verbs_do_not_grow_LDADD = $(LDADD_COUNTED)

tests_test_pool_counts_are_32_bit_SOURCES = \
	tests/test-pool-counts-are-32-bit.c
tests_test_pool_counts_are_32_bit_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_counts_are_32_bit_LDADD = $(LDADD_POOL_FORMAT)

tests_test_pool_crash_fua_covers_its_range_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-crash-fua-covers-its-range.c
tests_test_pool_crash_fua_covers_its_range_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_crash_fua_covers_its_range_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_crash_fua_covers_its_range_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_crash_punched_slabs_are_backed_again_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-crash-punched-slabs-are-backed-again.c
tests_test_pool_crash_punched_slabs_are_backed_again_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_crash_punched_slabs_are_backed_again_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_crash_punched_slabs_are_backed_again_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_crash_open_rewrites_what_it_opened_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-crash-open-rewrites-what-it-opened.c
tests_test_pool_crash_open_rewrites_what_it_opened_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_crash_open_rewrites_what_it_opened_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_crash_open_rewrites_what_it_opened_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_crash_reclaim_resumes_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-crash-reclaim-resumes.c
tests_test_pool_crash_reclaim_resumes_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_crash_reclaim_resumes_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_crash_reclaim_resumes_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_crash_reuse_waits_for_both_copies_SOURCES = \
	tests/test-pool-crash-reuse-waits-for-both-copies.c
tests_test_pool_crash_reuse_waits_for_both_copies_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_crash_reuse_waits_for_both_copies_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_crash_reuse_waits_for_both_copies_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_crash_torn_superblocks_are_legal_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-crash-torn-superblocks-are-legal.c
tests_test_pool_crash_torn_superblocks_are_legal_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_crash_torn_superblocks_are_legal_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_crash_torn_superblocks_are_legal_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_discard_never_punches_nothing_SOURCES = \
	tests/test-pool-discard-never-punches-nothing.c
tests_test_pool_discard_never_punches_nothing_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_discard_never_punches_nothing_LDADD = $(LDADD_TEST_POOL)

tests_test_pool_fault_bad_copy_is_told_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-fault-bad-copy-is-told.c
tests_test_pool_fault_bad_copy_is_told_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_fault_bad_copy_is_told_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_fault_bad_copy_is_told_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_fault_marker_names_the_last_commit_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-fault-marker-names-the-last-commit.c
tests_test_pool_fault_marker_names_the_last_commit_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_fault_marker_names_the_last_commit_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_fault_marker_names_the_last_commit_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_fault_open_leaves_no_older_run_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-fault-open-leaves-no-older-run.c
tests_test_pool_fault_open_leaves_no_older_run_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_fault_open_leaves_no_older_run_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_fault_open_leaves_no_older_run_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_fault_poison_answers_at_once_SOURCES = \
	tests/test-pool-fault-poison-answers-at-once.c
tests_test_pool_fault_poison_answers_at_once_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_fault_poison_answers_at_once_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_fault_poison_answers_at_once_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_full_accounts_to_the_block_SOURCES = \
	tests/test-pool-full-accounts-to-the-block.c
tests_test_pool_full_accounts_to_the_block_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_full_accounts_to_the_block_LDADD = $(LDADD_TEST_POOL)

tests_test_pool_full_longest_overwrites_go_on_SOURCES = \
	tests/test-pool-full-longest-overwrites-go-on.c
tests_test_pool_full_longest_overwrites_go_on_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_full_longest_overwrites_go_on_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_full_longest_overwrites_go_on_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_full_scattered_maps_commit_SOURCES = \
	$(SOURCES_CRASH_POOL) \
	tests/test-pool-full-scattered-maps-commit.c
tests_test_pool_full_scattered_maps_commit_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_full_scattered_maps_commit_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_full_scattered_maps_commit_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_owner_record_follows_its_opener_SOURCES = \
	tests/test-pool-owner-record-follows-its-opener.c
tests_test_pool_owner_record_follows_its_opener_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_owner_record_follows_its_opener_LDADD = $(LDADD_TEST_POOL)

tests_test_pool_zeroes_take_no_room_SOURCES = \
	tests/test-pool-zeroes-take-no-room.c
tests_test_pool_zeroes_take_no_room_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_zeroes_take_no_room_LDADD = $(LDADD_TEST_POOL)

# ---- scrub -----------------------------------------------------------------

TESTS_POOL_SCRUB = \
	tests/test-pool-scrub-finds-every-damage \
	tests/test-pool-scrub-follows-changes \
	tests/test-pool-scrub-holds-nobody-back \
	tests/test-pool-scrub-keeps-its-pace \
	tests/test-pool-scrub-outlives-what-fails
check_PROGRAMS += $(TESTS_POOL_SCRUB)
TESTS += $(TESTS_POOL_SCRUB)
SANITIZER_TESTS += $(TESTS_POOL_SCRUB)
TSAN_SKIPS += $(TESTS_POOL_SCRUB)

SOURCES_SCRUB_WORLD = \
	tests/lib/scrub-world.c \
	tests/lib/scrub-world.h

tests_test_pool_scrub_finds_every_damage_SOURCES = \
	$(SOURCES_SCRUB_WORLD) \
	tests/test-pool-scrub-finds-every-damage.c
tests_test_pool_scrub_finds_every_damage_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_scrub_finds_every_damage_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_scrub_finds_every_damage_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_scrub_holds_nobody_back_SOURCES = \
	$(SOURCES_SCRUB_WORLD) \
	tests/test-pool-scrub-holds-nobody-back.c
tests_test_pool_scrub_holds_nobody_back_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_scrub_holds_nobody_back_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_scrub_holds_nobody_back_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_scrub_keeps_its_pace_SOURCES = \
	$(SOURCES_SCRUB_WORLD) \
	tests/test-pool-scrub-keeps-its-pace.c
tests_test_pool_scrub_keeps_its_pace_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_scrub_keeps_its_pace_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_scrub_keeps_its_pace_LDADD = $(LDADD_CRASH_POOL)

tests_test_pool_scrub_outlives_what_fails_SOURCES = \
	$(SOURCES_SCRUB_WORLD) \
	tests/test-pool-scrub-outlives-what-fails.c
tests_test_pool_scrub_outlives_what_fails_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_scrub_outlives_what_fails_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_scrub_outlives_what_fails_LDADD = $(LDADD_CRASH_POOL_FAULTY)

tests_test_pool_scrub_follows_changes_SOURCES = \
	$(SOURCES_SCRUB_WORLD) \
	tests/test-pool-scrub-follows-changes.c
tests_test_pool_scrub_follows_changes_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_scrub_follows_changes_LDFLAGS = $(LDFLAGS_CRASH)
tests_test_pool_scrub_follows_changes_LDADD = $(LDADD_CRASH_POOL)
