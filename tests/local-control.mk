# SPDX-License-Identifier: BSD-3-Clause
#
# Tests of common/control.

check_LTLIBRARIES += tests/lib/libcontrol-fixture.la
tests_lib_libcontrol_fixture_la_SOURCES = \
	tests/lib/control-fixture.c \
	tests/lib/control-fixture.h
tests_lib_libcontrol_fixture_la_CPPFLAGS = $(CPPFLAGS_TEST) $(JANSSON_CFLAGS)

CPPFLAGS_TEST_CONTROL = $(CPPFLAGS_TEST) $(JANSSON_CFLAGS)
LDADD_TEST_CONTROL = \
	tests/lib/libcontrol-fixture.la \
	tests/lib/libtest.la \
	common/control/libcontrol.la \
	common/base/libbase.la \
	$(JANSSON_LIBS)

TESTS_CONTROL = \
	tests/test-control-answers-requests \
	tests/test-control-cancels \
	tests/test-control-refuses-malformed-requests \
	tests/test-control-socket-is-safe \
	tests/test-control-stops-cleanly
check_PROGRAMS += $(TESTS_CONTROL)
TESTS += $(TESTS_CONTROL)
SANITIZER_TESTS += $(TESTS_CONTROL)

tests_test_control_answers_requests_SOURCES = \
	tests/test-control-answers-requests.c
tests_test_control_answers_requests_CPPFLAGS = $(CPPFLAGS_TEST_CONTROL)
tests_test_control_answers_requests_LDADD = $(LDADD_TEST_CONTROL)

tests_test_control_cancels_SOURCES = tests/test-control-cancels.c
tests_test_control_cancels_CPPFLAGS = $(CPPFLAGS_TEST_CONTROL)
tests_test_control_cancels_LDADD = $(LDADD_TEST_CONTROL)

tests_test_control_refuses_malformed_requests_SOURCES = \
	tests/test-control-refuses-malformed-requests.c
tests_test_control_refuses_malformed_requests_CPPFLAGS = \
	$(CPPFLAGS_TEST_CONTROL)
tests_test_control_refuses_malformed_requests_LDADD = $(LDADD_TEST_CONTROL)

tests_test_control_socket_is_safe_SOURCES = tests/test-control-socket-is-safe.c
tests_test_control_socket_is_safe_CPPFLAGS = $(CPPFLAGS_TEST_CONTROL)
tests_test_control_socket_is_safe_LDADD = $(LDADD_TEST_CONTROL)

tests_test_control_stops_cleanly_SOURCES = tests/test-control-stops-cleanly.c
tests_test_control_stops_cleanly_CPPFLAGS = $(CPPFLAGS_TEST_CONTROL)
tests_test_control_stops_cleanly_LDADD = $(LDADD_TEST_CONTROL)
