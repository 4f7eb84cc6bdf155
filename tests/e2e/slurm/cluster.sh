#!/bin/sh
# One node that is controller, compute node and login node. AUTHORIZED_KEY is the public key of the one who may log in
# as the user prefect; jobs that are over are forgotten after MIN_JOB_AGE seconds. The container is privileged: only so Slurm may write into its cgroups.
set -eu

install -d -o munge -g munge -m 0755 /run/munge
install -d -o prefect -g prefect -m 0700 ~prefect/.ssh
printf '%s\n' "$AUTHORIZED_KEY" > ~prefect/.ssh/authorized_keys

# A login node as many are: its start-up files print, on both streams and without a newline at the end, and one of them
# says what Slurm would say. The login shell by SSH reads the first, that of a job the second.
cat > ~prefect/.bashrc <<'EOF'
echo 4711
echo "JobId=1 JobState=COMPLETED ExitCode=0:0"
echo "slurm is DOWN" >&2
printf 'Welcome to the login node'
printf 'Maintenance on Monday: Connection refused' >&2
trap 'echo Goodbye; echo Goodbye >&2' EXIT
EOF
cat > ~prefect/.bash_profile <<'EOF'
. ~/.bashrc
printf 'Welcome to the node'
EOF
echo 'echo Goodbye' > ~prefect/.bash_logout

# Memory limits are the kernel's: the gatherer's OverMemoryKill ended nothing with Slurm 22.05.
cat > /etc/slurm/cgroup.conf <<EOF
CgroupAutomount=no
CgroupMountpoint=/sys/fs/cgroup
ConstrainRAMSpace=yes
ConstrainSwapSpace=yes
AllowedSwapSpace=0
EOF
# More cores than the machine has: what the tests run there waits.
cat > /etc/slurm/slurm.conf <<EOF
ClusterName=test
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmUser=root
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/cgroup
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=$MIN_JOB_AGE
KillWait=2
OverTimeLimit=0
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
NodeName=$(hostname) NodeAddr=127.0.0.1 CPUs=32 RealMemory=4000
PartitionName=high Nodes=ALL Default=YES MaxTime=INFINITE DefMemPerCPU=100 PriorityTier=2
PartitionName=low Nodes=ALL MaxTime=INFINITE DefMemPerCPU=100 PriorityTier=1
EOF
install -d /var/spool/slurmctld /var/spool/slurmd

runuser -u munge -- /usr/sbin/munged
/usr/sbin/slurmctld
/usr/sbin/slurmd
# Ten logins at once would be refused by chance.
exec /usr/sbin/sshd -D -e -o MaxStartups=100 -o PasswordAuthentication=no -o UsePAM=no
