/**
 * What rules cost at most, as their schemas tell. Facts from apiextensions-apiserver pkg/apiserver/schema/cel/celcoststability_test.go
 * v1.36: an estimate that changes refuses definitions that were not refused.
 */
import type { parseStructural } from '#api';

export interface EstimateCase {
  readonly name: string;
  readonly schema: Parameters<typeof parseStructural>[0];
  readonly estimates: Readonly<Record<string, number>>;
}

export const ESTIMATES: readonly EstimateCase[] = [
  {
    name: 'unicode strings',
    schema: { type: 'object', properties: { val1: { type: 'string' }, val2: { type: 'string' } } },
    estimates: {
      "self.val1.startsWith('Rook')": 3,
      "!self.val1.startsWith('knight')": 4,
      "self.val1.matches('^[^0-9]*$')": 943721,
      "!self.val1.matches('^[0-9]*$')": 629149,
      'type(self.val1) == string': 4,
      'size(self.val1) == 12': 4,
      "self.val1.charAt(3) == 'k'": 4,
      "self.val1.indexOf('o') == 1": 314576,
      "self.val1.indexOf('o', 2) == 2": 314576,
      "self.val1.replace(' ', 'x') == 'Rookxtakesx👑'": 629150,
      "self.val1.replace(' ', 'x', 1) == 'Rookxtakes 👑'": 629150,
      "self.val1.split(' ') == ['Rook', 'takes', '👑']": 629159,
    },
  },
  {
    name: 'bytes',
    schema: {
      type: 'object',
      properties: { val1: { type: 'string', format: 'byte' }, val2: { type: 'string', format: 'byte' } },
    },
    estimates: {
      'self.val1 == self.val2': 314577,
      "self.val1 == b'AB'": 3,
      'type(self.val1) == bytes': 4,
      'size(self.val1) == 2': 4,
    },
  },
  {
    name: 'duration format',
    schema: {
      type: 'object',
      properties: { val1: { type: 'string', format: 'duration' }, val2: { type: 'string', format: 'duration' } },
    },
    estimates: {
      "self.val1 == duration('1h2m') + duration('3s4ms')": 6,
      'self.val1.getHours() == 1': 4,
      'type(self.val1) == google.protobuf.Duration': 4,
    },
  },
  {
    name: 'conversions',
    schema: {
      type: 'object',
      properties: {
        val1: { type: 'integer' },
        val2: { type: 'number' },
        val3: { type: 'number' },
        val4: { type: 'number' },
        val5: { type: 'boolean' },
        val6: { type: 'string' },
        val7: { type: 'string', format: 'byte' },
        val8: { type: 'string' },
        val9: { type: 'string', format: 'duration' },
        val10: { type: 'string' },
        val11: { type: 'string', format: 'date-time' },
        val12: { type: 'string' },
        val13: { type: 'string', format: 'date' },
      },
    },
    estimates: {
      'int(self.val2) == self.val1': 5,
      'double(self.val1) == self.val2': 5,
      'bytes(self.val6) == self.val7': 629150,
      'string(self.val1) == self.val6': 314578,
      "string(self.val4) == '10.5'": 4,
      'string(self.val7) == self.val6': 629150,
      'duration(self.val8) == self.val9': 6,
      'timestamp(self.val10) == self.val11': 6,
      'string(self.val11) == self.val10': 314578,
      'timestamp(self.val12) == self.val13': 6,
      'string(self.val13) == self.val12': 314578,
    },
  },
  {
    name: 'object access',
    schema: {
      type: 'object',
      properties: {
        a: {
          type: 'object',
          properties: { b: { type: 'integer' }, c: { type: 'integer' }, d: { type: 'integer', nullable: true } },
        },
        a1: {
          type: 'object',
          properties: {
            b1: { type: 'object', properties: { c1: { type: 'integer' } } },
            d2: { type: 'object', properties: { e2: { type: 'integer' } } },
          },
        },
      },
    },
    estimates: {
      'has(self.a.b)': 2,
      'has(self.a1.b1.c1)': 3,
      '!(has(self.a1.d2) && has(self.a1.d2.e2))': 6,
      '!has(self.a1.d2)': 3,
      'has(self.a)': 1,
      'has(self.a) && has(self.a1)': 2,
      '!has(self.a)': 2,
    },
  },
  {
    name: 'map access',
    schema: { type: 'object', properties: { val: { type: 'object', additionalProperties: { type: 'integer' } } } },
    estimates: {
      "!('a' in self.val)": 4,
      "'b' in self.val": 3,
      "!('c' in self.val)": 4,
      "'d' in self.val": 3,
      '!has(self.val.a)': 3,
      'has(self.val.b)': 2,
      '!has(self.val.c)': 3,
      'has(self.val.d)': 2,
      'self.val.all(k, self.val[k] > 0)': 3595115,
      'self.val.exists_one(k, self.val[k] == 2)': 2696338,
      '!self.val.exists_one(k, self.val[k] > 0)': 3145728,
      'size(self.val) == 2': 4,
    },
  },
  {
    name: 'listMap access',
    schema: {
      type: 'object',
      properties: {
        listMap: {
          type: 'array',
          items: {
            type: 'object',
            properties: { k: { type: 'string' }, v: { type: 'string' }, v2: { type: 'string' } },
          },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
        },
      },
    },
    estimates: {
      'has(self.listMap[0].v)': 3,
      "self.listMap.all(m, m.k.startsWith('a'))": 6291453,
      "self.listMap.all(m, !has(m.v2) || m.v2 == 'z')": 8388603,
      "self.listMap.exists(m, m.k.endsWith('1'))": 7340028,
      "self.listMap.exists_one(m, m.k == 'a3')": 5242879,
      "!self.listMap.all(m, m.k.endsWith('1'))": 6291454,
      "!self.listMap.exists(m, m.v == 'x')": 7340029,
      "!self.listMap.exists_one(m, m.k.startsWith('a'))": 5242880,
      "size(self.listMap.filter(m, m.k == 'a1')) == 1": 16777215,
      "self.listMap.exists(m, m.k == 'a1' && m.v == 'b1')": 10485753,
      "self.listMap.map(m, m.v).exists(v, v == 'b1')": 19922939,
      "self.listMap.exists(m, has(m.v2) && m.v2 == 'z')": 8388603,
    },
  },
  {
    name: 'list access',
    schema: {
      type: 'object',
      properties: { array: { type: 'array', items: { type: 'integer' }, 'x-kubernetes-list-type': 'atomic' } },
    },
    estimates: {
      '2 in self.array': 1572865,
      'self.array.all(e, e > 0)': 7864318,
      'self.array.exists(e, e > 2)': 9437181,
      'self.array.exists_one(e, e > 4)': 6291456,
      '!self.array.all(e, e < 2)': 7864319,
      '!self.array.exists(e, e < 0)': 9437182,
      '!self.array.exists_one(e, e == 2)': 4718594,
      'self.array.all(e, e < 100)': 7864318,
      'size(self.array.filter(e, e%2 == 0)) == 3': 25165823,
      'self.array.map(e, e * 20).filter(e, e > 50).exists(e, e == 60)': 53477367,
      'size(self.array) == 8': 4,
    },
  },
  {
    name: 'listSet access',
    schema: {
      type: 'object',
      properties: { set: { type: 'array', items: { type: 'integer' }, 'x-kubernetes-list-type': 'atomic' } },
    },
    estimates: {
      '3 in self.set': 1572865,
      'self.set.all(e, e > 0)': 7864318,
      'self.set.exists(e, e > 3)': 9437181,
      'self.set.exists_one(e, e == 3)': 4718593,
      '!self.set.all(e, e < 3)': 7864319,
      '!self.set.exists(e, e < 0)': 9437182,
      '!self.set.exists_one(e, e > 3)': 6291457,
      'self.set.all(e, e < 10)': 7864318,
      'size(self.set.filter(e, e%2 == 0)) == 2': 25165823,
      'self.set.map(e, e * 20).filter(e, e > 50).exists_one(e, e == 60)': 50331642,
      'size(self.set) == 5': 4,
    },
  },
  {
    name: 'string in intOrString',
    schema: { type: 'object', properties: { something: { 'x-kubernetes-int-or-string': true } } },
    estimates: {
      "type(self.something) == int ? self.something == 1 : self.something == '25%'": 7,
      "type(self.something) == string && self.something == '25%'": 7,
      "self.something == '25%'": 3,
      'self.something != 1': 3,
      "self.something == 1 || self.something == '25%'": 6,
      "self.something == '25%' || self.something == 1": 6,
      "self.something != ['anything']": 13,
    },
  },
  {
    name: 'field nullability',
    schema: {
      type: 'object',
      properties: {
        unsetPlainStr: { type: 'string' },
        unsetDefaultedStr: { type: 'string', default: 'default value' },
        unsetNullableStr: { type: 'string', nullable: true },
        setPlainStr: { type: 'string' },
        setDefaultedStr: { type: 'string', default: 'default value' },
        setNullableStr: { type: 'string', nullable: true },
        setToNullNullableStr: { type: 'string', nullable: true },
      },
    },
    estimates: {
      '!has(self.unsetPlainStr)': 2,
      "has(self.unsetDefaultedStr) && self.unsetDefaultedStr == 'default value'": 5,
      '!has(self.unsetNullableStr)': 2,
      "has(self.setPlainStr) && self.setPlainStr == 'v1'": 4,
      "has(self.setDefaultedStr) && self.setDefaultedStr == 'v2'": 4,
      "has(self.setNullableStr) && self.setNullableStr == 'v3'": 4,
      'type(self.setNullableStr) != null_type': 4,
      '!has(self.setToNullNullableStr)': 2,
    },
  },
  {
    name: 'container type composition',
    schema: {
      type: 'object',
      properties: {
        obj: { type: 'object', properties: { field: { type: 'string' } } },
        mapOfMap: {
          type: 'object',
          additionalProperties: { type: 'object', additionalProperties: { type: 'string' }, maxProperties: 10 },
          maxProperties: 10,
        },
        mapOfObj: {
          type: 'object',
          additionalProperties: { type: 'object', properties: { field2: { type: 'string' } } },
        },
        mapOfListMap: {
          type: 'object',
          additionalProperties: {
            type: 'array',
            items: { type: 'object', properties: { k: { type: 'string' }, v: { type: 'string' } } },
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['k'],
            maxItems: 10,
          },
          maxProperties: 10,
        },
        mapOfList: {
          type: 'object',
          additionalProperties: {
            type: 'array',
            items: { type: 'string' },
            'x-kubernetes-list-type': 'atomic',
            maxItems: 10,
          },
          maxProperties: 10,
        },
        listMapOfObj: {
          type: 'array',
          items: { type: 'object', properties: { k2: { type: 'string' }, v2: { type: 'string' } } },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k2'],
          maxItems: 10,
        },
        listOfMap: {
          type: 'array',
          items: { type: 'object', additionalProperties: { type: 'string' }, maxProperties: 10 },
          'x-kubernetes-list-type': 'atomic',
          maxItems: 10,
        },
        listOfObj: {
          type: 'array',
          items: { type: 'object', properties: { field3: { type: 'string' } } },
          'x-kubernetes-list-type': 'atomic',
        },
        listOfListMap: {
          type: 'array',
          items: {
            type: 'array',
            items: { type: 'object', properties: { k3: { type: 'string' }, v3: { type: 'string' } } },
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['k'],
            maxItems: 10,
          },
          'x-kubernetes-list-type': 'atomic',
          maxItems: 10,
        },
      },
    },
    estimates: {
      "self.obj.field == 'a'": 4,
      "self.mapOfMap['x']['y'] == 'b'": 5,
      "self.mapOfObj['k'].field2 == 'c'": 5,
      "self.mapOfListMap['o'].exists(e, e.k == '1' && e.v == 'd')": 104,
      "self.mapOfList['l'][0] == 'e'": 5,
      "self.listMapOfObj.exists(e, e.k2 == '2' && e.v2 == 'f')": 103,
      "self.listOfMap[0]['z'] == 'g'": 5,
      "self.listOfObj[0].field3 == 'h'": 5,
      "self.listOfListMap[0].exists(e, e.k3 == '3' && e.v3 == 'i')": 104,
      'self.mapOfMap.map(k, k).map(k, k).size() == 1': 286,
      'self.mapOfListMap.map(k, k).map(k, k).size() == 1': 286,
      'self.mapOfList.map(k, k).map(k, k).size() == 1': 286,
    },
  },
  {
    name: 'optionals',
    schema: {
      type: 'object',
      properties: {
        obj: { type: 'object', properties: { field: { type: 'string' }, absentField: { type: 'string' } } },
        m: { type: 'object', additionalProperties: { type: 'string' } },
        l: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'atomic' },
      },
    },
    estimates: {
      "optional.of('a').hasValue()": 2,
      "optional.of('a').or(optional.of('a')).hasValue()": 4,
      "optional.none().or(optional.of('a')).hasValue()": 4,
      "optional.of('a').optMap(v, v == 'value').hasValue()": 18,
      "self.obj.?field.orValue('v') == 'a'": 5,
      'optional.ofNonZeroValue(1).hasValue()': 2,
      'optional.of([1, 2, 3, 4, 5]).optMap(v, v.size()).hasValue()': 38,
      "optional.of('abcdefgabcdefg').optMap(v, v.size()).hasValue()": 18,
      "self.l[?0].optMap(v, v == 'a').hasValue()": 22,
    },
  },
  {
    name: 'quantity',
    schema: { type: 'object', properties: { val1: { type: 'string' }, val2: { type: 'string' } } },
    estimates: {
      'isQuantity(self.val1)': 314575,
      'isQuantity(self.val2)': 314575,
      'isQuantity("200M")': 1,
      'isQuantity("20Mi")': 1,
      'quantity("200M") == quantity("0.2G") && quantity("0.2G") == quantity("200M")': 6,
      'quantity(self.val1).isLessThan(quantity(self.val2))': 629151,
      'quantity("50M").isLessThan(quantity("100M"))': 3,
      'quantity("50Mi").isGreaterThan(quantity("50M"))': 3,
      'quantity("200M").compareTo(quantity("0.2G")) == 0': 4,
      'quantity("50k").add(quantity("20")) == quantity("50.02k")': 5,
      'quantity("50k").sub(20) == quantity("49980")': 4,
      'quantity("50").isInteger()': 2,
    },
  },
];
