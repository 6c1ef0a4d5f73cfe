import type { FieldError } from '../field-error.ts';
import { child, forbiddenField, invalid, notSupported, required } from '../field-error.ts';
import type * as flowcontrol from '../generated/flowcontrol.v1.ts';
import { defineKind } from '../kind.ts';
import { resetMetadataForStatus } from '../meta/reset.ts';
import { semanticEqual } from '../validation/equal.ts';
import { AGE, age, NAME } from '../table.ts';
import { unchecked } from '../validation/fields.ts';
import { FLOWCONTROL_GROUP, validateFlowConditions } from './flowschema.ts';

export type PriorityLevelConfiguration = flowcontrol.PriorityLevelConfiguration;

const TYPES = ['Exempt', 'Limited'];
const RESPONSES = ['Queue', 'Reject'];
const DEFAULT_SHARES = 30;
const QUEUES = 64;
const HAND_SIZE = 8;
const QUEUE_LENGTH = 50;
const MAX_QUEUES = 10_000_000;
const KEEP_ZERO = 'flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares';
const CATCH_ALL = {
  type: 'Limited',
  limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
};

/** Source: pkg/apis/flowcontrol/v1/defaults.go v1.36. */
function defaultLevel(level: PriorityLevelConfiguration): void {
  level.spec ??= { type: '' };
  level.status ??= {};
  const { spec } = level;
  if (spec.exempt !== undefined) {
    spec.exempt.nominalConcurrencyShares ??= 0;
    spec.exempt.lendablePercent ??= 0;
  }
  if (spec.limited === undefined) return;
  spec.limited.nominalConcurrencyShares ??= DEFAULT_SHARES;
  spec.limited.lendablePercent ??= 0;
  spec.limited.limitResponse ??= { type: '' };
  const { queuing } = spec.limited.limitResponse;
  if (queuing === undefined) return;
  if ((queuing.handSize ?? 0) === 0) queuing.handSize = HAND_SIZE;
  if ((queuing.queues ?? 0) === 0) queuing.queues = QUEUES;
  if ((queuing.queueLengthLimit ?? 0) === 0) queuing.queueLengthLimit = QUEUE_LENGTH;
}

function validateLevel({ metadata, spec }: PriorityLevelConfiguration): FieldError[] {
  const { type = '', limited, exempt } = unchecked(spec);
  const errors: FieldError[] = [];
  if ((metadata.name === 'exempt') !== (type === 'Exempt')) {
    errors.push(invalid('spec.type', type, "must be 'Exempt' if and only if `name` is 'exempt'"));
  }
  if (!TYPES.includes(type)) return [...errors, notSupported('spec.type', type, TYPES)];
  if (type === 'Exempt') {
    if (limited !== undefined) {
      errors.push(forbiddenField('spec.limited', 'must be nil if the type is not Limited'));
    }
    return [...errors, ...validateShares(exempt, 'spec.exempt')];
  }
  if (exempt !== undefined) errors.push(forbiddenField('spec.exempt', 'must be nil if the type is Limited'));
  if (limited === undefined) return [...errors, required('spec.limited', 'must not be empty when type is Limited')];
  if ((limited.nominalConcurrencyShares ?? 0) < 0) {
    const why = 'must be a non-negative integer';
    errors.push(invalid('spec.limited.nominalConcurrencyShares', limited.nominalConcurrencyShares, why));
  }
  return [
    ...errors,
    ...validateResponse(limited.limitResponse ?? { type: '' }, 'spec.limited.limitResponse'),
    ...validateLending(limited.lendablePercent, 'spec.limited'),
    ...((limited.borrowingLimitPercent ?? 0) < 0
      ? [
          invalid(
            'spec.limited.borrowingLimitPercent',
            limited.borrowingLimitPercent,
            'if specified, must be a non-negative integer',
          ),
        ]
      : []),
  ];
}

const validateLending = (percent: number | undefined, path: string): FieldError[] =>
  percent !== undefined && (percent < 0 || percent > 100)
    ? [invalid(child(path, 'lendablePercent'), percent, 'must be between 0 and 100, inclusive')]
    : [];

function validateShares(exempt: flowcontrol.ExemptPriorityLevelConfiguration | undefined, path: string): FieldError[] {
  const { nominalConcurrencyShares: shares = 0, lendablePercent } = exempt ?? {};
  const at = child(path, 'nominalConcurrencyShares');
  return [
    ...(shares < 0 ? [invalid(at, shares, 'must be a non-negative integer')] : []),
    ...validateLending(lendablePercent, path),
  ];
}

