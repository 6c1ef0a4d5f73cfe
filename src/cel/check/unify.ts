/** Which types fit where, and what type parameters come to mean by it. Source: cel-go checker/{types,mapping}.go v0.26. */
import { DYN, isDyn, isDynOrError, param, sameType, Type } from './types.ts';

/** What parameters stand for; an attempt that fails leaves no trace. */
export class Substitution {
  readonly #known = new Map<string, Type>();
  /** Names with what they meant before, to undo. */
  readonly #trail: (readonly [string, Type | undefined])[] = [];
  #count = 0;

  /** A parameter nobody else has. */
  fresh(): Type {
    return param(`_var${this.#count++}`);
  }

  /** Whether a value of one type can be used as the other. */
  isAssignable(a: Type, b: Type): boolean {
    return this.#attempt(() => this.#fits(a, b));
  }

  areAssignable(a: readonly Type[], b: readonly Type[]): boolean {
    return this.#attempt(() => this.#allFit(a, b));
  }

  /** A type with what its parameters mean put in. `toDyn`: those that mean nothing become dyn. */
  apply(type: Type, toDyn = false): Type {
    if (type.kind === 'param') {
      const known = this.#known.get(type.name);
      if (known !== undefined) return this.apply(known, toDyn);
      return toDyn ? DYN : type;
    }
    if (type.params.length === 0) return type;
    const params = type.params.map((p) => this.apply(p, toDyn));
    return params.every((p, i) => p === type.params[i]) ? type : new Type(type.kind, type.name, params);
  }

  /** A function's types with parameters of their own for this one call. */
  instantiate(types: readonly Type[]): Type[] {
    const names = new Map<string, Type>();
    const renamed = (type: Type): Type => {
      if (type.kind === 'param') {
        const known = names.get(type.name) ?? this.fresh();
        names.set(type.name, known);
        return known;
      }
      return type.params.length === 0 ? type : new Type(type.kind, type.name, type.params.map(renamed));
    };
    return types.map(renamed);
  }

  #attempt(action: () => boolean): boolean {
    const mark = this.#trail.length;
    if (action()) return true;
    while (this.#trail.length > mark) {
      const [name, before] = this.#trail.pop()!;
      if (before === undefined) this.#known.delete(name);
      else this.#known.set(name, before);
    }
    return false;
  }

  #bind({ name }: Type, to: Type): void {
    this.#trail.push([name, this.#known.get(name)]);
    this.#known.set(name, to);
  }

  #allFit(a: readonly Type[], b: readonly Type[]): boolean {
    return a.length === b.length && a.every((type, i) => this.#fits(type, b[i]!));
  }

  #fits(a: Type, b: Type): boolean {
    if (b.kind === 'param') {
      const valid = this.#canMean(a, b);
      if (valid) return true;
      if (this.#known.has(b.name)) return false;
    }
    if (a.kind === 'param') return this.#canMean(b, a);
    if (isDynOrError(a) || isDynOrError(b)) return true;
    if (a.kind === 'null') return isNullable(b);
    if (b.kind === 'null') return isNullable(a);
    switch (a.kind) {
      case 'type':
        return b.kind === 'type';
      case 'opaque':
      case 'list':
      case 'map':
        return a.kind === b.kind && a.name === b.name && this.#allFit(a.params, b.params);
      default:
        return a.kind === b.kind && a.name === b.name;
    }
  }

  /** Whether the parameter can stand for `type`; if so it does from now on, or for what is more general. */
  #canMean(type: Type, parameter: Type): boolean {
    if (type.kind === 'param' && type.name === parameter.name) return true;
    const known = this.#known.get(parameter.name);
    if (known === undefined) {
      if (!this.#isFreeIn(parameter, type)) return false;
      this.#bind(parameter, type);
      return true;
    }
    if (sameType(type, known)) return true;
    if (!this.#fits(type, known)) return false;
    const general = mostGeneral(type, known);
    if (this.#isFreeIn(parameter, general)) this.#bind(parameter, general);
    return true;
  }

  /** Whether a parameter does not occur within a type: it cannot mean something that has it inside. */
  #isFreeIn(parameter: Type, type: Type): boolean {
    if (type.kind !== 'param') return type.params.every((p) => this.#isFreeIn(parameter, p));
    if (type.name === parameter.name) return false;
    const known = this.#known.get(type.name);
    return known === undefined || this.#isFreeIn(parameter, known);
  }
}

const NULLABLE = new Set<Type['kind']>(['opaque', 'struct', 'any', 'duration', 'timestamp', 'null', 'dyn']);
const isNullable = ({ kind }: Type): boolean => NULLABLE.has(kind);

export const mostGeneral = (a: Type, b: Type): Type => (isAtLeastAsGeneral(a, b) ? a : b);

function isAtLeastAsGeneral(a: Type, b: Type): boolean {
  if (isDyn(a) || a.kind === 'param') return true;
  if (isDyn(b) || b.kind === 'param' || a.kind !== b.kind) return false;
  switch (a.kind) {
    case 'type':
      return true;
    case 'opaque':
    case 'list':
    case 'map':
      return (
        a.name === b.name &&
        a.params.length === b.params.length &&
        a.params.every((p, i) => isAtLeastAsGeneral(p, b.params[i]!))
      );
    default:
      return sameType(a, b);
  }
}
