/**
 * Checks of what somebody may do. Who decides is whoever runs the expression: it puts an {@link AuthorizerValue} into the variable `authorizer`.
 * Source: apiserver pkg/cel/library/authz.go v1.36.
 */
import { nameIsDNSLabel, nameIsDNSSubdomain } from '#api';
import { fn, type FunctionDecl, member } from '../../check/declarations.ts';
import { BOOL, STRING, structType, type Type } from '../../check/types.ts';
import { CelError, NO_OVERLOAD, Opaque, type Value } from '../../values/value.ts';

export const AUTHORIZER = structType('kubernetes.authorization.Authorizer');
export const RESOURCE_CHECK = structType('kubernetes.authorization.ResourceCheck');
const PATH_CHECK = structType('kubernetes.authorization.PathCheck');
const GROUP_CHECK = structType('kubernetes.authorization.GroupCheck');
const DECISION = structType('kubernetes.authorization.Decision');

/** Whom to ask about; undefined: who sends the request. */
type Subject = { readonly namespace: string; readonly name: string } | undefined;

interface ResourceQuestion {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly fieldSelector: string;
  readonly labelSelector: string;
}

interface AccessAnswer {
  readonly allowed: boolean;
  readonly reason: string;
  /** Why there is no answer. */
  readonly error?: string | undefined;
}

/** Answers about a path or a resource. */
type AccessCheck = (
  verb: string,
  about: { readonly path: string } | ResourceQuestion,
  serviceAccount: Subject,
) => AccessAnswer;

/** What expressions can only call functions of. Source: receiverOnlyObjectVal, whose values are never equal. */
abstract class Receiver extends Opaque {
  override equals(_other: Value): boolean | CelError {
    return NO_OVERLOAD;
  }
}

export class AuthorizerValue extends Receiver {
  override readonly type: Type = AUTHORIZER;
  readonly check: AccessCheck;
  readonly subject: Subject;
  constructor(check: AccessCheck, subject?: Subject) {
    super();
    this.check = check;
    this.subject = subject;
  }
}

class PathCheck extends Receiver {
  override readonly type: Type = PATH_CHECK;
  readonly by: AuthorizerValue;
  readonly path: string;
  constructor(by: AuthorizerValue, path: string) {
    super();
    this.by = by;
    this.path = path;
  }
}

class GroupCheck extends Receiver {
  override readonly type: Type = GROUP_CHECK;
  readonly by: AuthorizerValue;
  readonly group: string;
  constructor(by: AuthorizerValue, group: string) {
    super();
    this.by = by;
    this.group = group;
  }
}

class ResourceCheck extends Receiver {
  override readonly type: Type = RESOURCE_CHECK;
  readonly by: AuthorizerValue;
  readonly about: ResourceQuestion;
  constructor(by: AuthorizerValue, about: ResourceQuestion) {
    super();
    this.by = by;
    this.about = about;
  }
}

class Decision extends Receiver {
  override readonly type: Type = DECISION;
  readonly answer: AccessAnswer;
  constructor(answer: AccessAnswer) {
    super();
    this.answer = answer;
  }
}

const isBlank = (text: Value): boolean => (text as string).trim() === '';
const EVERYTHING = { subresource: '', namespace: '', name: '', fieldSelector: '', labelSelector: '' };

function serviceAccount(by: AuthorizerValue, namespace: string, name: string): Value {
  if (nameIsDNSSubdomain(name, false).length > 0) return new CelError('Invalid service account name');
  if (nameIsDNSLabel(namespace, false).length > 0) return new CelError('Invalid service account namespace');
  return new AuthorizerValue(by.check, { namespace, name });
}

/** A function that narrows a question about resources. */
const narrowing = (field: keyof typeof EVERYTHING, id: string): FunctionDecl =>
  fn(
    field,
    member(id, [RESOURCE_CHECK, STRING], RESOURCE_CHECK, ([check, value]) => {
      const { by, about } = check as ResourceCheck;
      return new ResourceCheck(by, { ...about, [field]: value as string });
    }),
  );

const decided = (name: string, result: Type, read: (answer: AccessAnswer) => Value): FunctionDecl =>
  fn(
    name,
    member(`decision_${name}`, [DECISION], result, ([decision]) => read((decision as Decision).answer)),
  );

export const authzLibrary: readonly FunctionDecl[] = [
  fn(
    'path',
    member('authorizer_path', [AUTHORIZER, STRING], PATH_CHECK, ([by, path]) =>
      isBlank(path!) ? new CelError('path must not be empty') : new PathCheck(by as AuthorizerValue, path as string),
    ),
  ),
  fn(
    'group',
    member(
      'authorizer_group',
      [AUTHORIZER, STRING],
      GROUP_CHECK,
      ([by, group]) => new GroupCheck(by as AuthorizerValue, group as string),
    ),
  ),
  fn(
    'serviceAccount',
    member('authorizer_serviceaccount', [AUTHORIZER, STRING, STRING], AUTHORIZER, ([by, namespace, name]) =>
      serviceAccount(by as AuthorizerValue, namespace as string, name as string),
    ),
  ),
  fn(
    'resource',
    member('groupcheck_resource', [GROUP_CHECK, STRING], RESOURCE_CHECK, ([check, resource]) => {
      if (isBlank(resource!)) return new CelError('resource must not be empty');
      const { by, group } = check as GroupCheck;
      return new ResourceCheck(by, { ...EVERYTHING, group, resource: resource as string });
    }),
  ),
  narrowing('subresource', 'resourcecheck_subresource'),
  narrowing('namespace', 'resourcecheck_namespace'),
  narrowing('name', 'resourcecheck_name'),
  narrowing('fieldSelector', 'authorizer_fieldselector'),
  narrowing('labelSelector', 'authorizer_labelselector'),
  fn(
    'check',
    member('pathcheck_check', [PATH_CHECK, STRING], DECISION, ([check, verb]) => {
      const { by, path } = check as PathCheck;
      return new Decision(by.check(verb as string, { path }, by.subject));
    }),
    member('resourcecheck_check', [RESOURCE_CHECK, STRING], DECISION, ([check, verb]) => {
      const { by, about } = check as ResourceCheck;
      return new Decision(by.check(verb as string, about, by.subject));
    }),
  ),
  decided('errored', BOOL, ({ error }) => error !== undefined),
  decided('error', STRING, ({ error = '' }) => error),
  decided('allowed', BOOL, ({ allowed }) => allowed),
  decided('reason', STRING, ({ reason }) => reason),
];
