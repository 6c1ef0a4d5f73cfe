import { type CgroupSystem, quote } from '#linux';
import { join } from 'node:path';

/** A program that is started again whenever it ends. */
export interface Service {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface SupervisorOptions {
  readonly services: readonly Service[];
  /** Directory of `<name>.log`. */
  readonly logDirectory: string;
  /** Directory of `<name>.pid`, pids as the supervisor counts them. */
  readonly runDirectory: string;
  /** How long services may take to end after SIGTERM. */
  readonly graceSeconds: number;
  /** On the way down, after the services: signal every process of the pid namespace, as a machine that shuts down does. Only for its pid 1's child. */
  readonly terminateAll?: boolean;
}

const LOG_MAX_BYTES = 10 << 20;
/** How often logs are looked at; between two looks they may grow beyond their size. */
const LOG_CHECK_SECONDS = 60;
const DELAY_MIN_SECONDS = 1;
const DELAY_MAX_SECONDS = 10;

/**
 * A shell script that keeps services running, to be run under tini, which reaps orphans. It ends on SIGTERM, when its services have.
 * A shell and not a Node program: it must be small, start in a millisecond and outlive anything.
 */
export function supervisorScript({
  services,
  logDirectory,
  runDirectory,
  graceSeconds,
  terminateAll = false,
}: SupervisorOptions): string {
  const log = (name: string): string => quote(join(logDirectory, `${name}.log`));
  const start = services.map(({ name, command, env }) => {
    const variables = Object.entries(env).map(([key, value]) => quote(`${key}=${value}`));
    // A background job of a shell ignores SIGINT and SIGQUIT, and so would every container below: env undoes that.
    const line = ['env', '-i', '--default-signal', ...variables, ...command.map(quote)].join(' ');
    return `supervise ${quote(name)} ${log(name)} ${line} &\nsupervisors="$supervisors $!"`;
  });
  const rotate = services.map(({ name }) => `rotate ${log(name)}`).join('; ');
  return `#!/bin/sh
# Written by pirogue. Keeps services running: started again ${DELAY_MIN_SECONDS} to ${DELAY_MAX_SECONDS} s after they end; ends on SIGTERM.
umask 022
mkdir -p ${quote(logDirectory)} ${quote(runDirectory)}

# Writers append, so the file can be cut under them.
rotate() {
  if [ -n "$(find "$1" -size +${LOG_MAX_BYTES}c 2>/dev/null)" ]; then cp "$1" "$1.1" && : > "$1"; fi
}

supervise() {
  name=$1 log=$2; shift 2
  child= stopping= delay=${DELAY_MIN_SECONDS}
  trap 'stopping=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM
  while [ -z "$stopping" ]; do
    read -r began rest </proc/uptime
    "$@" >>"$log" 2>&1 </dev/null &
    child=$!
    echo "$child" > ${quote(runDirectory)}/"$name.pid"
    wait "$child"; code=$?
    while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
    child=
    rm -f ${quote(runDirectory)}/"$name.pid"
    [ -z "$stopping" ] || break
    read -r ended rest </proc/uptime
    [ $(( \${ended%.*} - \${began%.*} )) -lt ${DELAY_MAX_SECONDS} ] || delay=${DELAY_MIN_SECONDS}
    echo "pirogue: $name ended with code $code; started again in $delay s" >>"$log"
    sleep "$delay" &
    wait "$!"
    delay=$((delay * 2)); [ "$delay" -le ${DELAY_MAX_SECONDS} ] || delay=${DELAY_MAX_SECONDS}
  done
}

supervisors= stopping=
trap 'stopping=1' TERM INT
${start.join('\n')}

while [ -z "$stopping" ]; do
  sleep ${LOG_CHECK_SECONDS} &
  pause=$!
  wait "$pause"
  ${rotate}
done
kill "$pause" 2>/dev/null
kill -TERM $supervisors 2>/dev/null
sleep ${graceSeconds} && kill -KILL $supervisors 2>/dev/null &
alarm=$!
wait $supervisors
kill "$alarm" 2>/dev/null
${terminateAll ? `kill -TERM -1 2>/dev/null\nfor try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do\n  set -- /proc/[0-9]*\n  [ "$#" -gt 2 ] || break # pid 1 and this shell\n  sleep 0.1\ndone\n` : ''}exit 0
`;
}

export interface BootOptions {
  readonly hostname: string;
  /** The node's disk on the machine. */
  readonly root: string;
  readonly address: string;
  readonly gateway: string;
  readonly cgroups: CgroupSystem;
  /** Directories of the machine shown read-only at the same path. */
  readonly readOnlyPaths: readonly string[];
  /** Mount points of the machine that lie below read-only paths and stay writable unless each is remounted. */
  readonly readOnlyMounts: readonly string[];
  /** Directory of the machine → path in the node, writable. */
  readonly binds: readonly { readonly from: string; readonly to: string }[];
  /** Script that becomes the node's first program, a path in the node. */
  readonly init: string;
}

/** Mounts of the node's own view of its cgroup, which is the root of its cgroup namespace. Run with the current directory at the node's root. */
function cgroupMounts({ mode, hierarchies }: CgroupSystem): string {
  if (mode === 'v2') {
    return [
      'mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup',
      'for controller in $(cat sys/fs/cgroup/cgroup.controllers); do',
      '  echo "+$controller" 2>/dev/null > sys/fs/cgroup/cgroup.subtree_control || :',
      'done',
    ].join('\n');
  }
  // Of a hybrid system the v2 tree is left out: what it has is of no use to a runtime, and crun refuses to work with it.
  const lines = ['mount -t tmpfs -o nosuid,nodev,noexec,mode=755 cgroup sys/fs/cgroup'];
  for (const { version, controllers } of hierarchies) {
    if (version === 2) continue;
    const name = controllers.join(',').replace('name=', '');
    const options = controllers.some((c) => c.startsWith('name=')) ? ['none', ...controllers] : controllers;
    lines.push(`mkdir ${quote(`sys/fs/cgroup/${name}`)}`);
    lines.push(
      `mount -t cgroup -o ${quote(['nosuid,nodev,noexec', ...options].join(','))} cgroup ${quote(`sys/fs/cgroup/${name}`)}`,
    );
    if (controllers.length > 1)
      lines.push(...controllers.map((c) => `ln -s ${quote(name)} ${quote(`sys/fs/cgroup/${c}`)}`));
  }
  return lines.join('\n');
}

function readOnlyBinds({ readOnlyPaths, readOnlyMounts }: BootOptions): string {
  const binds = readOnlyPaths.map(
    (path) => `mkdir -p ${quote(`.${path}`)}; mount --rbind ${quote(path)} ${quote(`.${path}`)}`,
  );
  const remounts = [...readOnlyPaths, ...readOnlyMounts].map((path) => `mount -o remount,bind,ro ${quote(`.${path}`)}`);
  return [...binds, ...remounts].join('\n');
}

/**
 * The node's /dev is its own: the machine's is one file system for all, and whoever is root in a node, or in a pod that mounts the node's /dev, could take
 * /dev/null away from everybody. It gets copies of the device nodes a node has use for, as far as the machine has them.
 */
const DEVICES = [
  'mkdir -p dev/net',
  'for device in null zero full random urandom tty kmsg fuse kvm vhost-net loop-control net/tun; do',
  '  [ ! -c "/dev/$device" ] || cp -a "/dev/$device" "dev/$device"',
  'done',
  'ln -s /proc/self/fd dev/fd',
  'for stream in stdin:0 stdout:1 stderr:2; do ln -s "/proc/self/fd/${stream#*:}" "dev/${stream%:*}"; done',
  'ln -s pts/ptmx dev/ptmx',
].join('\n');

/**
 * Makes a node out of the namespaces it is started in, as their pid 1, and becomes the node's init. It waits for the line "go" on its
 * standard input before it needs the network device eth0; if the input ends instead, the node ends.
 */
export function bootScript(options: BootOptions): string {
  const binds = options.binds.map(
    ({ from, to }) => `mkdir -p ${quote(`.${to}`)}; mount --bind ${quote(from)} ${quote(`.${to}`)}`,
  );
  return `#!/bin/sh
# Written by pirogue at each start of the node.
set -eu
umask 022
mount --bind ${quote(options.root)} ${quote(options.root)}
cd ${quote(options.root)}
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs run
mkdir -p run/lock run/containerd run/netns
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t tmpfs -o nosuid,mode=755 tmpfs dev
${DEVICES}
mkdir -p dev/shm dev/pts dev/mqueue
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs dev/shm
mount -t devpts -o nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
mount -t mqueue -o nosuid,nodev,noexec mqueue dev/mqueue 2>/dev/null || :
mount -t sysfs -o nosuid,nodev,noexec sysfs sys
${cgroupMounts(options.cgroups)}
${readOnlyBinds(options)}
${binds.join('\n')}
hostname ${quote(options.hostname)}
echo 1 > proc/sys/net/ipv4/ip_forward
read -r word || exit 1
[ "$word" = go ] || exit 1
ip -batch - <<'END'
link set lo up
link set eth0 up
address add ${options.address} dev eth0
route add default via ${options.gateway}
END
mkdir -p .old
pivot_root . .old
cd /
umount -l /.old
rmdir /.old
mount --make-rshared /
exec tini -- /bin/sh ${quote(options.init)} </dev/null
`;
}

export interface LaunchOptions {
  readonly cgroups: CgroupSystem;
  /** What becomes the root of the node's cgroup namespace. */
  readonly cgroup: string;
  /** Child of it for the node's own programs; it exists. */
  readonly leaf: string;
  readonly bootScript: string;
  readonly bootLog: string;
}

/** Commands by which a shell puts itself into a cgroup, in every hierarchy; they fail if the cgroup is not there any more. */
export function joinCgroup({ hierarchies }: CgroupSystem, cgroup: string): string {
  return hierarchies.map(({ mountPoint }) => `echo 0 > ${quote(join(mountPoint, cgroup, 'cgroup.procs'))}`).join('\n');
}

/**
 * Starts the boot script as pid 1 of new namespaces with descriptor 3 as its standard input, prints its pid and ends. From its first lines on the process is in the cluster's
 * cgroup, where the removal of a cluster finds it even if the one who started it was killed.
 */
export function launchScript({ cgroups, cgroup, leaf, bootScript: boot, bootLog }: LaunchOptions): string {
  // The first process forked after unshare --pid is pid 1 of the new namespace. On cgroup v2 processes must not stay in the root of the
  // namespace: hence the leaf.
  const inside = `${joinCgroup(cgroups, leaf)}
env --default-signal sh ${quote(boot)} <&3 3<&- >${quote(bootLog)} 2>&1 &
echo $!`;
  return `set -e
${joinCgroup(cgroups, cgroup)}
exec unshare --net --mount --uts --ipc --pid --cgroup --propagation private sh -ec ${quote(inside)}
`;
}
