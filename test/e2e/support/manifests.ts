/** Manifests of tests, shorter to write. */
import { BUSYBOX } from './cluster.ts';
import type { Manifest } from './kubectl.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Ends at once when it is asked to, which a shell as the first process does not do by itself. */
export const FOREVER = ['sh', '-c', 'trap exit TERM; sleep 100000 & wait'];

/** A container of busybox, by default one that runs until it is asked to end. */
export function container(fields: Fields = {}): Fields {
  return { name: 'main', image: BUSYBOX, imagePullPolicy: 'IfNotPresent', command: FOREVER, ...fields };
}

/** A command for a container: a script of the shell. */
export function shell(script: string): { readonly command: readonly string[] } {
  return { command: ['sh', '-c', script] };
}

export function pod(name: string, spec: Fields, metadata: Fields = {}): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...metadata },
    spec: { terminationGracePeriodSeconds: 5, ...spec },
  };
}

export function configMap(name: string, data: Readonly<Record<string, string>>): Manifest {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

export function secret(name: string, stringData: Readonly<Record<string, string>>): Manifest {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData };
}

/** A Deployment whose pods carry the label `app: NAME`. */
export function deployment(name: string, replicas: number, podSpec: Fields, spec: Fields = {}): Manifest {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { terminationGracePeriodSeconds: 5, ...podSpec } },
      ...spec,
    },
  };
}

export function service(name: string, spec: Fields): Manifest {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: name }, ...spec } };
}
