# SPDX-License-Identifier: BSD-3-Clause
#
# nbdvol, and its completion, which it prints itself.

bin_PROGRAMS += command/nbdvol
command_nbdvol_SOURCES = \
	command/command.h \
	command/help.c \
	command/init.c \
	command/look.c \
	command/repair.c \
	command/main.c \
	command/make.c \
	command/new-file.c \
	command/options.c \
	command/output.c \
	command/owner.c \
	command/progress.c \
	command/report.c \
	command/scrub.c \
	command/target.c \
	command/transfer.c
command_nbdvol_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
command_nbdvol_LDADD = $(CONTROL_STACK)

bashcomp_DATA += command/bash-completion/nbdvol
CLEANFILES += command/bash-completion/nbdvol
command/bash-completion/nbdvol: command/nbdvol$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) command/bash-completion && \
	command/nbdvol$(EXEEXT) completion bash >$@.tmp && mv $@.tmp $@
