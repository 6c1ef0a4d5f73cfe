/**
 * The API server: the only door to the datastore. Owns the filters every request passes, the registry of kinds with their watch caches, admission, and the
 * HTTP face. Its invariants: nothing unvalidated is stored; what was acknowledged is durable; every reader gets the bytes that were stored.
 * It decides nothing about workloads: controllers, scheduler and nodes do, as its clients.
 */
import {
  ClusterRole,
  ClusterRoleBinding,
  internalError,
  Role,
  RoleBinding,
  StatusError,
  type Transport,
  YamlThread,
} from '#api';
import type { Store } from '#store';
import type { Clock, Logger } from '#util';
import { newAdmission, type UserInfo } from './admission/admission.ts';
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './admission/certificates.ts';
import { defaultTolerationSeconds, namespaceLifecycle, priority, taintNodesByCondition } from './admission/plugins.ts';
import { serviceAccount } from './admission/service-account.ts';
import { podTopologyLabels } from './admission/topology-labels.ts';
import { bearerTokens, clientCertificates, webSocketTokens } from './authn/authn.ts';
import { rbacEscalation } from './authz/rbac/escalation.ts';
import { RbacAuthorizer } from './authz/rbac/rbac.ts';
import { nodeAuthorizer, privilegedGroup, unionAuthorizer } from './authz/union.ts';
import { bootstrap, bootstrapRoles, keepBootstrapped } from './bootstrap.ts';
import { Definitions } from './crd/definitions.ts';
import { definitionHooks } from './crd/hooks.ts';
import type { Encryption } from './encryption/encryption.ts';
import { identity } from './encryption/transformer.ts';
import { admissionHooks } from './expressions/admission.ts';
import { deviceHooks } from './expressions/devices.ts';
import { FieldManagers } from './fields/managers.ts';
import { withHeaders } from './filters/headers.ts';
import { withImpersonation } from './filters/impersonation.ts';
import { dispatch } from './handlers/dispatch.ts';
import { type HealthCheck, LISTEN_STEPS, OWN_STEPS, type StartStep } from './health/health.ts';
import { newLocalTransport } from './handlers/local.ts';
import type { VerbEnvironment } from './handlers/options.ts';
import { chain, type HttpHandler, RequestContext } from './http/context.ts';
import {
  statusResponse,
  withAuthentication,
  withAuthorization,
  Watermark,
  withMaxInFlight,
  withRequestLog,
  withStatusErrors,
  withTimeout,
} from './http/filters.ts';
import type { VersionInfo } from './http/nonresource.ts';
import { requestInfoOf } from './http/request-info.ts';
import { newHttpServer } from './http/server.ts';
import { AccessMetrics } from './metrics/access.ts';
import { type MetricsSource, metricsText } from './metrics/metrics.ts';
import { newRequestMetrics } from './metrics/requests.ts';
import { StorageMetrics } from './metrics/storage.ts';
import { WatchMetrics } from './metrics/watch.ts';
import { readDescriptions } from './openapi/descriptions.ts';
import { OpenApi } from './openapi/openapi.ts';
import type { Egress } from './proxy/backend.ts';
import { newNodeProxy } from './proxy/node-proxy.ts';
import { certificateHooks } from './registry/certificates.ts';
import { namespaceHooks } from './registry/namespaces.ts';
import { Registry } from './registry/registry.ts';
import type { ResourceHooks } from './registry/scope.ts';
import { newServiceResolver } from './webhook/resolver.ts';
import { ServerEndpoints } from './services/endpoints.ts';
import { newServiceAllocation } from './services/services.ts';
import { ServiceAccountTokens } from './serviceaccount/authenticator.ts';
import { ISSUER } from './serviceaccount/claims.ts';
import { signingKey, temporaryKey } from './serviceaccount/keys.ts';
import { newUseNotes } from './serviceaccount/last-used.ts';
import { openIdDocuments } from './serviceaccount/openid.ts';
import { signToken } from './serviceaccount/signer.ts';
import { accessReviews } from './virtual/access-reviews.ts';
import { authenticationReviews } from './virtual/authentication-reviews.ts';
import { coreKinds } from './virtual/core.ts';
import { newVirtualResources } from './virtual/virtual.ts';
import { FanOut } from './watchcache/fan-out.ts';

