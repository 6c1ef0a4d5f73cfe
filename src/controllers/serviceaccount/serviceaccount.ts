import { Namespace, ServiceAccount, StatusError } from '#api';
import { type Controller, type ControllerContext, mapped, primary } from '#runtime';
import { isNamespaceTerminating } from '../common/claim.ts';

const NAME = 'default';

/** Gives every active namespace its `default` ServiceAccount. Source: pkg/controller/serviceaccount/serviceaccounts_controller.go v1.36. */
export function newServiceAccountController({ client, informers }: ControllerContext): Controller {
  const namespaces = informers.informer(Namespace);
  const accounts = informers.informer(ServiceAccount);

  return {
    name: 'serviceaccount',
    concurrency: 1,
    sources: [
      primary(Namespace),
      mapped(ServiceAccount, ({ metadata }, { type }) =>
        type === 'delete' && metadata.name === NAME && metadata.namespace !== undefined ? [metadata.namespace] : [],
      ),
    ],

    async reconcile(namespace, { signal }) {
      const { status, metadata } = namespaces.get(namespace) ?? {};
      if (metadata === undefined || metadata.deletionTimestamp !== undefined || status?.phase === 'Terminating') return;
      if (accounts.get(`${namespace}/${NAME}`) !== undefined) return;
      try {
        await client.create(ServiceAccount, { metadata: { namespace, name: NAME } }, { signal });
      } catch (error) {
        if (!StatusError.is(error, 'AlreadyExists') && !isNamespaceTerminating(error)) throw error;
      }
    },
  };
}
