# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154
#
# What the tests of `./setup serve` share.  Sourced after functions.sh; the
# test is then in $tmpdir.
#
#   setup_serve ARG...       start it; 1 if it ends before it serves.  Sets
#                            $setup (its pid, leader of a process group as
#                            below a terminal) and $uri; what it said is in
#                            the files message and log
#   setup_ends RC SIGNAL     send SIGNAL to setup alone; it must end with RC
#   terminal_sends SIGNAL    ... to the whole process group
#   commands_said            the commands that the message proposes
#   free_port                a TCP port that nobody has at this moment

export NBDVOL_BUILD=$builddir
if [ "$(id -u)" != 0 ]; then
  export XDG_RUNTIME_DIR=$sockdir
fi
cd "$tmpdir" || exit 1

says_or_gone ()
{
  grep -q '^Ctrl-C' message || server_gone "$1"
}

# A shell's background jobs ignore a terminal's Ctrl-C by default.
setup_serve ()
{
  rm -f message
  setsid env --default-signal=INT "$srcdir/setup" serve "$@" \
         >message 2>log </dev/null &
  setup=$!
  cleanup_fn "end_group $setup"
  wait_until 60 says_or_gone "$setup"
  if server_gone "$setup"; then
    cat log >&2
    return 1
  fi
  uri=$(sed -n 's/^  \(nbd+unix:.*\)/\1/p' message)
  cat message
}

# Not a group of somebody else who has the number by now.
end_group ()
{
  ! jobs -pr | grep -qx "$1" || kill -KILL -- "-$1"
}

setup_ends ()
{
  local rc=0
  kill "-$2" "$setup"
  wait_until 60 server_gone "$setup"
  wait "$setup" || rc=$?
  equal "$rc" "$1" "exit code after $2"
}

terminal_sends ()
{
  kill "-$1" -- "-$setup"
}

commands_said ()
{
  grep '^  ' message | sed 1d
}

free_port ()
{
  perl -MSocket -e '
    socket (my $s, PF_INET, SOCK_STREAM, 0) or die;
    bind ($s, pack_sockaddr_in (0, INADDR_LOOPBACK)) or die;
    print ((unpack_sockaddr_in (getsockname ($s)))[0])'
}
