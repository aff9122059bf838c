# SPDX-License-Identifier: BSD-3-Clause
#
# Tests of the pool's journal.

check_LTLIBRARIES += tests/lib/libjournal-image.la
tests_lib_libjournal_image_la_CPPFLAGS = $(CPPFLAGS_TEST)
tests_lib_libjournal_image_la_SOURCES = \
	tests/lib/journal-image.c \
	tests/lib/journal-image.h

TESTS_JOURNAL = \
	tests/test-pool-journal-damage-is-refused \
	tests/test-pool-journal-dropped-stays-dropped \
	tests/test-pool-journal-imports-keep-their-places \
	tests/test-pool-journal-is-replayed \
	tests/test-pool-journal-long-transactions-are-closed \
	tests/test-pool-journal-one-flush-is-enough \
	tests/test-pool-journal-overwrites-count-once \
	tests/test-pool-journal-reuse-waits-for-the-next \
	tests/test-pool-journal-torn-part-drops-all
check_PROGRAMS += $(TESTS_JOURNAL)
TESTS += $(TESTS_JOURNAL)
SANITIZER_TESTS += $(TESTS_JOURNAL)

LDADD_JOURNAL = \
	tests/lib/libjournal-image.la \
	$(LDADD_TEST_POOL)

tests_test_pool_journal_damage_is_refused_SOURCES = \
	tests/test-pool-journal-damage-is-refused.c
tests_test_pool_journal_damage_is_refused_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_journal_damage_is_refused_LDADD = $(LDADD_JOURNAL)

tests_test_pool_journal_dropped_stays_dropped_SOURCES = \
	tests/test-pool-journal-dropped-stays-dropped.c
tests_test_pool_journal_dropped_stays_dropped_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_journal_dropped_stays_dropped_LDADD = $(LDADD_JOURNAL)

tests_test_pool_journal_is_replayed_SOURCES = \
	tests/test-pool-journal-is-replayed.c
tests_test_pool_journal_is_replayed_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_journal_is_replayed_LDADD = $(LDADD_COUNTED)

tests_test_pool_journal_one_flush_is_enough_SOURCES = \
	tests/test-pool-journal-one-flush-is-enough.c
tests_test_pool_journal_one_flush_is_enough_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_journal_one_flush_is_enough_LDADD = $(LDADD_COUNTED)

tests_test_pool_journal_reuse_waits_for_the_next_SOURCES = \
	tests/test-pool-journal-reuse-waits-for-the-next.c
tests_test_pool_journal_reuse_waits_for_the_next_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_journal_reuse_waits_for_the_next_LDADD = $(LDADD_JOURNAL)

tests_test_pool_journal_torn_part_drops_all_SOURCES = \
	tests/test-pool-journal-torn-part-drops-all.c
tests_test_pool_journal_torn_part_drops_all_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_journal_torn_part_drops_all_LDADD = $(LDADD_JOURNAL)

tests_test_pool_journal_long_transactions_are_closed_SOURCES = \
	tests/test-pool-journal-long-transactions-are-closed.c
tests_test_pool_journal_long_transactions_are_closed_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_journal_long_transactions_are_closed_LDADD = $(LDADD_COUNTED)

tests_test_pool_journal_overwrites_count_once_SOURCES = \
	tests/test-pool-journal-overwrites-count-once.c
tests_test_pool_journal_overwrites_count_once_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_journal_overwrites_count_once_LDADD = $(LDADD_COUNTED)

tests_test_pool_journal_imports_keep_their_places_SOURCES = \
	tests/test-pool-journal-imports-keep-their-places.c
tests_test_pool_journal_imports_keep_their_places_CPPFLAGS = $(CPPFLAGS_TEST)
tests_test_pool_journal_imports_keep_their_places_LDADD = $(LDADD_JOURNAL)
