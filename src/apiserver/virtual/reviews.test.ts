import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeProtobuf,
  encodeProtobuf,
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  TokenReview,
} from '#api';
import { type Json, startHttpsServer } from '../testdata/https.ts';
import { refused, startServer } from '../testdata/objects.ts';

const ACCESS = '/apis/authorization.k8s.io/v1';
const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const pods = { verb: 'get', resource: 'pods', namespace: 'default' };

test('who asks what he may do is told, and of others, too', async () => {
  await using server = await startServer();
  const { client } = server;
  const mine = await client.create(SelfSubjectAccessReview, { spec: { resourceAttributes: pods }, metadata: {} });
  assert.equal(mine.status.allowed, true);
  assert.deepEqual(mine.spec, { resourceAttributes: pods });
  const theirs = await client.create(SubjectAccessReview, {
    metadata: {},
    spec: { resourceAttributes: pods, user: 'toto@test.com' },
  });
  assert.deepEqual(theirs.status, { allowed: false });
  const local = await client.create(LocalSubjectAccessReview, {
    metadata: { namespace: 'default' },
    spec: { resourceAttributes: pods, groups: ['system:masters'] },
  });
  assert.equal(local.status.allowed, true);
});

const invalid = (text: string): string => `.authorization.k8s.io "" is invalid: ${text}`;

test('questions that are none are refused in upstream’s words', async () => {
  await using server = await startServer();
  const { client } = server;
  const ask = (spec: object, metadata: object = {}): Promise<unknown> =>
    client.create(SubjectAccessReview, { spec, metadata });
  await refused(
    ask({ user: 'u' }),
    'Invalid',
    invalid(
      'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
    ),
  );
  await refused(
    ask({ user: 'u', resourceAttributes: pods, nonResourceAttributes: { path: '/', verb: 'get' } }),
    'Invalid',
    invalid(
      'spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":"get"}: cannot be specified in combination with resourceAttributes',
    ),
  );
  await refused(
    ask({ resourceAttributes: pods }),
    'Invalid',
    invalid('spec.user: Invalid value: "": at least one of user or group must be specified'),
  );
  await refused(
    ask({ user: 'u', resourceAttributes: pods }, { name: 'x' }),
    'Invalid',
    invalid('metadata: Invalid value: {"name":"x"}: must be empty'),
  );
  const local = (spec: object): Promise<unknown> =>
    client.create(LocalSubjectAccessReview, { spec, metadata: { namespace: 'default' } });
  await refused(
    local({ user: 'u', resourceAttributes: { ...pods, namespace: 'kube-system' } }),
    'Invalid',
    invalid('spec.resourceAttributes.namespace: Invalid value: "kube-system": must match metadata.namespace'),
  );
  await refused(
    local({ user: 'u', nonResourceAttributes: { path: '/', verb: 'get' } }),
    'Invalid',
    invalid('spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":"get"}: disallowed on this kind of request'),
  );
  await refused(
    client.create(SelfSubjectRulesReview, { spec: {}, metadata: {} }),
    'BadRequest',
    'no namespace on request',
  );
});

