#!/bin/sh
# Runs a command on "a machine" of its own: fresh network (only loopback), mounts, processes, cgroups, host name, /run/netns and
# /var/lib/pirogue, on the disk and with the programs of this one. When the command ends, so does everything it started, and nothing stays.
#
#   scripts/machine.sh [--] COMMAND [ARGUMENT...]
#
# Needs root. The machine's disk is a directory below $PIROGUE_MACHINE_DIR (default /var/tmp).
set -eu
[ "${1-}" != -- ] || shift
[ $# -gt 0 ] || { echo "usage: scripts/machine.sh COMMAND [ARGUMENT...]" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "scripts/machine.sh: root is needed" >&2; exit 1; }

disk=$(mktemp -d "${PIROGUE_MACHINE_DIR:-/var/tmp}/pirogue-machine.XXXXXX")
cgroup=pirogue-machine-${disk##*.}
# A line per hierarchy: type, mount point, options of the superblock.
hierarchies=$(awk '{ for (i = 7; i <= NF; i++) if ($i == "-") break; if ($(i + 1) ~ /^cgroup2?$/) print $(i + 1), $5, $(i + 3) }' /proc/self/mountinfo)

# Processes of the machine are gone with its first one; what they had is removed here.
clean() {
  trap - EXIT
  echo "$hierarchies" | while read -r type mount options; do
    for try in 1 2 3 4 5 6 7 8 9 10; do
      [ -d "$mount/$cgroup" ] || break
      find "$mount/$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null && break
      sleep 0.1
    done
  done
  rm -rf --one-file-system "$disk"
}
trap clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir "$disk/state"
echo "$hierarchies" | while read -r type mount options; do
  mkdir "$mount/$cgroup"
  if [ -e "$mount/$cgroup/cpuset.cpus" ] && [ "$type" = cgroup ]; then
    for file in cpuset.cpus cpuset.mems; do cat "$mount/$file" > "$mount/$cgroup/$file"; done
  fi
done

# Becomes the first process but for tini, which reaps.
cat > "$disk/inside.sh" <<'END'
set -eu
disk=$1 hierarchies=$2
shift 2
mount -t proc proc /proc
umount -l /sys # with the cgroups that are mounted there
mount -t sysfs sysfs /sys
v1=$(echo "$hierarchies" | grep -c '^cgroup ' || :)
if [ "$v1" = 0 ]; then
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  echo "$hierarchies" | while read -r type mount options; do
    mkdir -p "$mount"
    if [ "$type" = cgroup2 ]; then mount -t cgroup2 cgroup2 "$mount"; continue; fi
    options=$(echo "$options" | sed -e 's/^rw,\?//; s/xattr,\?//; s/clone_children,\?//; s/^\(.*,\)\?name=/none,\1name=/')
    mount -t cgroup -o "$options" cgroup "$mount"
  done
fi
# Processes must not stay in the root of a v2 tree that hands controllers down.
for tree in /sys/fs/cgroup /sys/fs/cgroup/unified; do
  [ -e "$tree/cgroup.controllers" ] || continue
  mkdir "$tree/machine"
  while read -r pid; do [ "$pid" = 0 ] || echo "$pid" > "$tree/machine/cgroup.procs" 2>/dev/null || :; done < "$tree/cgroup.procs"
done
mkdir -p /run/netns /var/lib/pirogue
mount -t tmpfs -o mode=755 tmpfs /run/netns
mount --bind "$disk/state" /var/lib/pirogue
ip link set lo up
exec "$@"
END

export PIROGUE_MACHINE="$disk"
# The shell stays outside to clean up; its child enters the cgroups and then the namespaces.
(
  echo "$hierarchies" | while read -r type mount options; do echo "$mount/$cgroup/cgroup.procs"; done > "$disk/procs"
  while read -r file; do echo 0 > "$file"; done < "$disk/procs"
  # A background job ignores SIGINT, and so must unshare; the command must not. Killed, this shell takes the machine with it.
  exec setpriv --pdeathsig KILL unshare --net --mount --uts --ipc --pid --cgroup --fork --kill-child --propagation private \
    env --default-signal tini -- sh "$disk/inside.sh" "$disk" "$hierarchies" "$@"
) <&0 &
child=$!
# unshare does not answer to SIGTERM; its death is that of the machine.
trap 'kill -KILL $child 2>/dev/null; wait $child; exit 129' HUP
trap '' INT # the command's to answer
trap 'kill -KILL $child 2>/dev/null; wait $child; exit 143' TERM
set +e
wait $child
code=$?
clean
exit $code
