# SPDX-License-Identifier: BSD-3-Clause
#
# The servers that bench/run compares, and their images.
#
# A kind is file, memory, raw, qcow2, pool, pool1000 (a pool with 1,000
# snapshots of the volumes) or pool95 (one that is 95 % full with other
# volumes); a state is what its image was before the run: full (every block
# written), fresh (nothing written) or snap (full, and a snapshot was taken just
# now).  file, memory and raw know only
# the state full, which is what the others are compared with.  A server runs
# for the whole bench where its image need not change behind its back; qcow2
# in the states fresh and snap is stopped, its image is made anew, and it is
# started again, for qemu-nbd has no way to take a snapshot of what it serves.
#
# With COUNT a server is started under strace -c -f, for its system calls.

use strict;
use warnings;
use IO::Socket::UNIX;
use Time::HiRes qw(sleep time);

our ($dir, $sockdir, $size);    # set by bench/run; SIZE in bytes
my %server;                     # KIND.STATE or KIND => {pid, child, sock}

sub quiet
{
    open (my $null, '>>', "$dir/log") or die "$dir/log: $!";
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>&', $null;
        open STDERR, '>&', $null;
        exec @_ or exit 127;
    }
    return $pid;
}

# Run a command; its output goes to DIR/log.
sub must
{
    my $pid = quiet (@_);
    waitpid ($pid, 0);
    die "@_ failed, see $dir/log\n" . tail_of_log () if $?;
}

sub tail_of_log
{
    open (my $fh, '<', "$dir/log") or return '';
    my @lines = <$fh>;
    return join '', @lines > 5 ? @lines[-5 .. -1] : @lines;
}

sub wait_for
{
    my ($what, $condition) = @_;
    my $end = time + 60;
    until ($condition->()) {
        die "waited in vain for $what\n" . tail_of_log () if time > $end;
        sleep 0.01;
    }
}

sub process_is_gone
{
    my ($pid) = @_;
    open (my $fh, '<', "/proc/$pid/stat") or return 1;
    return scalar (<$fh> =~ /^\d+ \(.*\) Z/);
}

# ---- images ----------------------------------------------------------------

sub image
{
    my ($name) = @_;
    return "$dir/$name";
}

# SIZE random bytes, and copies of them.
sub make_images
{
    my (%kinds) = @_;
    my $mib = $size >> 20;
    must ('dd', 'if=/dev/urandom', 'of=' . image ('full.img'), 'bs=1M',
          "count=$mib");
    must ('cp', '--sparse=never', image ('full.img'), image ('raw.img'))
        if $kinds{raw};
    must ('qemu-img', 'convert', '-O', 'qcow2', image ('full.img'),
          image ('full.qcow2'))
        if $kinds{qcow2};
    make_pool ($_) for grep { is_pool ($_) } keys %kinds;
}

sub is_pool
{
    return $_[0] =~ /^pool/;
}

sub info_of
{
    my ($pool, $column) = @_;
    my $value = `nbdvol info -Hpo $column '$pool' 2>>'$dir/log'`;
    chomp $value;
    return $value;
}

sub make_pool
{
    my ($kind) = @_;
    my $pool = image ("$kind.pool");
    must ('nbdvol', 'init', $pool, ($kind eq 'pool95' ? 8 : 6) * $size);
    must ('nbdvol', 'import', $pool, $_, image ('full.img'))
        for qw(full snap);
    fill_pool ($pool) if $kind eq 'pool95';
    take_snapshots ($kind) if $kind eq 'pool1000';
}

# To 95 %.
sub fill_pool
{
    my ($pool) = @_;
    for my $n (1 .. 100) {
        my $left = 0.95 * info_of ($pool, 'usable') - info_of ($pool, 'used');
        last if $left < $size / 64;
        my $part = $left < $size ? $left : $size;
        must ('truncate', '-s', int ($part / 4096) * 4096, image ('part'));
        must ('dd', 'if=' . image ('full.img'), 'of=' . image ('part'),
              'bs=4096', 'count=' . int ($part / 4096), 'conv=notrunc');
        must ('nbdvol', 'import', $pool, "part$n", image ('part'));
    }
    unlink image ('part');
}

# Each differs from the one before: somebody writes meanwhile.
sub take_snapshots
{
    my ($kind) = @_;
    my $pool = image ("$kind.pool");
    start_server ($kind, 'full');
    for my $volume (qw(full snap)) {
        my $child = quiet ('fio', '--name=age', '--ioengine=nbd',
                           '--uri=' . server_uri ($kind, $volume),
                           "--size=$size", '--rw=randwrite', '--bs=4k',
                           '--rate_iops=1000', '--time_based',
                           '--runtime=600');
        must ('nbdvol', 'snapshot', $pool, "$volume\@s$_") for 1 .. 500;
        kill 'TERM', $child;
        waitpid ($child, 0);
    }
}