test('selectors of a question are checked, and what cannot be read of them is told', async () => {
  await using server = await startServer();
  const ask = (attributes: object): Promise<SelfSubjectAccessReview> =>
    server.client.create(SelfSubjectAccessReview, {
      metadata: {},
      spec: { resourceAttributes: { ...pods, verb: 'list', ...attributes } },
    });
  const at = 'spec.resourceAttributes.fieldSelector';
  await refused(
    ask({ fieldSelector: {} }),
    'Invalid',
    invalid(`${at}.requirements: Required value: when ${at} is specified, requirements or rawSelector is required`),
  );
  await refused(
    ask({ fieldSelector: { rawSelector: 'a=b', requirements: [{ key: 'a', operator: 'In', values: ['b'] }] } }),
    'Invalid',
    invalid(`${at}.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements`),
  );
  await refused(
    ask({ labelSelector: { requirements: [{ key: 'a', operator: 'Exists', values: ['b'] }] } }),
    'Invalid',
    invalid(
      "spec.resourceAttributes.labelSelector.requirements[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    ),
  );
  const { status } = await ask({
    fieldSelector: { rawSelector: 'a' },
    labelSelector: {
      requirements: [
        { key: 'a', operator: 'In', values: ['b'] },
        { key: 'a', operator: 'Near', values: ['b'] },
      ],
    },
  });
  assert.equal(
    status.evaluationError,
    'spec.resourceAttributes.fieldSelector ignored due to parse error; spec.resourceAttributes.labelSelector partially ignored due to parse error',
  );
});

test('everybody is told who he is', async () => {
  await using server = await startServer();
  const review = await server.client.create(SelfSubjectReview, { metadata: {} });
  assert.deepEqual(review.status, { userInfo: { username: 'kubernetes-admin', groups: ['system:masters'] } });
  assert.match(review.metadata.creationTimestamp, /^\d{4}-.*Z$/);
});

test('a token nobody knows is nobody’s, and no token is no question', async () => {
  await using server = await startServer();
  const ask = (token: string): Promise<TokenReview> =>
    server.client.create(TokenReview, { metadata: {}, spec: { token } });
  const { status } = await ask('abc');
  assert.deepEqual(status, { user: {}, error: 'invalid bearer token' });
  // As if it stood in a header: nothing but blanks is none.
  assert.deepEqual((await ask('  ')).status, { user: {} });
  await refused(ask(''), 'BadRequest', 'token is required for TokenReview in authentication');
});

test('discovery and OpenAPI tell of kinds that are not stored, with the one verb they have', async () => {
  await using server = await startHttpsServer();
  const { resources }: Json = (await server.ask(ACCESS)).json();
  assert.deepEqual(
    resources.map((r: Json) => [r.name, r.kind, r.namespaced, r.verbs, r.storageVersionHash]),
    [
      ['localsubjectaccessreviews', 'LocalSubjectAccessReview', true, ['create'], undefined],
      ['selfsubjectaccessreviews', 'SelfSubjectAccessReview', false, ['create'], undefined],
      ['selfsubjectrulesreviews', 'SelfSubjectRulesReview', false, ['create'], undefined],
      ['subjectaccessreviews', 'SubjectAccessReview', false, ['create'], undefined],
    ],
  );
  const { paths }: Json = (await server.ask('/openapi/v3/apis/authentication.k8s.io/v1')).json();
  assert.deepEqual(Object.keys(paths).toSorted(), [
    '/apis/authentication.k8s.io/v1/',
    '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    '/apis/authentication.k8s.io/v1/tokenreviews',
  ]);
  assert.equal(
    paths['/apis/authentication.k8s.io/v1/tokenreviews'].post.operationId,
    'createAuthenticationV1TokenReview',
  );
});

test('questions travel as protobuf, are counted, and nothing but asking is there', async () => {
  await using server = await startHttpsServer();
  const question = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    metadata: {},
    spec: { resourceAttributes: pods },
  };
  const answer = await server.ask(`${ACCESS}/selfsubjectaccessreviews`, {
    method: 'POST',
    headers: { 'content-type': PROTOBUF, accept: PROTOBUF },
    body: encodeProtobuf(question, SelfSubjectAccessReview.definition),
  });
  assert.equal(answer.status, 201);
  assert.equal(answer.headers['content-type'], PROTOBUF);
  const { object } = decodeProtobuf(answer.body, SelfSubjectAccessReview);
  assert.equal((object as SelfSubjectAccessReview).status.allowed, true);

  assert.equal((await server.ask(`${ACCESS}/selfsubjectaccessreviews`)).status, 405);
  assert.equal((await server.ask(`${ACCESS}/selfsubjectaccessreviews/x`)).status, 405);
  assert.equal((await server.ask(`${ACCESS}/selfsubjectaccessreviews/x/status`)).status, 404);
  assert.equal((await server.ask(`${ACCESS}/questions`)).status, 404);
  const metrics = (await server.ask('/metrics')).text;
  assert.match(
    metrics,
    /apiserver_request_total\{code="201",component="apiserver",dry_run="",group="authorization.k8s.io",resource="selfsubjectaccessreviews",scope="resource",subresource="",verb="POST"/,
  );
});
