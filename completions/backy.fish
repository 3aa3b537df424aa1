# fish completion for backy
# Written by scripts/generate-reference.mjs: change the sources it reads, not this file.

# The command of the line, then its operands, each on a line of its own.
function __backy_operands
    set -l words (commandline -opc)
    set -e words[1]
    set -l is_value 0
    for word in $words
        if test $is_value = 1
            set is_value 0
            continue
        end
        switch $word
            case -b --backup-directory -c --config -l --log --slot --rate -r --revision --older-than --limit --expect --until --schedule --reason --for --all --format --output
                set is_value 1
            case '-?*'
            case '*'
                echo -- $word
        end
    end
end

function __backy_needs_command
    test (count (__backy_operands)) -eq 0
end

# Whether the command of the line is the first argument, and so many operands follow it; without a number: any.
function __backy_is
    set -l operands (__backy_operands)
    test (count $operands) -gt 0 -a "$operands[1]" = $argv[1]
    or return 1
    test (count $argv) -eq 1
    or test (count $operands) -eq (math $argv[2] + 1)
end

# Ids come from the names of the records, which costs no start of backy.
function __backy_revisions
    set -l words (commandline -opc)
    set -l directory .
    for index in (seq (count $words))
        contains -- $words[$index] -b --backup-directory
        and set -q words[(math $index + 1)]
        and set directory $words[(math $index + 1)]
    end
    string replace -r '^~' ~ -- $directory | read directory
    printf '%s\n' last first all clean
    for record in $directory/*.rev
        set -l id (string replace -r '.*/(.*)\.rev$' '$1' -- $record)
        test $id = last
        or echo $id
    end
end