export { Encryption, type EncryptionOptions } from './encryption/encryption.ts';
export { newSecretTokenSigner } from './serviceaccount/signer.ts';
export { serviceAccountUser } from './authn/service-account-user.ts';
export type { UserInfo } from './admission/admission.ts';
export type { VersionInfo } from './http/nonresource.ts';

/** Source: --request-timeout, --max-requests-inflight, --max-mutating-requests-inflight defaults v1.36. */
const REQUEST_TIMEOUT_MS = 60_000;
const MAX_IN_FLIGHT = { readOnly: 400, mutating: 200 };
/** Source: --api-audiences v1.36, by default the issuer of service-account tokens. */
const API_AUDIENCES = [ISSUER];
/** Requests under way have this long to end when the server stops. */
const SHUTDOWN_GRACE_MS = 1000;

export interface ApiServerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** In [0,1). */
  readonly random: () => number;
  readonly newUid: () => string;
  readonly version: VersionInfo;
  /** Range of cluster IPs: `10.96.0.0/12`. */
  readonly serviceCidr: string;
  /** Private key of service-account tokens in PEM; absent: one that ends with the server. */
  readonly serviceAccountKey?: string | undefined;
  /** What `kubectl explain` says of fields, as the set-up has written it; absent: nothing. */
  readonly descriptionsFile?: string | undefined;
  /** Encryption at rest; ends with whoever opened it. Absent: objects are stored as they are. */
  readonly encryption?: Encryption | undefined;
}

export interface ListenOptions {
  readonly addresses: readonly string[];
  readonly port: number;
  /** Address nodes and pods reach the server by; it stands behind the `kubernetes` Service. */
  readonly advertiseAddress: string;
  readonly certificate: string;
  readonly key: string;
  /** Authority of client certificates and of the kubelets' serving certificates. */
  readonly ca: string;
  /** Where connections to nodes, pods and services really go. Default: where they are meant for. */
  readonly egress?: Egress | undefined;
  /** How this server shows itself to kubelets. */
  readonly kubeletClient: { readonly certificate: string; readonly key: string };
}

export interface ApiServer {
  /** The API by function call, as `user`. `userAgent` begins as that of upstream's component: `kube-scheduler`; it names the manager of what is written. */
  transport(user: UserInfo, options?: { readonly userAgent?: string }): Transport;
  /** The API by HTTP requests without a connection: what stands behind the port, for tools that need no port. */
  handler(options: ListenOptions): HttpHandler;
  /** Opens the port and writes what hangs on the address; resolves with the port. */
  listen(options: ListenOptions): Promise<number>;
  /** Adds a check to /readyz. */
  addReadyCheck(name: string, check: HealthCheck): void;
  /** Adds to what /metrics tells. */
  addMetrics(source: MetricsSource): void;
  /** Adds one to the component statuses; the datastore is there by itself. */
  addComponent(name: string, check: HealthCheck): void;
  close(): Promise<void>;
}

