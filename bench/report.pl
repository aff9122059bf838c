# SPDX-License-Identifier: BSD-3-Clause
#
# What bench/run prints: every run as CSV, a table in Markdown with medians
# and quartiles of the ratios within rounds, and figures for the acceptance
# lines.

use strict;
use warnings;

# The P-th quantile, by linear interpolation.
sub quantile
{
    my ($p, @values) = @_;
    my @v = sort { $a <=> $b } @values;
    my $at = $p * $#v;
    my $i = int ($at);
    return $i == $#v ? $v[$i]
        : $v[$i] + ($at - $i) * ($v[$i + 1] - $v[$i]);
}

sub write_csv
{
    my ($path, $runs) = @_;
    open (my $fh, '>', $path) or die "$path: $!";
    print $fh "cell,round,kind,iops,requests,cpu_us,bytes\n";
    printf $fh "%s,%d,%s,%.1f,%d,%.0f,%d\n",
        @$_{qw(cell round kind iops requests cpu bytes)} for @$runs;
    close ($fh) or die "$path: $!";
}

# Runs of KIND in CELL, by round.
sub runs_of
{
    my ($runs, $cell, $kind) = @_;
    return map { $_->{round} => $_ }
        grep { $_->{cell} eq $cell && $_->{kind} eq $kind } @$runs;
}

# Ratios of operations per second within rounds, KIND to BASE.
sub ratios
{
    my ($runs, $cell, $kind, $base) = @_;
    my %a = runs_of ($runs, $cell, $kind);
    my %b = runs_of ($runs, $cell, $base);
    return map { $a{$_}{iops} / $b{$_}{iops} }
        grep { $b{$_} && $b{$_}{iops} > 0 } keys %a;
}

sub sum_of
{
    my ($field, @runs) = @_;
    my $sum = 0;
    $sum += $_->{$field} for @runs;
    return $sum;
}

sub table_row
{
    my ($runs, $counts, $cell, $kind) = @_;
    my %of = runs_of ($runs, $cell, $kind);
    my @of = values %of or return;
    my @r = ratios ($runs, $cell, $kind, 'file');
    my $requests = sum_of ('requests', @of) || 1;
    my $count = $counts->{$cell}{$kind};
    return sprintf "| %s | %s | %.0f | %s | %.1f | %s | %s | %.0f |\n",
        $cell, $kind, quantile (0.5, map { $_->{iops} } @of),
        @r ? sprintf ('%.2f (%.2f-%.2f)', quantile (0.5, @r),
                      quantile (0.25, @r), quantile (0.75, @r)) : '-',
        sum_of ('cpu', @of) / $requests,
        $count ? sprintf ('%.2f', $count->{calls}) : '-',
        $count ? sprintf ('%.3f', $count->{syncs}) : '-',
        sum_of ('bytes', @of) / $requests;
}

sub write_table
{
    my ($path, $cells, $kinds, $runs, $counts) = @_;
    open (my $fh, '>', $path) or die "$path: $!";
    print $fh "| cell | server | requests/s | to file (quartiles) "
        . "| CPU us | calls | syncs | bytes |\n",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    for my $cell (@$cells) {
        print $fh table_row ($runs, $counts, $cell, $_) // '' for @$kinds;
    }
    close ($fh) or die "$path: $!";
}

sub pool_figures
{
    my ($fh, $cell, $kind, $runs, $count) = @_;
    my @q = ratios ($runs, $cell, $kind, 'qcow2');
    printf $fh "%s-%s-to-qcow2=%.2f\n", $cell, $kind, quantile (0.5, @q)
        if @q;
    my %pool = runs_of ($runs, $cell, $kind);
    my %file = runs_of ($runs, $cell, 'file');
    printf $fh "%s-%s-cpu=%.2f\n", $cell, $kind,
        (sum_of ('cpu', values %pool) / sum_of ('requests', values %pool))
        / ((sum_of ('cpu', values %file) || 1)
           / sum_of ('requests', values %file))
        if %pool && %file;
    printf $fh "%s-%s-calls=%.2f\n", $cell, $kind,
        $count->{$kind}{calls} / $count->{file}{calls}
        if $count && $count->{$kind} && $count->{file};
}

# CELL-KIND=ratio to file; and of pools CELL-KIND-to-qcow2; CELL-KIND-cpu and
# -calls, the ratios of CPU and of system calls per request to file's.
sub write_figures
{
    my ($path, $cells, $kinds, $runs, $counts) = @_;
    open (my $fh, '>', $path) or die "$path: $!";
    for my $cell (@$cells) {
        for my $kind (grep { $_ ne 'file' } @$kinds) {
            my @r = ratios ($runs, $cell, $kind, 'file') or next;
            printf $fh "%s-%s=%.3f\n", $cell, $kind, quantile (0.5, @r);
        }
        pool_figures ($fh, $cell, $_, $runs, $counts->{$cell})
            for grep { /^pool/ } @$kinds;
    }
    close ($fh) or die "$path: $!";
}

sub report
{
    my ($out, $cells, $kinds, $runs, $counts) = @_;
    write_csv ("$out.csv", $runs);
    write_table ("$out.md", $cells, $kinds, $runs, $counts);
    write_figures ("$out.figures", $cells, $kinds, $runs, $counts);
}

1;
