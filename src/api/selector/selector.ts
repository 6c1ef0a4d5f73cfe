/** Label and field selectors: reading their text and object forms, matching, writing. */
export {
  everything,
  formatLabelSelector,
  type Labels,
  labelSelectorAsSelector,
  nothing,
  type Operator,
  type Requirement,
  requirement,
  requiredValue,
  type Selector,
  selectorFromSet,
} from './label-selector.ts';
export { parseLabelSelector } from './label-parser.ts';
export {
  type FieldRequirement,
  type FieldSelector,
  fieldSelectorOf,
  matchFields,
  parseFieldSelector,
  requiredFieldValue,
} from './field-selector.ts';
