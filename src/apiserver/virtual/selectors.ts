/** Selectors of a question about access. Source: pkg/registry/authorization/util/helpers.go v1.36. */
import {
  type FieldRequirement,
  type FieldSelectorRequirement,
  type LabelSelectorRequirement,
  parseFieldSelector,
  parseLabelSelector,
  requirement,
  type Requirement,
  type ResourceAttributes,
} from '#api';

/** What of a selector could be read. What could not is left out, which makes the question broader and the answer so stricter. */
export interface ReadSelector<R> {
  readonly requirements: readonly R[];
  readonly failed: boolean;
}

interface Written<R> {
  readonly rawSelector?: string | undefined;
  readonly requirements?: readonly R[] | undefined;
}

function read<W, R>(
  { rawSelector = '', requirements = [] }: Written<W>,
  parse: (text: string) => { readonly requirements: readonly R[] },
  convert: (one: W) => R | undefined,
): ReadSelector<R> {
  if (requirements.length > 0) {
    const known = requirements.map(convert).filter((one) => one !== undefined);
    return { requirements: known, failed: known.length < requirements.length };
  }
  if (rawSelector === '') return { requirements: [], failed: false };
  try {
    return { requirements: parse(rawSelector).requirements, failed: false };
  } catch {
    return { requirements: [], failed: true }; // the answer says so
  }
}

export const readLabelSelector = ({ labelSelector = {} }: ResourceAttributes): ReadSelector<Requirement> =>
  read(labelSelector, parseLabelSelector, labelRequirement);

export const readFieldSelector = ({ fieldSelector = {} }: ResourceAttributes): ReadSelector<FieldRequirement> =>
  read(fieldSelector, parseFieldSelector, fieldRequirement);

const LABEL_OPERATORS = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' } as const;

function labelRequirement({ key, operator, values = [] }: LabelSelectorRequirement): Requirement | undefined {
  if (!Object.hasOwn(LABEL_OPERATORS, operator)) return undefined;
  try {
    return requirement(key, LABEL_OPERATORS[operator as keyof typeof LABEL_OPERATORS], values);
  } catch {
    return undefined; // the answer says so
  }
}

const FIELD_OPERATORS = { In: '=', NotIn: '!=' } as const;

/** Only what the text form of field selectors can say is understood. */
function fieldRequirement({ key, operator, values = [] }: FieldSelectorRequirement): FieldRequirement | undefined {
  if (!Object.hasOwn(FIELD_OPERATORS, operator) || values.length !== 1) return undefined;
  return { field: key, operator: FIELD_OPERATORS[operator as keyof typeof FIELD_OPERATORS], value: values[0]! };
}