/** Loads the caches and stands ready; it listens only when told to. */
export async function newApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { store, clock, log, random, newUid, descriptionsFile, encryption } = options;
  const transformerOf = encryption === undefined ? undefined : encryption.transformer.bind(encryption);
  const storageMetrics = new StorageMetrics(clock);
  const watchMetrics = new WatchMetrics();
  const registry = new Registry(store, { clock, log, storageMetrics, transformerOf });
  await registry.start();
  const resource = (plural: string): ReturnType<Registry['resource']> => registry.find('', 'v1', plural)!;
  const rbac = new RbacAuthorizer({
    roles: registry.resource(Role),
    roleBindings: registry.resource(RoleBinding),
    clusterRoles: registry.resource(ClusterRole),
    clusterRoleBindings: registry.resource(ClusterRoleBinding),
  });
  // Source: --authorization-mode=Node,RBAC, behind the group that needs no role: pkg/kubeapiserver/authorizer v1.36.
  const authorizer = unionAuthorizer([privilegedGroup('system:masters'), nodeAuthorizer(), rbac]);
  const key = signingKey(options.serviceAccountKey ?? temporaryKey());
  const tokens = new ServiceAccountTokens({
    keys: [key],
    apiAudiences: API_AUDIENCES,
    resource: (kind) => registry.resource(kind),
    noteUse: newUseNotes({ transport: () => ownTransport, clock, log }),
    clock,
  });
  const hooks = new Map<string, ResourceHooks>([
    ['namespaces', namespaceHooks],
    ['certificatesigningrequests.certificates.k8s.io', certificateHooks],
    ['customresourcedefinitions.apiextensions.k8s.io', definitionHooks(clock)],
    ...admissionHooks(clock),
    ...deviceHooks(clock),
  ]);
  const env: VerbEnvironment = {
    store,
    fanOut: new FanOut(clock),
    storageMetrics,
    watchMetrics,
    authorizer,
    tokens: { apiAudiences: API_AUDIENCES, sign: (claims) => signToken(key, claims) },
    fields: new FieldManagers({ clock, log, versions: (kind) => registry.versions(kind) }),
    resource: (kind) => registry.resource(kind),
    clock,
    random,
    newUid,
    log,
    // In the order of upstream's AllOrderedPlugins.
    admission: newAdmission([
      namespaceLifecycle(resource('namespaces')),
      serviceAccount(resource('serviceaccounts'), { random, clock }),
      taintNodesByCondition,
      priority(registry.find('scheduling.k8s.io', 'v1', 'priorityclasses')!),
      defaultTolerationSeconds,
      certificateApproval(authorizer),
      certificateSigning(authorizer),
      certificateSubjectRestriction,
      podTopologyLabels(resource('nodes')),
      rbacEscalation(rbac, authorizer),
    ]),
    hooks,
  };
  const readyChecks: Record<string, HealthCheck> = {};
  const startSteps = new Map<StartStep, () => boolean>();
  const moreMetrics: MetricsSource[] = [storageMetrics, watchMetrics];
  if (encryption !== undefined) moreMetrics.push(encryption.metrics);
  let stopping = false;
  const components = new Map<string, HealthCheck>();
  const virtual = newVirtualResources([
    ...coreKinds(env, components),
    ...accessReviews(authorizer),
    ...authenticationReviews(tokens, API_AUDIENCES, clock),
  ]);
  const transport = (user: UserInfo, { userAgent = '' } = {}): Transport =>
    newLocalTransport({ env, registry, virtual, authorizer, user, userAgent });
  const ownTransport = transport(
    { name: 'system:apiserver', groups: ['system:masters'] },
    { userAgent: 'kube-apiserver' },
  );
  const allocation = newServiceAllocation({
    registry,
    transport: ownTransport,
    cidrs: options.serviceCidr.split(','),
    clock,
    random,
    newUid,
    log,
  });
  hooks.set('services', allocation.hooks);
  moreMetrics.push(allocation.metrics);
  await allocation.prepare();
  const definitions = new Definitions({
    registry,
    env,
    transport: ownTransport,
    resolve: newServiceResolver(registry, random),
    transformerOf: transformerOf ?? (() => identity),
  });
  definitions.start();
  for (const step of OWN_STEPS) startSteps.set(step, () => step !== 'crd-informer-synced' || definitions.isSynced);
  const yaml = new YamlThread(clock);
  const closers: (() => Promise<void>)[] = [];

  const server: ApiServer = {
    transport,
    addReadyCheck: (name, check) => void (readyChecks[name] = check),
    addMetrics: (source) => void moreMetrics.push(source),
    addComponent: (name, check) => void components.set(name, check),
    handler(listen) {
      const requests = newRequestMetrics({ registry, virtual, clock });
      const access = new AccessMetrics(clock);
      const inFlight = { readOnly: new Watermark(), mutating: new Watermark() };
      const { version } = options;
      const handler = chain(
        // In the order of kube-apiserver's DefaultBuildHandlerChain.
        [
          requests.filter,
          withRequestLog(clock),
          withHeaders(newUid),
          withStatusErrors,
          withTimeout(clock, REQUEST_TIMEOUT_MS),
          withAuthentication(
            [clientCertificates, bearerTokens(tokens, API_AUDIENCES), webSocketTokens(tokens, API_AUDIENCES)],
            access,
          ),
          withImpersonation(authorizer),
          withMaxInFlight(MAX_IN_FLIGHT, inFlight),
          withAuthorization(authorizer, access),
        ],
        dispatch({
          env,
          registry,
          virtual,
          clock,
          yaml,
          store,
          openApi: new OpenApi({
            kinds: () => registry.kinds,
            version: options.version.gitVersion,
            clock,
            descriptions: descriptionsFile === undefined ? undefined : () => readDescriptions(descriptionsFile),
          }),
          openId: openIdDocuments([key], `${listen.advertiseAddress}:${listen.port}`),
          serverAddress: `${listen.advertiseAddress}:${listen.port}`,
          version: options.version,
          readyChecks,
          startSteps,
          unsynced: () => registry.unsynced,
          stopping: () => stopping,
          log,
          metrics: () =>
            metricsText({ registry, inFlight, version, clock, sources: [requests, access, ...moreMetrics] }),
          nodeProxy: newNodeProxy({
            registry,
            authorizer,
            tls: { ca: listen.ca, ...listen.kubeletClient },
            random,
            egress: listen.egress,
            log,
          }),
        }),
      );
      return (request, onClose) => {
        let context: RequestContext;
        try {
          const info = requestInfoOf(request.method, request.path, request.query);
          context = new RequestContext(request, info, NOBODY, log, clock.monotonic());
        } catch (error) {
          return statusResponse(error instanceof StatusError ? error : internalError(error), request);
        }
        onClose(() => context.abort(CLIENT_LEFT));
        return handler(context);
      };
    },
    async listen(listen) {
      const http = newHttpServer({
        certificate: listen.certificate,
        key: listen.key,
        clientCa: listen.ca,
        clock,
        log,
        handle: server.handler(listen),
        upgrades: (url) => UPGRADES.test(url),
      });
      const own = ownTransport;
      // Before anybody is let in, so that nobody is refused what is his.
      const done = new Set<StartStep>();
      for (const step of LISTEN_STEPS) startSteps.set(step, () => done.has(step));
      await bootstrapRoles(own);
      done.add('rbac/bootstrap-roles');
      let port = listen.port;
      for (const address of listen.addresses) port = await http.listen(address, port);
      closers.push(() => http.close(SHUTDOWN_GRACE_MS));
      const { advertiseAddress } = listen;
      const endpoints = new ServerEndpoints({ store, transport: own, address: advertiseAddress, port, clock, log });
      const objects = { endpoints, port, kubernetesServiceIp: firstAddress(options.serviceCidr) };
      await bootstrap(own, objects, (step) => done.add(step));
      const stop = new AbortController();
      const kept = Promise.all([
        keepBootstrapped(own, objects, { clock, log, signal: stop.signal }),
        allocation.keep(stop.signal),
      ]);
      closers.unshift(async () => {
        stop.abort();
        await kept;
        await endpoints.leave();
      });
      return port;
    },
    async close() {
      definitions.stop();
      stopping = true;
      registry.endWatches();
      await Promise.all(closers.map((close) => close()));
      await yaml[Symbol.asyncDispose]();
      registry.stop();
    },
  };
  return server;
}

/** What may be spoken of by SPDY or WebSocket: streams of pods, whatever is behind a proxy, and watches. */
const UPGRADES = /\/(?:exec|attach|portforward|log)(?:\?|$)|\/proxy(?:[/?]|$)|[?&]watch=|\/watch\//;
/** Until authentication has said who it is. */
const NOBODY: UserInfo = { name: '', groups: [] };
const CLIENT_LEFT = new Error('the client left');

/** The address of the `kubernetes` Service: the first of the range. */
function firstAddress(cidr: string): string {
  const parts = cidr.split('/')[0]!.split('.').map(Number);
  parts[3] = parts[3]! + 1;
  return parts.join('.');
}
