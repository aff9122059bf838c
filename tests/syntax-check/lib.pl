# SPDX-License-Identifier: BSD-3-Clause
#
# What the rules written in Perl share: the file names from stdin, the
# exceptions, the table of rooms, and C text without comments and strings.

use strict;
use warnings;
use FindBin;

our $rule = $FindBin::Script;
$rule =~ s/^rule-//;
our $violations = 0;

chomp (our @files = <STDIN>);

sub complain {
    my ($where, $text) = @_;
    print "$where: $text\n";
    $violations++;
}

# Lines of `exceptions`: RULE PATH NAME -- REASON.
my %exception;
for my $f (grep { $_ eq 'tests/syntax-check/exceptions' } @files) {
    open my $fh, '<', $f or die "$f: $!";
    while (<$fh>) {
        next if /^\s*(#|$)/;
        if (! /^(\S+)\s+(\S+)\s+(\S+)\s+--\s+\S.{9,}/) {
            complain ("$f:$.", "not 'RULE PATH NAME -- reason'");
            next;
        }
        $exception{"$2 $3"} = { line => "$f:$.", used => 0 } if $1 eq $rule;
    }
}

sub excepted {
    my ($path, $name) = @_;
    my $e = $exception{"$path $name"} or return 0;
    return $e->{used} = 1;
}

# To be called last.
sub finish {
    for my $k (sort keys %exception) {
        complain ($exception{$k}->{line}, "exception for $k is not needed")
            unless $exception{$k}->{used};
    }
    exit ($violations > 0);
}

sub slurp {
    my ($f) = @_;
    open my $fh, '<', $f or die "$f: $!";
    local $/;
    my $text = <$fh>;
    return defined $text ? $text : '';
}

# common/LEVELS: room => { level, dir, header }; the faces have no header.
sub rooms {
    my %rooms;
    open my $fh, '<', 'common/LEVELS' or die "common/LEVELS: $!";
    while (<$fh>) {
        next if /^\s*(#|$)/;
        my ($level, $room, $dir, $header) = split;
        $room = $dir if $header eq '-';
        $rooms{$room} = { level => $level, dir => $dir, header => $header };
    }
    return %rooms;
}

# C source with comments and the insides of strings blanked; lines stay.
sub c_code {
    my ($text) = @_;
    $text =~ s{
        (/\*.*?\*/ | //[^\n]*) |
        ("(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*')
    }{
        if (defined $1) { my $c = $1; $c =~ s/[^\n]/ /g; $c }
        else { my $s = $2; $s =~ s/[^"'\n]/_/g; $s }
    }gsex;
    return $text;
}

1;
