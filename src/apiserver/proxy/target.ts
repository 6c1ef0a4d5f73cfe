import { BlockList, isIP } from 'node:net';
import { badRequest, Endpoints, type Node, notFound, Pod, Service, StatusError, Node as NodeKind } from '#api';
import type { Registry } from '../registry/registry.ts';
import type { Backend, BackendTls } from './backend.ts';

const DEFAULT_KUBELET_PORT = 10250;
/** Kinds of addresses of a node in the order they are tried. Source: --kubelet-preferred-address-types as kubeadm sets it, v1.36. */
const ADDRESS_TYPES = ['InternalIP', 'ExternalIP', 'Hostname'];

export interface TargetOptions {
  readonly registry: Registry;
  /** In [0,1): picks among endpoints. */
  readonly random: () => number;
  readonly kubeletTls: BackendTls;
  /** Addresses of a name. */
  readonly lookup: (host: string) => Promise<readonly { readonly address: string }[]>;
}

interface SchemeNamePort {
  readonly scheme: string;
  readonly name: string;
  readonly port: string;
}

/** `name`, `name:port` or `scheme:name:port`. Source: SplitSchemeNamePort of apimachinery pkg/util/net v0.36. */
function splitSchemeNamePort(id: string): SchemeNamePort | undefined {
  const parts = id.split(':');
  if (parts.length > 3) return undefined;
  const [name = '', port = ''] = parts.length === 3 ? parts.slice(1) : parts;
  const scheme = parts.length === 3 ? parts[0]! : '';
  return name === '' || !['', 'http', 'https'].includes(scheme) ? undefined : { scheme, name, port };
}

function parsed(id: string, what: string): SchemeNamePort {
  const found = splitSchemeNamePort(id);
  if (found === undefined) throw badRequest(`invalid ${what} request ${JSON.stringify(id)}`);
  return found;
}

const backendOf = (scheme: string, host: string, port: string): Backend => {
  const secure = scheme === 'https';
  const number = port === '' ? (secure ? 443 : 80) : Number(port);
  // What Go finds out when it dials.
  if (!Number.isInteger(number) || number < 0 || number > 65535)
    throw new StatusError(
      'ServiceUnavailable',
      /^\d+$/.test(port)
        ? `error trying to reach service: dial tcp: address ${port}: invalid port`
        : `error trying to reach service: dial tcp: lookup tcp/${port}: unknown port`,
    );
  return { scheme: secure ? 'https' : 'http', host, port: number };
};

/** Where a pod, a service or a node answers what is asked of it through the proxy. Source: ResourceLocation of pkg/registry/core/{pod,service,node} v1.36. */
export async function targetOf(
  options: TargetOptions,
  plural: string,
  namespace: string,
  id: string,
): Promise<Backend> {
  switch (plural) {
    case 'pods':
      return podTarget(options, namespace, id);
    case 'services':
      return serviceTarget(options, namespace, id);
    default:
      return await nodeTarget(options, id);
  }
}

function podTarget({ registry }: TargetOptions, namespace: string, id: string): Backend {
  const { scheme, name, port } = parsed(id, 'pod');
  const entry = registry.resource(Pod).get(namespace, name);
  if (entry === undefined) throw notFound(Pod, name);
  const { spec, status } = entry.object as Pod;
  const first = spec.containers.find(({ ports = [] }) => ports.length > 0)?.ports?.[0]?.containerPort;
  const ip = status.podIPs?.[0]?.ip ?? '';
  if (!isGlobalUnicast(ip)) throw badRequest('address not allowed');
  return backendOf(scheme, ip, port !== '' || first === undefined ? port : String(first));
}

/** Addresses of this host, of one link or of many. IPv4 addresses written as IPv6 are those of IPv4. Source: IsGlobalUnicast of Go's net. */
const LOCAL = new BlockList();
for (const [network, bits] of [
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['0.0.0.0', 32],
  ['255.255.255.255', 32],
] as const)
  LOCAL.addSubnet(network, bits);
