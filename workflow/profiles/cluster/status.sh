#!/usr/bin/env bash
# What Snakemake asks about a job of SLURM, by its number: prints running, success or failed.
set -u
if ! answer=$(scontrol --oneliner show job "$1" 2>&1); then
    # A controller that does not answer says nothing about the job; one that has forgotten the job has waited minutes after its end.
    [[ $answer == *"Invalid job id"* ]] && echo failed || echo running
    exit
fi
[[ $answer =~ JobState=([A-Z_]+) ]]
case ${BASH_REMATCH[1]:-} in
    COMPLETED) echo success ;;
    BOOT_FAIL | CANCELLED | DEADLINE | FAILED | NODE_FAIL | OUT_OF_MEMORY | TIMEOUT) echo failed ;;
    *) echo running ;; # also what was preempted or requeued and waits
esac
