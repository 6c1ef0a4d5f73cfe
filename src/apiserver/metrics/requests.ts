import { type Clock } from '#util';
import { subresourcesOf } from '../discovery/discovery.ts';
import { type Filter, type HttpResponse, type RequestContext, whenThere } from '../http/context.ts';
import type { Registry } from '../registry/registry.ts';
import type { VirtualResources } from '../virtual/virtual.ts';
import { header, Histogram, labelText, sample } from '#util';

/** Source of names, labels and buckets: apiserver pkg/endpoints/metrics/metrics.go v1.36. */
const DURATION_BUCKETS = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const SLI_BUCKETS = DURATION_BUCKETS.slice(2);
const SIZE_BUCKETS = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const COMPONENT = 'apiserver';
const PATHS = new Set(['/healthz', '/livez', '/readyz']);
const CONNECTED = new Set(['log', 'exec', 'attach', 'portforward', 'proxy']);

interface Series {
  /** Without the code. */
  readonly labels: Readonly<Record<string, string>>;
  readonly byCode: Map<number, number>;
  readonly duration: Histogram;
  /** Of requests that were meant. */
  readonly sli: Histogram | undefined;
  /** Of reads. */
  readonly sizes: Histogram | undefined;
  running: number;
}

export interface RequestMetrics {
  readonly filter: Filter;
  /** One at a time: there can be many thousand. */
  lines(): Iterable<string>;
}

export interface RequestMetricsOptions {
  readonly registry: Registry;
  readonly virtual: VirtualResources;
  readonly clock: Clock;
}

/**
 * Counts requests by what they asked and how they ended. Resources and methods clients invent must not become series without end: only those that are
 * served are counted, as upstream, which counts in their handlers.
 */
export function newRequestMetrics({ registry, virtual, clock }: RequestMetricsOptions): RequestMetrics {
  const all = new Map<string, Series>();

  function seriesOf(context: RequestContext): Series | undefined {
    const { group, version, resource, subresource, isResourceRequest, path } = context.info;
    const sub = isResourceRequest ? subresource : path;
    const verb = verbOf(context);
    const dryRun = dryRunOf(context);
    const scope = scopeOf(context);
    const key = `${verb} ${dryRun} ${group} ${version} ${resource} ${sub} ${scope}`;
    const known = all.get(key);
    if (known !== undefined || !isCounted(context)) return known;
    const of = { group, resource: isResourceRequest ? resource : '', subresource: sub, version };
    const made: Series = {
      labels: { component: COMPONENT, dry_run: dryRun, scope, verb, ...of },
      byCode: new Map(),
      duration: new Histogram(DURATION_BUCKETS),
      sli: dryRun === '' ? new Histogram(SLI_BUCKETS) : undefined,
      sizes: verb === 'GET' || verb === 'LIST' ? new Histogram(SIZE_BUCKETS) : undefined,
      running: 0,
    };
    all.set(key, made);
    return made;
  }

  function isCounted({ info }: RequestContext): boolean {
    if (!info.isResourceRequest) return PATHS.has(info.path);
    const { group, version, resource, subresource } = info;
    const kind = (registry.find(group, version, resource) ?? virtual.find(group, version, resource))?.kind;
    if (kind === undefined) return false;
    return subresource === '' || subresourcesOf(kind).some(({ name }) => name === subresource);
  }

  function observe(series: Series, { startedMs }: RequestContext, code: number): void {
    const seconds = (clock.monotonic() - startedMs) / 1000;
    series.byCode.set(code, (series.byCode.get(code) ?? 0) + 1);
    series.duration.observe(seconds);
    series.sli?.observe(seconds);
  }

  const filter: Filter = (next) => (context) => whenThere(next(context), (response) => counted(context, response));

  function counted(context: RequestContext, response: HttpResponse): HttpResponse {
    const series = seriesOf(context);
    if (series === undefined) return response;
    const { verb } = series.labels;
    if (verb !== 'WATCH' && verb !== 'CONNECT') {
      observe(series, context, 'status' in response ? response.status : 101);
      if (series.sizes !== undefined && 'body' in response) series.sizes.observe(lengthOf(response.body));
      return response;
    }
    return whileRunning(response, {
      begin: () => void series.running++,
      end(code) {
        series.running--;
        observe(series, context, code);
      },
    });
  }

  return { filter, lines: () => requestLines([...all.values()]) };
}

