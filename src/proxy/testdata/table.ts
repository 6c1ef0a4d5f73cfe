import assert from 'node:assert/strict';

/** What nft would make of the texts of rules: enough of it to see that a text is one the kernel takes, and what comes of it. */
export class Table {
  readonly chains = new Map<string, string>();
  readonly elements = new Map<string, Map<string, string>>();

  apply(text: string): void {
    const lines = text.split('\n');
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i] ?? '';
      const [, verb, collection = '', list = ''] =
        /^(add|delete) element ip pirogue (\S+) \{ (.*) \}$/.exec(line) ?? [];
      const chain = /^ {2}chain (\S+) \{$/.exec(line)?.[1];
      const gone = /^delete chain ip pirogue (\S+)$/.exec(line)?.[1];
      if (line === 'delete table ip pirogue') this.#clear();
      else if (verb !== undefined) this.#elements(verb, collection, list.split(', '));
      else if (gone !== undefined) this.#deleteChain(gone);
      else if (chain !== undefined) {
        const end = lines.indexOf('  }', i);
        this.#addChain(chain, lines.slice(i + 1, end));
        i = end;
      } else assert.match(line, /^(table ip pirogue( \{)?|\}| {2}(map|set) .*|)$/, `not understood: ${line}`);
    }
  }

  /** Everything, in an order of its own, for comparison. */
  dump(): { chains: string[]; elements: string[] } {
    const sorted = (map: ReadonlyMap<string, string>): string[] =>
      [...map].map((entry) => entry.join(' : ')).toSorted();
    const elements = [...this.elements].flatMap(([name, map]) => sorted(map).map((element) => `${name}: ${element}`));
    return { chains: sorted(this.chains), elements: elements.toSorted() };
  }

  #clear(): void {
    this.chains.clear();
    this.elements.clear();
  }

  #elements(verb: string, collection: string, list: readonly string[]): void {
    const map = this.elements.get(collection) ?? new Map<string, string>();
    this.elements.set(collection, map);
    for (const element of list) {
      const [key = '', value = ''] = element.split(' : ');
      assert.equal(map.has(key), verb === 'delete', `${verb} ${collection} ${element}`);
      if (verb === 'delete') map.delete(key);
      else map.set(key, value);
      this.#reachable(value);
    }
  }

  #addChain(name: string, rules: readonly string[]): void {
    assert.equal(this.chains.has(name), false, `chain ${name} twice`);
    for (const rule of rules) this.#reachable(rule);
    this.chains.set(name, rules.join('\n'));
  }

  #deleteChain(name: string): void {
    assert.ok(this.chains.delete(name), `no chain ${name}`);
    const users = [...this.chains.values(), ...[...this.elements.values()].flatMap((map) => [...map.values()])];
    const use = new RegExp(`(goto|jump) ${name}$`, 'm');
    assert.ok(!users.some((user) => use.test(user)), `chain ${name} is in use`);
  }

  #reachable(rule: string): void {
    const target = /(?:goto|jump) (\S+)/.exec(rule)?.[1];
    if (target !== undefined) assert.ok(this.chains.has(target), `no chain ${target} for: ${rule}`);
  }
}
