import { runInThisContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PluginHost } from '../../kernel/plugin-host.ts'
import { makeCall, makePlugin } from '../support/host-call.ts'
import { ISOLATED_TIERS, startHost } from './tiers.ts'

const PARTS = [
  ...['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port'],
  ...['pathname', 'search', 'hash'],
]

/** The parts of a URL after something was done to it. */
const parts = (url: string, change = '') =>
  `((url) => { ${change}; return ${JSON.stringify(PARTS)}.map((part) => url[part]) })(${url})`
const code = (expression: string) =>
  `(() => { try { return ${expression} } catch (error) { return error.name } })()`

/** What a plugin sees must be what Node itself makes of it. */
const EXPRESSIONS: Readonly<Record<string, string>> = {
  'a URL with all parts': parts(`new URL('https://u:p%20w@Ex%41mple.com:8443/a/../b c?x=1&y#z')`),
  'a default port': parts(`new URL('http://example.com:80')`),
  'a base': parts(`new URL('../c?d', 'http://example.com/a/b/')`),
  'a base that is a URL': parts(`new URL('//other/x', new URL('https://example.com'))`),
  'an international hostname': parts(`new URL('http://bücher.example/ü?ü#ü')`),
  'an IPv4 address in other words': parts(`new URL('http://0x7f.1/')`),
  'an IPv6 address': parts(`new URL('http://[2001:DB8::0:1]/')`),
  'no hierarchy': parts(`new URL('mailto:a@b')`),
  'back slashes': parts(`new URL('http:\\\\\\\\example.com\\\\a')`),
  'control characters': parts(`new URL(' ht\\ntp://exa\\tmple.com ')`),
  'no URL': code(`new URL('nothing')`),
  'a bad port': code(`new URL('http://a:99999')`),
  'a bad hostname': code(`new URL('http://a b')`),
  canParse: `[URL.canParse('x'), URL.canParse('x', 'http://a'), URL.canParse('http://a')]`,
  'JSON and text': `[JSON.stringify({ u: new URL('http://a') }), String(new URL('http://a'))]`,
  'parts that are set': parts(
    `new URL('http://a/b')`,
    `url.protocol = 'https'; url.host = 'c:81'; url.pathname = 'd e'; url.search = 'f'; url.hash = 'g';
     url.username = 'h:'; url.password = '@'`,
  ),
  'parts that cannot be set': parts(
    `new URL('http://a/b')`,
    `url.protocol = 'mailto'; url.port = 'x'; url.hostname = ''; url.host = 'a b'`,
  ),
  'an href that is set': parts(`new URL('http://a/b')`, `url.href = 'http://c/d?e'`),
  'an href that cannot be set': code(`(new URL('http://a').href = 'x')`),
  'parameters that write through': parts(
    `new URL('http://a/?x=1&x=2&y=3')`,
    `url.searchParams.delete('x'); url.searchParams.append('z', 'ä &'); url.searchParams.set('y', '4')`,
  ),
  'parameters that follow': `((url) => {
    const params = url.searchParams; url.search = '?n=1'; return [...params] })(new URL('http://a/?x'))`,
  'parameters of a text': `[...new URLSearchParams('?a=1&b=%20+&c&=d&a=%ff&%')]`,
  'parameters of pairs': `String(new URLSearchParams([['a', 'b c'], ['a', 'ü']]))`,
  'parameters of an object': `String(new URLSearchParams({ a: 1, b: null }))`,
  'parameters looked up': `((params) => [params.get('a'), params.get('z'), params.getAll('a'),
    params.has('b'), params.has('a', '2'), params.size, [...params.keys()], [...params.values()]])
    (new URLSearchParams('a=1&b=3&a=2'))`,
  'parameters sorted': `((params) => { params.sort(); return String(params) })
    (new URLSearchParams('b=2&a=3&b=1&A=0'))`,
  'parameters by forEach': `((list) => { new URLSearchParams('a=1&b=2').forEach((v, k) => list.push(k + v));
    return list })([])`,
  'pairs that are none': code(`new URLSearchParams([['a']])`),
}

const HANDLER = `(pdk) => { pdk.ctx.plugin.values = { ${Object.entries(EXPRESSIONS)
  .map(([name, expression]) => `${JSON.stringify(name)}: ${expression}`)
  .join(', ')} } }`

describe.each(ISOLATED_TIERS)(
  'in the %s tier URL and URLSearchParams do what Node does',
  (tier) => {
    let host: PluginHost
    let values: Readonly<Record<string, unknown>>
    beforeAll(async () => {
      host = (await startHost(tier, [makePlugin('p', `access: ${HANDLER}`)])).host
      const call = makeCall({ key: 'key' })
      await host.call(call)
      values = call.applied[0]!.plugin!['values'] as typeof values
    })
    afterAll(() => host.close())

    test.each(Object.entries(EXPRESSIONS))('%s', (name, expression) => {
      const wanted = JSON.stringify(runInThisContext(expression))
      expect(JSON.stringify(values[name])).toBe(wanted)
    })
  },
)