for (const [network, bits] of [
  ['::', 128],
  ['::1', 128],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  LOCAL.addSubnet(network, bits, 'ipv6');

function isGlobalUnicast(ip: string): boolean {
  const family = isIP(ip);
  return family !== 0 && !LOCAL.check(ip, family === 6 ? 'ipv6' : 'ipv4');
}

function serviceTarget(options: TargetOptions, namespace: string, id: string): Backend {
  const { registry, random } = options;
  const { scheme, name, port } = parsed(id, 'service');
  const portName = /^[+-]?\d+$/.test(port) ? portNameOf(registry, namespace, name, Number(port)) : port;
  const entry = registry.resource(Endpoints).get(namespace, name);
  if (entry === undefined) throw notFound(Endpoints, name);
  const { subsets = [] } = entry.object as Endpoints;
  if (subsets.length === 0) throw noEndpoints(name);
  for (const { addresses = [], ports = [] } of rotated(subsets, random())) {
    const endpointPort = ports.find((p) => (p.name ?? '') === portName)?.port;
    if (endpointPort === undefined) continue;
    for (const address of rotated(addresses, random()))
      if (isOfPod(registry, namespace, address)) return backendOf(scheme, address.ip, String(endpointPort));
  }
  throw noEndpoints(id);
}

const noEndpoints = (id: string): StatusError =>
  new StatusError('ServiceUnavailable', `no endpoints available for service ${JSON.stringify(id)}`);

function portNameOf(registry: Registry, namespace: string, name: string, port: number): string {
  const entry = registry.resource(Service).get(namespace, name);
  if (entry === undefined) throw notFound(Service, name);
  const found = (entry.object as Service).spec.ports?.find((p) => p.port === port);
  if (found === undefined)
    throw new StatusError('ServiceUnavailable', `no service port ${port} found for service ${JSON.stringify(name)}`);
  return found.name ?? '';
}

/** All of them, from one at random on. */
const rotated = <T>(items: readonly T[], random: number): T[] => {
  const at = Math.floor(random * items.length);
  return [...items.slice(at), ...items.slice(0, at)];
};

type Address = NonNullable<NonNullable<Endpoints['subsets']>[number]['addresses']>[number];

/** Endpoints anybody can write, so an address counts only if a pod of the namespace has it. Source: isValidAddress, as above. */
function isOfPod(registry: Registry, namespace: string, { ip, targetRef }: Address): boolean {
  if (targetRef === undefined || targetRef.namespace !== namespace) return false;
  const pod = registry.resource(Pod).get(namespace, targetRef.name ?? '')?.object as Pod | undefined;
  return pod?.status.podIPs?.some((own) => own.ip === ip) === true;
}

async function nodeTarget({ registry, kubeletTls, lookup }: TargetOptions, id: string): Promise<Backend> {
  const { scheme, name, port } = parsed(id, 'node');
  const kubelet = kubeletOf(registry, name, kubeletTls);
  for (const ip of await addressesOf(kubelet.host, lookup))
    if (!isGlobalUnicast(ip)) throw badRequest('address not allowed');
  return port === '' || port === String(kubelet.port) ? kubelet : backendOf(scheme, kubelet.host, port);
}

/** A node says itself where it is, which may be this very host. Source: isProxyableHostname of pkg/registry/core/node/strategy.go v1.36. */
async function addressesOf(host: string, lookup: TargetOptions['lookup']): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  let found: readonly { readonly address: string }[];
  try {
    found = await lookup(host);
  } catch (cause) {
    throw new StatusError('BadRequest', `lookup ${host}: no such host`, { cause });
  }
  if (found.length === 0) throw badRequest('no addresses for hostname');
  return found.map(({ address }) => address);
}

/** The kubelet of a node. Source: NodeConnectionInfoGetter of pkg/kubelet/client v1.36. */
export function kubeletOf(registry: Registry, name: string, tls: BackendTls): Backend {
  const entry = registry.resource(NodeKind).get('', name);
  if (entry === undefined) throw notFound(NodeKind, name);
  const { addresses = [], daemonEndpoints } = (entry.object as Node).status;
  for (const type of ADDRESS_TYPES) {
    const found = addresses.find((a) => a.type === type);
    if (found === undefined) continue;
    const port = daemonEndpoints?.kubeletEndpoint?.Port ?? 0;
    return { scheme: 'https', host: found.address, port: port === 0 ? DEFAULT_KUBELET_PORT : port, tls };
  }
  const known = addresses.map(({ type, address }) => `{${type} ${address}}`).join(' ');
  throw new StatusError('', `no preferred addresses found; known addresses: [${known}]`);
}
