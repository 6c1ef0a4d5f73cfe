import { ConfigMap, equalValues, Namespace, StatusError } from '#api';
import { type Controller, type ControllerContext, mapped, primary } from '#runtime';
import { isNamespaceTerminating } from '../common/claim.ts';

/** Source: pkg/controller/certificates/rootcacertpublisher/publisher.go v1.36. */
const NAME = 'kube-root-ca.crt';
const ANNOTATIONS = {
  'kubernetes.io/description':
    'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. ' +
    'No other usage is guaranteed across distributions of Kubernetes clusters.',
};

/** Keeps the cluster's CA certificate in every active namespace, where pods mount it from. */
export function newRootCACertPublisher({ client, informers }: ControllerContext, rootCA: string): Controller {
  const namespaces = informers.informer(Namespace);
  const configMaps = informers.informer(ConfigMap, { fieldSelector: `metadata.name=${NAME}` });
  const data = { 'ca.crt': rootCA };

  return {
    name: 'root-ca-certificate-publisher',
    concurrency: 1,
    sources: [
      primary(Namespace),
      mapped(ConfigMap, ({ metadata }) => (metadata.name === NAME ? [metadata.namespace ?? ''] : []), {
        fieldSelector: `metadata.name=${NAME}`,
      }),
    ],

    async reconcile(namespace, { signal }) {
      const { status, metadata } = namespaces.get(namespace) ?? {};
      if (metadata === undefined || metadata.deletionTimestamp !== undefined || status?.phase === 'Terminating') return;
      const current = configMaps.get(`${namespace}/${NAME}`);
      if (current === undefined) {
        try {
          await client.create(
            ConfigMap,
            { metadata: { namespace, name: NAME, annotations: { ...ANNOTATIONS } }, data },
            { signal },
          );
        } catch (error) {
          if (!StatusError.is(error, 'AlreadyExists') && !isNamespaceTerminating(error)) throw error;
        }
        return;
      }
      const annotations = { ...current.metadata.annotations, ...ANNOTATIONS };
      if (equalValues(current.data, data) && equalValues(current.metadata.annotations, annotations)) return;
      await client.update(ConfigMap, { ...current, metadata: { ...current.metadata, annotations }, data }, { signal });
    },
  };
}
