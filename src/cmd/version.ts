import type { VersionInfo } from '#apiserver';

/** The Kubernetes this program stands for. The patch release follows upstream's API, whose facts were read from v0.36.3. */
export const KUBERNETES_VERSION = 'v1.36.3';

/** Go's compiler and version are asked for by clients, which parse but do not use them; what runs here is named instead. */
export const versionInfo = (): VersionInfo => ({
  major: '1',
  minor: '36',
  gitVersion: `${KUBERNETES_VERSION}+pirogue`,
  gitCommit: '',
  gitTreeState: '',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: `node-${process.version}`,
  compiler: 'v8',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
});
