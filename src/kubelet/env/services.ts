import type { Service } from '#api';

/** `web-1` → `WEB_1`. */
const variableName = (text: string): string => text.toUpperCase().replaceAll('-', '_');

/** The variables of one service, as Docker's links had them. Source: pkg/kubelet/envvars/envvars.go v1.36. */
function serviceVariables({ metadata, spec }: Service): [string, string][] {
  const [first, ...rest] = spec.ports ?? [];
  const host = spec.clusterIP ?? '';
  if (first === undefined) return [];
  const name = variableName(metadata.name);
  const result: [string, string][] = [
    [`${name}_SERVICE_HOST`, host],
    [`${name}_SERVICE_PORT`, String(first.port)],
  ];
  for (const port of [first, ...rest]) {
    if ((port.name ?? '') !== '')
      result.push([`${name}_SERVICE_PORT_${variableName(port.name ?? '')}`, String(port.port)]);
  }
  const address = host.includes(':') ? `[${host}]` : host;
  for (const [index, { port, protocol = 'TCP' }] of [first, ...rest].entries()) {
    const url = `${protocol.toLowerCase()}://${address}:${port}`;
    const prefix = `${name}_PORT_${port}_${protocol.toUpperCase()}`;
    if (index === 0) result.push([`${name}_PORT`, url]);
    result.push(
      [prefix, url],
      [`${prefix}_PROTO`, protocol.toLowerCase()],
      [`${prefix}_PORT`, String(port)],
      [`${prefix}_ADDR`, host],
    );
  }
  return result;
}

/**
 * Those a pod of `namespace` sees: `kubernetes` of the default namespace always, the namespace's own if it wants links. Source:
 * getServiceEnvVarMap (kubelet_pods.go v1.36).
 */
export function serviceEnvironment(
  services: readonly Service[],
  { namespace, links }: { namespace: string; links: boolean },
): ReadonlyMap<string, string> {
  const seen = new Map<string, Service>();
  for (const service of services) {
    const { name, namespace: where = '' } = service.metadata;
    const ip = service.spec.clusterIP ?? '';
    if (ip === '' || ip === 'None') continue;
    if (where === namespace && links) seen.set(name, service);
    else if (where === 'default' && name === 'kubernetes' && !seen.has(name)) seen.set(name, service);
  }
  const sorted = [...seen.values()].toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return new Map(sorted.flatMap(serviceVariables));
}
