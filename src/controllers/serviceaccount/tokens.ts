import { Secret, ServiceAccount, StatusError } from '#api';
import { type Controller, type ControllerContext, mapped } from '#runtime';

const TYPE = 'kubernetes.io/service-account-token';
const NAME = 'kubernetes.io/service-account.name';
const UID = 'kubernetes.io/service-account.uid';
const TOKENS = { fieldSelector: `type=${TYPE}` };

export interface TokensOptions {
  /** PEM text that goes into each secret. */
  readonly rootCA: string;
  /** Signs the token of an account that a secret of that name holds. */
  readonly secretToken: (
    account: { readonly metadata: { namespace: string; name: string; uid: string } },
    secretName: string,
  ) => Promise<string>;
}

interface Reference {
  readonly namespace: string;
  readonly secret: string;
  readonly account: string;
}

const keyOf = ({ namespace, secret, account }: Reference): string => `${namespace}/${secret}/${account}`;
const parseKey = (key: string): Reference => {
  const [namespace = '', secret = '', account = ''] = key.split('/');
  return { namespace, secret, account };
};

const accountOf = ({ metadata }: Secret): string => metadata.annotations?.[NAME] ?? '';
const referenceOf = (secret: Secret): Reference => ({
  namespace: secret.metadata.namespace ?? '',
  secret: secret.metadata.name,
  account: accountOf(secret),
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/**
 * Fills the secrets that somebody has made for tokens of a service account, and takes them away with the account.
 * Source: pkg/controller/serviceaccount/tokens_controller.go v1.36.
 */
export function newTokensController({ client, informers }: ControllerContext, options: TokensOptions): Controller {
  const secrets = informers.informer(Secret, TOKENS);
  const accounts = informers.informer(ServiceAccount);
  const ca = base64(options.rootCA);

  /** The account a secret is of: the one of its name and, if it says so, of its uid. */
  const ownerOf = async (secret: Secret, signal: AbortSignal): Promise<ServiceAccount | undefined> => {
    const { namespace, annotations } = secret.metadata;
    const name = accountOf(secret);
    const uid = annotations?.[UID] ?? '';
    const isIt = (account: ServiceAccount | undefined): boolean =>
      account !== undefined && (uid === '' || account.metadata.uid === uid);
    const known = accounts.get(`${namespace}/${name}`);
    if (isIt(known)) return known;
    try {
      // It may be newer than what is known here.
      const live = await client.get(ServiceAccount, { namespace, name }, { signal });
      return isIt(live) ? live : undefined;
    } catch (error) {
      if (StatusError.is(error, 'NotFound')) return undefined;
      throw error;
    }
  };

  const forget = async ({ namespace, secret, account: name }: Reference, signal: AbortSignal): Promise<void> => {
    const account = accounts.get(`${namespace}/${name}`);
    if (account?.secrets?.some((own) => own.name === secret) !== true) return;
    const left = account.secrets.filter((own) => own.name !== secret);
    await client.update(ServiceAccount, { ...account, secrets: left }, { signal });
  };

  const fill = async (secret: Secret, account: ServiceAccount, signal: AbortSignal): Promise<void> => {
    const { data = {}, metadata } = secret;
    const namespace = metadata.namespace ?? '';
    const missingToken = (data['token'] ?? '') === '';
    if (data['ca.crt'] === ca && (data['namespace'] ?? '') !== '' && !missingToken) return;
    const { name, uid } = account.metadata;
    const next: Record<string, string> = { ...data, 'ca.crt': ca, namespace: data['namespace'] || base64(namespace) };
    if (missingToken)
      next['token'] = base64(await options.secretToken({ metadata: { namespace, name, uid } }, metadata.name));
    const annotations = { ...metadata.annotations, [NAME]: name, [UID]: uid };
    await client.update(Secret, { ...secret, data: next, metadata: { ...metadata, annotations } }, { signal });
  };

  return {
    name: 'serviceaccount-token',
    concurrency: 5, // default of --concurrent-serviceaccount-token-syncs
    sources: [
      mapped(Secret, (secret) => (secret.type === TYPE ? [keyOf(referenceOf(secret))] : []), TOKENS),
      mapped(ServiceAccount, ({ metadata }) =>
        secrets
          .list(metadata.namespace)
          .map(referenceOf)
          .filter(({ account }) => account === metadata.name)
          .map(keyOf),
      ),
    ],

    async reconcile(key, { signal }) {
      const reference = parseKey(key);
      const secret = secrets.get(`${reference.namespace}/${reference.secret}`);
      if (secret === undefined) {
        await forget(reference, signal);
        return;
      }
      const account = await ownerOf(secret, signal);
      try {
        if (account !== undefined) await fill(secret, account, signal);
        else
          await client.delete(Secret, secret.metadata, {
            body: { preconditions: { uid: secret.metadata.uid } },
            signal,
          });
      } catch (error) {
        // Changed or gone meanwhile: that change wakes us.
        if (!StatusError.is(error, 'Conflict', 'NotFound')) throw error;
      }
    },
  };
}
