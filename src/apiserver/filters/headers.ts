import { type Filter, type HttpResponse, type RequestContext, whenThere } from '../http/context.ts';

/** Source: HeaderAuditID of apiserver pkg/apis/audit v1.36. */
const AUDIT_ID = 'audit-id';
/** A whole answer's warnings, and one warning once they are too long together, in characters. Source: endpoints/filters/warning.go v1.36. */
const MAX_WARNINGS_LENGTH = 4096;
const MAX_WARNING_LENGTH = 256;

/**
 * What every answer carries: the id it goes by in the audit log, that nobody may keep it unless its handler said so, and the warnings that came up.
 * Source: WithAuditInit, WithCacheControl, WithWarningRecorder of apiserver pkg/endpoints/filters v1.36.
 */
export function withHeaders(newId: () => string): Filter {
  return (next) => (context) => whenThere(next(context), (response) => withOwn(response, context, newId));
}

function withOwn(response: HttpResponse, { request, warnings }: RequestContext, newId: () => string): HttpResponse {
  if ('upgrade' in response) return response;
  const asked = request.headers[AUDIT_ID] ?? '';
  const headers: Record<string, string | undefined> = {
    [AUDIT_ID]: asked === '' ? newId() : asked,
    'cache-control': 'no-cache, private',
    ...response.headers,
  };
  if (warnings.length > 0) headers['warning'] = warningHeader(warnings);
  return { ...response, headers };
}

/** Source: recorder.AddWarning, as above, and NewWarningHeader of apimachinery pkg/util/net v0.36: RFC 7234 section 5.5. */
function warningHeader(texts: readonly string[]): string | undefined {
  const fitting = texts.filter((text) => text !== '' && !/\p{Cc}/u.test(text));
  const total = fitting.reduce((sum, text) => sum + lengthOf(text), 0);
  const shown = total <= MAX_WARNINGS_LENGTH ? fitting : shortened(fitting);
  return shown.length === 0 ? undefined : shown.map((text) => `299 - ${quoted(text)}`).join(', ');
}

const lengthOf = (text: string): number => Array.from(text).length;

/** Each cut short, and no more of them than fit. */
function shortened(texts: readonly string[]): string[] {
  const kept: string[] = [];
  let total = 0;
  for (const text of texts) {
    if (total >= MAX_WARNINGS_LENGTH) break;
    const cut = Array.from(text).slice(0, MAX_WARNING_LENGTH).join('');
    total += lengthOf(cut);
    kept.push(cut);
  }
  return kept;
}

/** In UTF-8, byte by byte: Node writes headers as Latin-1. */
const quoted = (text: string): string =>
  Buffer.from(`"${text.replaceAll(/["\\]/g, (c) => `\\${c}`)}"`).toString('latin1');
