/** When containers start again by themselves. Source: validateContainerRestartPolicy, validateInitContainerRestartPolicy in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../../field-error.ts';
import { child, notSupported, required, tooMany } from '../../../field-error.ts';
import type { Container, ContainerRestartRule, PodSpec } from '../../../generated/core.v1.ts';
import { eachOf, unchecked } from '../../../validation/fields.ts';

const POLICIES = ['Always', 'Never', 'OnFailure'];
const ACTIONS = ['Restart', 'RestartAllContainers'];
const OPERATORS = ['In', 'NotIn'];
const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;

/** Containers of any list may have a policy of their own, with rules by exit code. */
export function validateRestart(
  { restartPolicy, restartPolicyRules: rules = [] }: Container,
  path: string,
): FieldError[] {
  const [policyPath, rulesPath] = [child(path, 'restartPolicy'), child(path, 'restartPolicyRules')];
  const errors: FieldError[] = [];
  if (restartPolicy === undefined) {
    if (rules.length === 0) return [];
    errors.push(required(policyPath, 'must specify restartPolicy when restart rules are used'));
  } else if (!POLICIES.includes(restartPolicy)) errors.push(notSupported(policyPath, restartPolicy, POLICIES));
  if (rules.length > MAX_RULES) errors.push(tooMany(rulesPath, rules.length, MAX_RULES));
  return [...errors, ...eachOf(rules, rulesPath, validateRule)];
}

/** An init container without a policy of its own has no rules either, and no more is said of them. */
export const validateInitRestart = (container: Container, path: string): FieldError[] =>
  container.restartPolicy === undefined && (container.restartPolicyRules ?? []).length > 0
    ? [required(child(path, 'restartPolicy'), 'must specify restartPolicy when restart rules are used')]
    : validateRestart(container, path);

function validateRule(rule: ContainerRestartRule, path: string): FieldError[] {
  const { action = '', exitCodes } = unchecked(rule);
  const errors = ACTIONS.includes(action) ? [] : [notSupported(child(path, 'action'), action, ACTIONS)];
  const at = child(path, 'exitCodes');
  if (exitCodes === undefined) return [...errors, required(at, 'must be specified')];
  const { operator = '', values = [] } = unchecked(exitCodes);
  if (!OPERATORS.includes(operator)) errors.push(notSupported(child(at, 'operator'), operator, OPERATORS));
  if (values.length > MAX_EXIT_CODES) errors.push(tooMany(child(at, 'values'), values.length, MAX_EXIT_CODES));
  return errors;
}

/** Whether any container's end may start all of them anew. Source: AllContainersCouldRestart in pkg/api/v1/pod/util.go v1.36. */
export const anyRestartsAll = ({ containers, initContainers = [] }: PodSpec): boolean =>
  [...containers, ...initContainers].some(({ restartPolicyRules }) =>
    restartPolicyRules?.some(({ action }) => action === 'RestartAllContainers'),
  );

const matches = ({ exitCodes }: ContainerRestartRule, exitCode: number): boolean => {
  if (exitCodes === undefined) return false;
  return (exitCodes.values ?? []).includes(exitCode) === (exitCodes.operator === 'In');
};

/** Whether a container that ended so starts again: by its rules, else its own policy, else the pod's. Source: ContainerShouldRestart, same file. */
export function containerShouldRestart(container: Container, spec: PodSpec, exitCode: number): boolean {
  const own = container.restartPolicy;
  if (own !== undefined && container.restartPolicyRules?.some((rule) => matches(rule, exitCode)) === true) return true;
  const policy = own ?? spec.restartPolicy;
  return policy === 'OnFailure' ? exitCode !== 0 : policy !== 'Never';
}
