import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatCheck, knownFormat } from './formats.ts';

/** Facts of upstream's tests (kube-openapi pkg/validation/strfmt) and some more. */
const CASES: Readonly<Record<string, readonly [valid: readonly string[], invalid: readonly string[]]>> = {
  uri: [
    ['http://somewhere.com', '/path', '*', 'mailto:x', 'http://[::1]:80/x', 'http://u:p@h/?q=%zz', 'a:', 'http://a/%20', 'http://h%c3%a4/', 'http:///x'],
    ['somewhere.com', '', 'http://a b/', 'http://[::1/', 'http://h:8x/', '/%zz', ':x', 'http://::1/', 'http://h%20x/', 'http://a\u0001/', '1http://x', 'http://u%zz@h/', 'http://[1.2.3.4]/'],
  ],
  email: [
    ['blah@gmail.com', 'test@d.verylongtoplevel', 'email+tag@gmail.com', '" "@example.com', '"Abc\\@def"@example.com', '"Joe\\\\Blow"@example.com', '"Abc@def"@example.com', 'customer/department=shipping@example.com', '$A12345@example.com', '!def!xyz%abc@example.com', "!#$%&'*+-/=?^_`{}|~@example.com", "Miles.O'Brian@example.com", 'postmaster@☁→❄→☃→☀→☺→☂→☹→✝.ws', 'root@localhost', 'A B <a@b>', '"A" <a@b> (x)', '<a@b>', 'a@[1.2.3.4]', 'G: a@b;', 'a@b (c (d))'],
    ['somebody@somewhere@com', '', 'a', 'a@', '@b', 'a..b@c', '.a@b', 'a.@b', 'A <a@b', 'a@b c', '""@x', 'a@[x]', 'G: a@b, c@d;', 'a@b (c', 'a b@c'],
  ],
  hostname: [
    ['somewhere.com', '888.com', '1.2.3.4.com', 'xn--bcher-kva.example.com', '☁→❄→☃→☀→☺→☂→☹→✝.ws', 'ôlà.ôlà', 'ex$ample', 'localhost', 'x', 'x-y', '<foo>', 'www.詹姆斯.london'],
    ['somewhere.com!', 'user@email.domain', '1.1.1.1', 'www.example-.org', '-www.example.org', 'www.-d.org', 'www-', '_www.example.org', 'www.example_underscored.org', 'www.詹姆斯.x', 'a.b.c.d', 'x.', 'a'.repeat(256), `x.y.${'a'.repeat(64)}`],
  ],
  ipv4: [['127.0.0.1', '192.168.1.01', '::ffff:1.2.3.4'], ['198.168.254.2.2', '1.2.3.256', '::1', '1.2.3']],
  ipv6: [['::1', '::ffff:1.2.3.4'], ['127.0.0.1', 'fe80::1%eth0', '::g']],
  cidr: [['192.0.2.1/24', '192.0.02.1/24', '2001:db8:a0b:12f0::1/32'], ['198.168.254.2', '2001:db8:a0b:12f0::1', '1.2.3.4/33', '1.2.3.4/', '1.2.3.4/8/8']],
  mac: [['01:02:03:04:05:06', '01-23-45-67-89-AB-cd-ef', '0123.4567.89ab', '0123.4567.89ab.cdef'], ['01:02:03:04:05', '01:02:03:04:05-06', '0123.4567']],
  uuid: [['6BA7B810-9DAD-11D1-80B4-00C04FD430C8', '6ba7b8109dad11d180b400c04fd430c8'], ['not-a-uuid', '6ba7b810']],
  uuid3: [['bcd02e22-68f0-3046-a512-327cca9def8f'], ['bcd02e22-68f0-4046-a512-327cca9def8f']],
  uuid4: [['25e7ee4d-5c61-4b39-a5c1-0d3d63f1bd6e'], ['25e7ee4d-5c61-4b39-c5c1-0d3d63f1bd6e']],
  uuid5: [['886313e1-3b8a-5372-9b90-0c9aee199e5d'], ['886313e1-3b8a-4372-9b90-0c9aee199e5d']],
  isbn: [['0321751043', '978-0321751041', '0 8044 2957 X'], ['836217463', '0321751044']],
  isbn10: [['0321751043'], ['978-0321751041']],
  isbn13: [['978-0321751041'], ['978-0321751042', '0321751043']],
  creditcard: [['4111-1111-1111-1111', '4012-8888-8888-1881'], ['9999-9999-9999-999', '4111-1111-1111-1112', '']],
  ssn: [['111-11-1111', '999 99 9999'], ['999 99 999', '111111111']],
  hexcolor: [['#FFFFFF', '000', 'abcdef'], ['#fffffffz', '#ffff', '']],
  rgbcolor: [['rgb(255,255,255)', 'rgb( 0 , 10,99 )'], ['rgb(300,0,0)', 'rgb(1,2)']],
  byte: [['YQ==', 'YWI=', 'YWJj'], ['', 'YQ', 'Y===', 'YQ-_', '====']],
  password: [['', 'any'], []],
  date: [['2006-01-02', '2024-02-29', '0000-01-01'], ['2006-1-2', '2023-02-29', '2006-13-01', '2006-01-32', '2006-01-02T00:00:00Z', '2006-00-01']],
  duration: [['1h30m', '22 ns', '1 week', '3 days and 2 hours', '-1.5s', '0', '1wk', '2 SECONDS', '1µs'], ['45 weeekks', '45 wekk', '', 'h', '99999999999999999999 s', '1']],
  'date-time': [['2014-12-15T19:30:20.000Z', '2014-12-15t19:30:20z', '2014-12-15T19:30:20+01:00'], ['2014-12-15', '2014-12-15T24:30:20Z', '2014-12-15T19:30Z', '2014-12-32T19:30:20Z', '2014-12-15T19:30:20']],
  bsonobjectid: [['507f1f77bcf86cd799439011'], ['507f1f77bcf86cd79943901', 'x']],
  'k8s-short-name': [['a', 'a-b', 'a'.repeat(63)], ['A', '-a', 'a.b', 'a'.repeat(64), '']],
  'k8s-long-name': [['a.b-c', 'a'.repeat(253)], ['a..b', 'a.-', 'a'.repeat(254), '']],
}; // prettier-ignore

