import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rewriteHtml, rewriteUrl } from './rewrite.ts';

const PREFIX = '/api/v1/namespaces/n/services/web/proxy';
const REWRITE = { backendHost: '10.1.2.3:80', requestHost: 'localhost:8001', prefix: PREFIX };

test('addresses of the backend go through the proxy, all others are left alone', () => {
  const cases: Readonly<Record<string, string>> = {
    '/': `${PREFIX}/`,
    '/a/b?c=d#e': `${PREFIX}/a/b?c=d#e`,
    '/a/': `${PREFIX}/a/`,
    '/a/../b': `${PREFIX}/b`,
    'http://10.1.2.3:80/a': `${PREFIX}/a`,
    '//10.1.2.3:80/a': `${PREFIX}/a`,
    'http://localhost:8001/a': `http://localhost:8001${PREFIX}/a`,
    [`${PREFIX}/a`]: `${PREFIX}/a`,
    a: 'a',
    './a': './a',
    '#top': '#top',
    '?q': '?q',
    '': '',
    'mailto:a@b': 'mailto:a@b',
    'https://example.com/a': 'https://example.com/a',
    'http://10.1.2.3:81/a': 'http://10.1.2.3:81/a',
  };
  for (const [from, to] of Object.entries(cases)) assert.equal(rewriteUrl(from, REWRITE), to, from);
});

async function page(text: string, size = text.length): Promise<string> {
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let at = 0; at < text.length; at += Math.max(size, 1)) yield Buffer.from(text.slice(at, at + size));
  }
  const out: Buffer[] = [];
  for await (const chunk of rewriteHtml(chunks(), REWRITE)) out.push(chunk);
  return Buffer.concat(out).toString();
}

test('a page is rewritten where it holds addresses, wherever it is cut', async () => {
  const cases: Readonly<Record<string, string>> = {
    '<a href="/x">x</a>': `<a href="${PREFIX}/x">x</a>`,
    "<A HREF='/x'>": `<A HREF='${PREFIX}/x'>`,
    '<a href=/x>': `<a href="${PREFIX}/x">`,
    '<img src="/a" alt="/b"><img src="/c"/>': `<img src="${PREFIX}/a" alt="/b"><img src="${PREFIX}/c"/>`,
    '<a title="a>b" href="/x">': `<a title="a>b" href="${PREFIX}/x">`,
    '<a href="/x?a=1&amp;b=2">': `<a href="${PREFIX}/x?a=1&amp;b=2">`,
    '<p href="/x">': '<p href="/x">',
    '<a data-href="/x">': '<a data-href="/x">',
    '<!-- <a href="/x"> --><a href="/y">': `<!-- <a href="/x"> --><a href="${PREFIX}/y">`,
    '<script src="/s">"<a href=\'/x\'>"</script><a href="/y">': `<script src="${PREFIX}/s">"<a href='/x'>"</script><a href="${PREFIX}/y">`,
    'a < b <3 </a> <': 'a < b <3 </a> <',
    '<a href="/x': '<a href="/x',
    '<!--': '<!--',
  };
  for (const [from, to] of Object.entries(cases))
    for (let size = 1; size <= from.length; size++) assert.equal(await page(from, size), to, `${from} by ${size}`);
});

test('what is no HTML passes byte for byte, and in time', async () => {
  const noise = `${'<'.repeat(100_000)}${'<a '.repeat(30_000)}${'"'.repeat(1000)}`;
  assert.equal(await page(noise, 1 << 16), noise);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const out: Buffer[] = [];
  for await (const chunk of rewriteHtml([bytes] as unknown as AsyncIterable<Buffer>, REWRITE)) out.push(chunk);
  assert.deepEqual(Buffer.concat(out), bytes);
});