function validateResponse(response: flowcontrol.LimitResponse, path: string): FieldError[] {
  const { type = '', queuing } = unchecked(response);
  const at = child(path, 'queuing');
  switch (type) {
    case 'Reject':
      return queuing === undefined
        ? []
        : [forbiddenField(at, 'must be nil if limited.limitResponse.type is not Limited')];
    case 'Queue':
      return queuing === undefined
        ? [required(at, 'must not be empty if limited.limitResponse.type is Limited')]
        : validateQueuing(queuing, at);
    default:
      return [notSupported(child(path, 'type'), type, RESPONSES)];
  }
}

function validateQueuing(
  { queues = 0, handSize = 0, queueLengthLimit = 0 }: flowcontrol.QueuingConfiguration,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const positive = (field: string, value: number): void => {
    if (value <= 0) errors.push(invalid(child(path, field), value, 'must be positive'));
  };
  positive('queueLengthLimit', queueLengthLimit);
  positive('queues', queues);
  if (queues > MAX_QUEUES) {
    errors.push(invalid(child(path, 'queues'), queues, `must not be greater than ${MAX_QUEUES}`));
  }
  positive('handSize', handSize);
  const handPath = child(path, 'handSize');
  if (handSize > 0 && handSize > queues) {
    errors.push(invalid(handPath, handSize, `should not be greater than queues (${queues})`));
  } else if (queues > 0 && handSize > 0) {
    // The hand is dealt from one 60-bit number (shufflesharding.RequiredEntropyBits).
    const bits = Math.ceil(Math.log2(queues) * handSize);
    if (bits > 60) {
      const why = `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than 60`;
      errors.push(invalid(handPath, handSize, why));
    }
  }
  return errors;
}

/** What these two say is fixed, but for the shares of what is exempt. Source: MandatoryPriorityLevelConfigurations in apiserver pkg/apis/flowcontrol/bootstrap v1.36. */
function validateMandatory({ metadata: { name }, spec }: PriorityLevelConfiguration): FieldError[] {
  const { exempt: _, ...others } = spec;
  const isFixed =
    name === 'exempt'
      ? semanticEqual(others, { type: 'Exempt' })
      : name !== 'catch-all' || semanticEqual(spec, CATCH_ALL);
  const what = name === 'exempt' ? " except the 'spec.exempt' field" : '';
  return isFixed ? [] : [invalid('spec', spec, `spec of '${name}'${what} must equal the fixed value`)];
}

/** Source: pkg/apis/flowcontrol/validation, pkg/registry/flowcontrol/prioritylevelconfiguration/strategy.go v1.36. */
export const PriorityLevelConfiguration = defineKind<PriorityLevelConfiguration>({
  group: FLOWCONTROL_GROUP,
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  plural: 'prioritylevelconfigurations',
  namespaced: false,
  definition: 'flowcontrol.v1.PriorityLevelConfiguration',

  defaults: defaultLevel,
  validate: (level) => [
    ...(level.metadata.annotations?.[KEEP_ZERO] === undefined
      ? []
      : [forbiddenField('metadata.annotations', `annotation '${KEEP_ZERO}' is forbidden`)]),
    ...validateLevel(level),
    ...validateMandatory(level),
    ...validateFlowConditions(level.status.conditions),
  ],
  generation: true,
  prepareForCreate(level) {
    level.status = {};
  },
  status: {
    prepareForUpdate(level, old) {
      level.spec = old.spec;
      resetMetadataForStatus(level, old);
    },
    validateUpdate: ({ status }) => validateFlowConditions(status.conditions),
  },

  columns: [
    NAME,
    { name: 'Type', type: 'string' },
    { name: 'NominalConcurrencyShares', type: 'string' },
    { name: 'Queues', type: 'string' },
    { name: 'HandSize', type: 'string' },
    { name: 'QueueLengthLimit', type: 'string' },
    AGE,
  ],
  row: (level, { nowMs }) => {
    const { limited, type } = level.spec;
    const queuing = limited?.limitResponse?.queuing;
    return {
      cells: [
        level.metadata.name,
        type,
        limited === undefined ? '<none>' : (limited.nominalConcurrencyShares ?? 0),
        queuing?.queues ?? '<none>',
        queuing?.handSize ?? '<none>',
        queuing?.queueLengthLimit ?? '<none>',
        age(level, nowMs),
      ],
    };
  },
});