for (const [format, [valid, invalid]] of Object.entries(CASES)) {
  test(`format ${format} knows right from wrong`, () => {
    const check = formatCheck(format)!;
    assert.deepEqual(
      valid.filter((text) => !check(text)),
      [],
    );
    assert.deepEqual(invalid.filter(check), []);
  });
}

test('formats count for the types they are made for', () => {
  const known = (type: string, format: string, intOrString = false): string =>
    knownFormat({ type, format, intOrString });
  assert.equal(known('string', 'date-time'), 'date-time');
  assert.equal(known('string', 'date--time'), 'date--time');
  assert.equal(known('', 'ipv4'), 'ipv4');
  assert.equal(known('string', 'int32'), '');
  assert.equal(known('string', 'foo'), '');
  assert.equal(known('integer', 'int32'), 'int32');
  assert.equal(known('integer', 'float'), '');
  assert.equal(known('number', 'float'), 'float');
  assert.equal(known('number', 'int64'), '');
  assert.equal(known('object', 'date'), '');
  assert.equal(known('', 'date', true), 'date');
});

test('no format takes long over any text', () => {
  const started = performance.now();
  const texts = ['1', 'a', '.', 'a.', '1a', '(', '"', ' ', ':', 'ab:', '%41', '/', 'a@', ',', '=', '☁', '1 '].flatMap(
    (part) => [part.repeat(100_000), `x@${part.repeat(100_000)}`, `http://${part.repeat(100_000)}`],
  );
  for (const format of Object.keys(CASES)) for (const text of texts) formatCheck(format)!(text);
  assert.ok(performance.now() - started < 20_000);
});
