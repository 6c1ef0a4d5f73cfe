/** Where webhooks are called. Source: apiserver pkg/util/webhook/validation.go and client-go transport/transport.go v0.36. */
import { X509Certificate } from 'node:crypto';
import type { FieldError } from '../field-error.ts';
import { child, invalid, required } from '../field-error.ts';
import { isDNS1123Subdomain, isPortNumber } from './names.ts';

const FORM = '; desired format: https://host[/path]';

/** The beginning of a URL up to what its authority says, and what comes behind. */
const URL_PARTS = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/(?:([^/?#]*)@)?([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s;

/** A webhook's URL, which has to be of https. */
export function validateWebhookURL(text: string, path: string): FieldError[] {
  const parts = URL_PARTS.exec(text);
  const wrong = parts === null ? 'invalid' : urlError(text);
  if (parts === null || wrong !== undefined) {
    return [required(path, `url must be a valid URL: parse ${JSON.stringify(text)}: ${wrong}${FORM}`)];
  }
  const [, scheme = '', user, host = '', , query = '', fragment = ''] = parts as (string | undefined)[];
  const shown = scheme.toLowerCase();
  return [
    ...(shown === 'https' ? [] : [invalid(path, shown, `'https' is the only allowed URL scheme${FORM}`)]),
    ...(host === '' ? [invalid(path, host, `host must be specified${FORM}`)] : []),
    ...(user === undefined ? [] : [invalid(path, user, 'user information is not permitted in the URL')]),
    ...(fragment === '' ? [] : [invalid(path, fragment, 'fragments are not permitted in the URL')]),
    ...(query === '' ? [] : [invalid(path, query, 'query parameters are not permitted in the URL')]),
  ];
}

/** What Go's url.Parse refuses first, in its words. */
function urlError(text: string): string | undefined {
  if (/[^ -~\u0080-\uffff]/.test(text)) return 'net/url: invalid control character in URL';
  if (text.startsWith(':')) return 'missing protocol scheme';
  if (/^[^/?#]*:/.test(text) && !/^[A-Za-z][A-Za-z0-9+.-]*:/.test(text)) {
    return 'first path segment in URL cannot contain colon';
  }
  const host = URL_PARTS.exec(text)?.[3] ?? '';
  const space = /[ <>"^`{|}\\]/.exec(host);
  if (space !== null) return `invalid character ${JSON.stringify(space[0])} in host name`;
  const port = /:([^\]]*)$/.exec(host.replace(/^\[[^\]]*\]/, ''));
  if (port !== null && !/^[0-9]*$/.test(port[1]!)) return `invalid port ${JSON.stringify(`:${port[1]!}`)} after host`;
  const escape = /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(text);
  return escape === null ? undefined : `invalid URL escape ${JSON.stringify(escape[0])}`;
}

export interface WebhookService {
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
  readonly path?: string | undefined;
  readonly port: number;
}

/** A webhook's service. What is absent is told of the other field: upstream has the two the wrong way around. */
export function validateWebhookService(
  { name = '', namespace = '', path, port }: WebhookService,
  at: string,
): FieldError[] {
  const wrong = isPortNumber(port);
  return [
    ...(namespace === '' ? [required(child(at, 'name'))] : []),
    ...(name === '' ? [required(child(at, 'namespace'))] : []),
    ...(wrong.length === 0 ? [] : [invalid(child(at, 'port'), port, `port is not valid: ${wrong.join(', ')}`)]),
    ...(path === undefined ? [] : validatePath(path, child(at, 'path'))),
  ];
}

function validatePath(text: string, path: string): FieldError[] {
  if (text === '' || text === '/') return [];
  if (text === '//') return [invalid(path, text, 'segment[0] may not be empty')];
  const errors = text.startsWith('/') ? [] : [invalid(path, text, "must start with a '/'")];
  const steps = text.slice(1).replace(/\/$/, '').split('/');
  for (const [i, step] of steps.entries()) {
    const wrong = step === '' ? [' may not be empty'] : isDNS1123Subdomain(step).map((why) => `: ${why}`);
    errors.push(...wrong.map((why) => invalid(path, text, `segment[${i}]${why}`)));
  }
  return errors;
}

const BEGIN = /-----BEGIN ([A-Z0-9 ]+)-----/y;

/** What is wrong with certificates of authorities, in base64 of PEM. */
export function validateCABundle(bundle: string, path: string): FieldError[] {
  const wrong = bundleError(Buffer.from(bundle, 'base64').toString('latin1'));
  return wrong === undefined ? [] : [invalid(path, bundle, `unable to load root certificates: ${wrong}`)];
}

/** One good certificate is enough. */
function bundleError(pem: string): string | undefined {
  let failed: string | undefined;
  let found = 0;
  for (let at = pem.indexOf('-----BEGIN '); at >= 0; at = pem.indexOf('-----BEGIN ', at)) {
    BEGIN.lastIndex = at;
    const type = BEGIN.exec(pem)?.[1];
    const closing = `-----END ${type ?? ''}`;
    const end = pem.indexOf('-----END ', at);
    if (end < 0) break;
    const block = pem.slice(at, end + closing.length + '-----'.length);
    at = end;
    if (type === undefined || !block.includes(`${closing}-----`)) continue;
    found++;
    if (type !== 'CERTIFICATE') continue;
    try {
      void new X509Certificate(block);
      return undefined;
    } catch {
      failed ??= 'failed to parse certificate: x509: malformed certificate';
    }
  }
  if (failed !== undefined) return failed;
  return found === 0 ? 'unable to parse bytes as PEM block' : 'no valid certificate authority data seen';
}