const lengthOf = (body: string | Buffer | readonly Buffer[] | undefined): number =>
  body === undefined
    ? 0
    : typeof body === 'string' || Buffer.isBuffer(body)
      ? body.length
      : body.reduce((sum, { length }) => sum + length, 0);

/** The answer, told of when it begins and ends to be given. */
function whileRunning(
  response: HttpResponse,
  { begin, end }: { begin: () => void; end: (code: number) => void },
): HttpResponse {
  if ('upgrade' in response) {
    const { upgrade } = response;
    return {
      upgrade(socket, head) {
        begin();
        socket.once('close', () => end(101));
        upgrade(socket, head);
      },
    };
  }
  const { status } = response;
  if (!('stream' in response)) {
    begin();
    end(status);
    return response;
  }
  const { stream } = response;
  return {
    ...response,
    async stream(sink) {
      begin();
      try {
        await stream(sink);
      } finally {
        end(status);
      }
    },
  };
}

/** Source: CleanScope, as above. */
function scopeOf({ info: { name, verb, namespace, isResourceRequest } }: RequestContext): string {
  if (name !== '' || verb === 'create') return 'resource';
  if (namespace !== '') return 'namespace';
  return isResourceRequest ? 'cluster' : '';
}

const METHODS: Readonly<Record<string, string>> = {
  HEAD: 'GET',
  POST: 'POST',
  PUT: 'PUT',
  DELETE: 'DELETE',
  PATCH: 'PATCH',
};

/** Source: CanonicalVerb and cleanVerb, as above: methods, with lists, watches, applies and connections told apart. */
function verbOf({ info, request }: RequestContext): string {
  if (info.isResourceRequest && CONNECTED.has(info.subresource)) return 'CONNECT';
  switch (info.verb) {
    case 'watch':
      return 'WATCH';
    case 'list':
      return 'LIST';
    case 'patch':
      return request.headers['content-type']?.startsWith('application/apply-patch+yaml') === true ? 'APPLY' : 'PATCH';
    default:
      return request.method === 'GET' ? 'GET' : (METHODS[request.method] ?? 'other');
  }
}

function dryRunOf({ request }: RequestContext): string {
  if (!request.rawQuery.includes('dryRun')) return '';
  const values = request.query.getAll('dryRun').filter((value) => value !== '');
  return values.every((value) => value === 'All') ? (values[0] ?? '') : 'invalid';
}

function* requestLines(all: readonly Series[]): Generator<string> {
  const texts = new Map(all.map((s) => [s, textsOf(s)]));
  function* histograms(
    name: string,
    help: string,
    of: (s: Series) => Histogram | undefined,
    labels: keyof LabelTexts,
  ): Generator<string> {
    yield* header(name, 'histogram', help);
    for (const s of all) yield* of(s)?.lines(name, texts.get(s)![labels]) ?? [];
  }
  yield* header(
    'apiserver_request_total',
    'counter',
    '[STABLE] Requests by what they asked and the code they ended with.',
  );
  for (const s of all)
    for (const [code, count] of s.byCode)
      yield sample('apiserver_request_total', labelText({ ...s.labels, code: String(code) }), count);
  yield* histograms('apiserver_request_duration_seconds', '[STABLE] How long requests took.', (s) => s.duration, 'all');
  yield* histograms(
    'apiserver_request_sli_duration_seconds',
    '[ALPHA] How long requests took without what others did.',
    (s) => s.sli,
    'withoutDryRun',
  );
  yield* histograms(
    'apiserver_response_sizes',
    '[STABLE] Bytes of the answers to reads.',
    (s) => s.sizes,
    'withoutDryRun',
  );
  yield* header('apiserver_longrunning_requests', 'gauge', '[STABLE] Watches, logs and connections there are.');
  for (const s of all)
    if (s.labels['verb'] === 'WATCH' || s.labels['verb'] === 'CONNECT')
      yield sample('apiserver_longrunning_requests', texts.get(s)!.withoutDryRun, s.running);
}

interface LabelTexts {
  readonly all: string;
  readonly withoutDryRun: string;
}

function textsOf({ labels }: Series): LabelTexts {
  const { dry_run: _, ...rest } = labels;
  return { all: labelText(labels), withoutDryRun: labelText(rest) };
}
