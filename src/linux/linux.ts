/**
 * What the rest of the project asks of the Linux kernel and of the machine's tools: commands, links and routes, mounts, cgroups,
 * processes, container image files, and what the machine has. The only privileged building blocks.
 *
 * Invariants: nothing here knows of clusters, nodes or Kubernetes; nothing is touched that the caller did not name; a process is
 * signalled only while it is provably the one that was recorded (pid and start time), or a member of a cgroup the caller named.
 * It does not decide what to create or to remove: the cluster component does.
 */
export { CommandError, run, type RunOptions } from './run.ts';
export {
  type CgroupHierarchy,
  type CgroupSystem,
  cgroupProcesses,
  createCgroup,
  createCgroupLeaf,
  detectCgroups,
  killCgroup,
  parseCgroups,
  removeCgroup,
} from './cgroup.ts';
export { deleteLink, type Link, ipBatch, listLinks, listRoutes, type Route } from './ip.ts';
export { type Mount, mountsUnder, parseMountinfo, readMountinfo, unmountUnder } from './mounts.ts';
export {
  innerPid,
  isAlive,
  killProcess,
  namespaceOf,
  processIdentity,
  type ProcessIdentity,
  processMemory,
  type ProcessMemory,
  readProcessStat,
  type ProcessStat,
  waitForExit,
} from './process.ts';
export { directoryEntries, type TarEntry } from './tar.ts';
export { type OciImage, type OciImageConfig, writeOciImage } from './ociimage.ts';
export {
  CAP_SYS_RESOURCE,
  detectMachine,
  type Machine,
  type Requirement,
  supportsOverlay,
  unmetRequirements,
} from './machine.ts';
export { errorCode } from './errno.ts';
export { quote } from './shell.ts';