complete -c backy -f
complete -c backy -l version -d 'print the version'
complete -c backy -s b -l backup-directory -x -a '(__fish_complete_directories)' -d 'directory of the repository'
complete -c backy -s c -l config -r -F -d 'configuration of the service'
complete -c backy -s l -l log -r -F -d 'log to this file instead of backy.log in the repository'
complete -c backy -s v -l verbose -d 'print more details'
complete -c backy -s q -l quiet -d 'print only requested information and errors'
complete -c backy -l json -d 'print machine-readable output'
complete -c backy -l trust-repository -d 'trust the configuration of a repository that other users can write to'
complete -c backy -s h -l help -d 'print this help'
complete -c backy -n __backy_needs_command -a init -d 'make a directory a repository'
complete -c backy -n __backy_needs_command -a backup -d 'take a new revision'
complete -c backy -n __backy_needs_command -a status -d 'list the revisions'
complete -c backy -n __backy_needs_command -a restore -d 'write a revision to a file, a device or standard output'
complete -c backy -n __backy_needs_command -a find -d 'print the path of an image'
complete -c backy -n __backy_needs_command -a verify -d 'check images against their indexes'
complete -c backy -n __backy_needs_command -a expire -d 'remove the revisions that the schedule no longer keeps'
complete -c backy -n __backy_needs_command -a forget -d 'remove revisions'
complete -c backy -n __backy_needs_command -a adopt -d 'make new records for images that have lost theirs'
complete -c backy -n __backy_needs_command -a undelete -d 'bring removed revisions back'
complete -c backy -n __backy_needs_command -a tags -d 'change the tags of revisions'
complete -c backy -n __backy_needs_command -a hold -d 'protect revisions from removal'
complete -c backy -n __backy_needs_command -a release -d 'end the hold of revisions'
complete -c backy -n __backy_needs_command -a distrust -d 'mark revisions as unreliable'
complete -c backy -n __backy_needs_command -a schedule -d 'simulate the schedule into the future'
complete -c backy -n __backy_needs_command -a purge -d 'purge the trash and the leftovers of interrupted runs'
complete -c backy -n __backy_needs_command -a retire -d 'give up the repository: remove its snapshots from the source'
complete -c backy -n __backy_needs_command -a scheduler -d 'run the service'
complete -c backy -n __backy_needs_command -a jobs -d 'list the jobs of the service'
complete -c backy -n __backy_needs_command -a add -d 'add a job to the service'
complete -c backy -n __backy_needs_command -a run -d 'back jobs up now'
complete -c backy -n __backy_needs_command -a pause -d 'begin no run of a job'
complete -c backy -n __backy_needs_command -a resume -d 'end the pause of a job'
complete -c backy -n __backy_needs_command -a check -d 'judge the service or repositories, for monitoring'
complete -c backy -n __backy_needs_command -a config -d 'check the configuration of the service'
complete -c backy -n __backy_needs_command -a doctor -d 'test what this machine and filesystem can do'
complete -c backy -n __backy_needs_command -a help -d 'print the help of a command'
complete -c backy -n '__backy_is help 0' -a 'init backup status restore find verify expire forget adopt undelete tags hold release distrust schedule purge retire scheduler jobs add run pause resume check config doctor'
complete -c backy -n '__backy_is init' -s f -l force -d 'accept a directory with other files, and leave them alone'
complete -c backy -n '__backy_is init' -l require-reflink -d 'refuse backups that cannot share blocks between revisions'
complete -c backy -n '__backy_is init 0' -a 'file lvm ceph-rbd' -d TYPE
complete -c backy -n '__backy_is init 1' -F -d SOURCE
complete -c backy -n '__backy_is backup' -l slot -x -d 'back up for the slot of the schedule that contains this time, such as 2026-01-31T03:00Z; takes the tags (by default all) that no good revision of the slot has yet'
complete -c backy -n '__backy_is backup' -s f -l force -d 'accept any tag, a mounted source, and a source with an unfinished restore'
complete -c backy -n '__backy_is backup' -l rate -x -d 'read at most this much per second, such as 50MiB'
complete -c backy -n '__backy_is backup' -l idle -d 'give all other programs priority for disks and processors (Linux)'
complete -c backy -n '__backy_is backup' -l no-idle -d 'run at normal priority, even if the configuration says otherwise'
complete -c backy -n '__backy_is status' -l all -d 'show an overview of all repositories directly below the directory of -b'
complete -c backy -n '__backy_is restore' -s r -l revision -x -a '(__backy_revisions)' -d 'number (0 is the newest), id or its beginning, last, first, tag:TAG, trust:TRUST, or an expression such as last(tag:daily & ..2026-01-31)'
complete -c backy -n '__backy_is restore' -l force -d 'restore the good blocks of a damaged image; the exit code is still 1'
complete -c backy -n '__backy_is restore' -l clone -d 'share the blocks of the image with a new file on the same filesystem, without checking them'
complete -c backy -n '__backy_is restore' -l abandon -d 'forget an unfinished restore to TARGET; write nothing'
complete -c backy -n '__backy_is restore' -l rate -x -d 'read at most this much per second, such as 50MiB'
complete -c backy -n '__backy_is restore' -l idle -d 'give all other programs priority for disks and processors (Linux)'
complete -c backy -n '__backy_is restore 0' -F -d TARGET
complete -c backy -n '__backy_is find' -s r -l revision -x -a '(__backy_revisions)' -d 'number (0 is the newest), id or its beginning, last, first, tag:TAG, trust:TRUST, or an expression such as last(tag:daily & ..2026-01-31)'
complete -c backy -n '__backy_is verify' -s r -l revision -x -a '(__backy_revisions)' -d 'number (0 is the newest), id or its beginning, last, first, tag:TAG, trust:TRUST, or an expression such as last(tag:daily & ..2026-01-31); all matching revisions (default: all, including damaged ones)'
complete -c backy -n '__backy_is verify' -l older-than -x -d 'skip revisions that were verified within this time, such as 30d'
complete -c backy -n '__backy_is verify' -l limit -x -d 'start no further revision after reading this much or for this long, such as 500GiB or 2h; begins with the least recently verified revision'
complete -c backy -n '__backy_is verify' -l newest-first -d 'verify the newest revision first'
complete -c backy -n '__backy_is verify' -l repair -d 'repair bad blocks if an intact copy exists'
complete -c backy -n '__backy_is verify' -l accept-records -d 'accept edited records by giving them a new checksum'
complete -c backy -n '__backy_is verify' -l rate -x -d 'read at most this much per second, such as 50MiB'
complete -c backy -n '__backy_is verify' -l idle -d 'give all other programs priority for disks and processors (Linux)'
complete -c backy -n '__backy_is expire' -s n -l dry-run -d 'only show what would be done'
complete -c backy -n '__backy_is expire' -l yes -d 'carry out an implausible plan'
complete -c backy -n '__backy_is forget' -s r -l revision -x -a '(__backy_revisions)' -d 'number (0 is the newest), id or its beginning, last, first, tag:TAG, trust:TRUST, or an expression such as last(tag:daily & ..2026-01-31); all matching revisions'
complete -c backy -n '__backy_is forget' -s n -l dry-run -d 'only show what would be done'
complete -c backy -n '__backy_is forget' -l yes-the-last -d 'remove even the last good revision'
complete -c backy -n '__backy_is adopt' -s n -l dry-run -d 'only show what would be done'
complete -c backy -n '__backy_is undelete' -s r -l revision -x -a '(__backy_revisions)' -d 'number (0 is the newest), id or its beginning, last, first, tag:TAG, trust:TRUST, or an expression such as last(tag:daily & ..2026-01-31); all matching revisions, among those in the trash'
complete -c backy -n '__backy_is tags' -s r -l revision -x -a '(__backy_revisions)' -d 'number (0 is the newest), id or its beginning, last, first, tag:TAG, trust:TRUST, or an expression such as last(tag:daily & ..2026-01-31); all matching revisions'
complete -c backy -n '__backy_is tags' -l expect -x -d 'change nothing unless the revisions have exactly these tags now; "" for none'
complete -c backy -n '__backy_is tags' -s f -l force -d 'accept any tag'
complete -c backy -n '__backy_is tags' -s n -l dry-run -d 'only show what would be done'
complete -c backy -n '__backy_is tags 0' -a 'set add remove' -d ACTION
complete -c backy -n '__backy_is hold' -s r -l revision -x -a '(__backy_revisions)' -d 'number (0 is the newest), id or its beginning, last, first, tag:TAG, trust:TRUST, or an expression such as last(tag:daily & ..2026-01-31); all matching revisions'
complete -c backy -n '__backy_is hold' -l until -x -d 'when the hold ends by itself, such as 2027-01-31 or 2027-01-31T12:00'
complete -c backy -n '__backy_is release' -s r -l revision -x -a '(__backy_revisions)' -d 'number (0 is the newest), id or its beginning, last, first, tag:TAG, trust:TRUST, or an expression such as last(tag:daily & ..2026-01-31); all matching revisions'
complete -c backy -n '__backy_is distrust' -s r -l revision -x -a '(__backy_revisions)' -d 'number (0 is the newest), id or its beginning, last, first, tag:TAG, trust:TRUST, or an expression such as last(tag:daily & ..2026-01-31); all matching revisions'
complete -c backy -n '__backy_is distrust' -s n -l dry-run -d 'only show what would be done'
complete -c backy -n '__backy_is schedule' -l from-nothing -d 'begin with an empty repository instead of the present revisions'
complete -c backy -n '__backy_is purge' -s n -l dry-run -d 'only show what would be done'
complete -c backy -n '__backy_is retire' -s n -l dry-run -d 'only show what would be done'
complete -c backy -n '__backy_is add' -l schedule -x -d 'schedule of the job (default: "default", or the only one)'
complete -c backy -n '__backy_is add 1' -a 'file lvm ceph-rbd' -d TYPE
complete -c backy -n '__backy_is add 2' -F -d SOURCE
complete -c backy -n '__backy_is run' -l all -d 'all jobs of the configuration'
complete -c backy -n '__backy_is pause' -l reason -x -d 'the reason, for others'
complete -c backy -n '__backy_is pause' -l for -x -d 'end the pause after this time, such as 2d'
complete -c backy -n '__backy_is pause' -l until -x -d 'end the pause at this date or time, such as 2026-01-31T03:00'
complete -c backy -n '__backy_is check' -l all -x -a '(__fish_complete_directories)' -d 'judge all repositories right below this directory'
complete -c backy -n '__backy_is check' -l format -x -d 'a verdict for Nagios, or metrics for Prometheus'
complete -c backy -n '__backy_is check' -l output -r -F -d 'write the metrics to this file'
complete -c backy -n '__backy_is config 0' -a 'check' -d ACTION