sub remake_qcow2
{
    my ($state) = @_;
    my $path = image ("$state.qcow2");
    if ($state eq 'fresh') {
        must ('qemu-img', 'create', '-f', 'qcow2', $path, $size);
        return;
    }
    must ('cp', image ('full.qcow2'), $path) unless -e $path;
    quiet_try ('qemu-img', 'snapshot', '-d', 'before', $path);
    must ('qemu-img', 'snapshot', '-c', 'before', $path);
}

# It need not succeed.
sub quiet_try
{
    waitpid (quiet (@_), 0);
}

sub remake_pool
{
    my ($kind, $state) = @_;
    my $pool = image ("$kind.pool");
    if ($state eq 'fresh') {
        must ('nbdvol', 'rm', '--missing-ok', $pool, 'fresh');
        must ('nbdvol', 'create', $pool, 'fresh', $size);
    }
    else {
        must ('nbdvol', 'rm', '--missing-ok', $pool, 'snap@before');
        must ('nbdvol', 'snapshot', $pool, 'snap@before');
    }
    # What was removed is reclaimed in the background, not in the run.
    wait_for ('reclaim', sub {
        return info_of ($pool, 'reclaiming') eq '0';
    });
}

# ---- servers ---------------------------------------------------------------

sub server_name
{
    my ($kind, $state) = @_;
    return $kind eq 'qcow2' ? "$kind.$state" : $kind;
}

sub server_command
{
    my ($kind, $state, $sock, $pidfile) = @_;
    my @nbdkit = ('nbdkit', '-f', '-P', $pidfile, '-U', $sock);
    my @qemu = ('qemu-nbd', '-t', '-e', '16', '--cache=writeback',
                '--aio=threads', '--discard=unmap', "--pid-file=$pidfile",
                '-k', $sock, '-f');
    return (@nbdkit, 'file', image ('full.img')) if $kind eq 'file';
    return (@nbdkit, 'memory', $size) if $kind eq 'memory';
    return (@nbdkit, 'pool', image ("$kind.pool")) if is_pool ($kind);
    return (@qemu, 'raw', image ('raw.img')) if $kind eq 'raw';
    return (@qemu, 'qcow2', image ("$state.qcow2"));
}

sub start_server
{
    my ($kind, $state, $count) = @_;
    my $name = server_name ($kind, $state);
    my $sock = "$sockdir/$name";
    my $pidfile = "$sockdir/$name.pid";
    my @strace = $count ? ('strace', '-f', '-c', '-qq', '-U', 'name,calls',
                           '-o', $count, '--') : ();
    unlink $sock, $pidfile;
    my $child = quiet (@strace, server_command ($kind, $state, $sock,
                                                $pidfile));
    my $pid;
    wait_for ("$name to start", sub {
        die "$name did not start\n" . tail_of_log ()
            if process_is_gone ($child);
        return unless -S $sock;
        open (my $fh, '<', $pidfile) or return;
        ($pid) = (<$fh> // '') =~ /^(\d+)/;
        return $pid;
    });
    $server{$name} = { pid => $pid, child => $child, sock => $sock };
    fill_memory ($sock) if $kind eq 'memory' && ! $count;
}

sub fill_memory
{
    my ($sock) = @_;
    must ('nbdcopy', image ('full.img'), "nbd+unix:///?socket=$sock");
}

sub stop_server
{
    my ($name) = @_;
    my $s = delete $server{$name} or return;
    kill 'TERM', $s->{pid};
    wait_for ("$name to end", sub { process_is_gone ($s->{pid}) });
    waitpid ($s->{child}, 0);
}

sub stop_all_servers
{
    stop_server ($_) for keys %server;
}

sub server_uri
{
    my ($kind, $state) = @_;
    my $export = is_pool ($kind) ? $state : '';
    return "nbd+unix:///$export?socket="
        . $server{server_name ($kind, $state)}{sock};
}

sub server_pid
{
    my ($kind, $state) = @_;
    return $server{server_name ($kind, $state)}{pid};
}

# KIND serves an image in STATE.
sub prepare
{
    my ($kind, $state, $count) = @_;
    my $name = server_name ($kind, $state);
    my $remake = $state ne 'full';
    if ($count || ($remake && $kind eq 'qcow2')) {
        stop_server ($name);
    }
    remake_qcow2 ($state) if $remake && $kind eq 'qcow2';
    remake_pool ($kind, $state) if $remake && is_pool ($kind);
    start_server ($kind, $state, $count) unless $server{$name};
}

1;
