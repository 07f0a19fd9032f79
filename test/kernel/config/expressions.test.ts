import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { errorsOf, load, loadGood, versioned } from './load.ts'

const route = (fields: string) => `routes: [{ name: r, ${fields} }]`
const yes = String.raw`expression: 'http.path == "/a"'`

describe('a route with an expression', () => {
  test('needs nothing else, and keeps the text as it was written', () => {
    const text = `routes:
- name: r
  priority: 70368744177663
  expression: |
    http.method == "GET" &&
    (http.path ^= "/a" || http.path ^= "/b")
`
    expect(loadGood(versioned(text)).routes[0]).toMatchObject({
      expression: 'http.method == "GET" &&\n(http.path ^= "/a" || http.path ^= "/b")\n',
      priority: 2 ** 46 - 1,
      paths: null,
      vars: null,
    })
  })

  test('may have vars, in every form', () => {
    const text = route(
      `${yes}, vars: [[arg_a, "==", json], ["OR", [arg_b, ">", 10], [arg_c, "!", in, [x, "1"]]]]`,
    )
    expect(loadGood(versioned(text)).routes[0]?.vars).toEqual([
      ['arg_a', '==', 'json'],
      ['OR', ['arg_b', '>', 10], ['arg_c', '!', 'in', ['x', '1']]],
    ])
  })

  test.each([
    [
      'one that is wrong',
      route(String.raw`expression: 'http.path = "/a"'`),
      [
        '2:21: route "r": expression: line 1, column 11: wanted an operator (==, !=, ~, ^=, =^, contains, >, >=, <, <=, in, not in), got "= \\"/a\\""; did you mean ==?',
      ],
    ],
    [
      'one that is wrong in its second line',
      'routes:\n- name: r\n  expression: |\n    http.path == "/a" &&\n    http.pth == "/b"',
      [
        '4:3: route "r": expression: line 2, column 1: unknown field "http.pth"; did you mean "http.path"?',
      ],
    ],
    [
      'one that is no text',
      route('expression: [a]'),
      ['2:21: route "r": expression: must be a string, got ["a"]'],
    ],
    [
      'an empty one',
      route('expression: ""'),
      ['2:21: route "r": expression: must not be empty, got ""'],
    ],
    [
      'everything else that selects',
      route(
        `${yes}, methods: [GET], hosts: [a.test], paths: [/a], headers: { a: [b] }, snis: [a.test]`,
      ),
      [
        '2:54: route "r": methods: cannot be given together with expression; write http.method in it',
        '2:70: route "r": hosts: cannot be given together with expression; write http.host in it',
        '2:87: route "r": paths: cannot be given together with expression; write http.path in it',
        '2:100: route "r": headers: cannot be given together with expression; write http.headers.* in it',
        '2:121: route "r": snis: cannot be given together with expression; write tls.sni in it',
      ],
    ],
    [
      'addresses',
      route(`${yes}, sources: [{ port: 1 }], destinations: [{ ip: 10.0.0.1 }]`),
      [
        '2:54: route "r": sources: cannot be given together with expression; write net.src.ip and net.src.port in it',
        '2:78: route "r": destinations: cannot be given together with expression; write net.dst.ip and net.dst.port in it',
      ],
    ],
    [
      'how traditional routes are ordered and joined',
      route(`${yes}, regex_priority: 5, path_handling: v1`),
      [
        '2:54: route "r": regex_priority: cannot be given together with expression; give priority instead, got 5',
        '2:73: route "r": path_handling: cannot be given together with expression, which only knows "v0", got "v1"',
      ],
    ],
    [
      'a priority without one',
      route('paths: [/a], priority: 5'),
      ['2:34: route "r": priority: belongs to an expression, and this route has none, got 5'],
    ],
    [
      'a priority out of range',
      route(`${yes}, priority: 70368744177664`),
      ['2:54: route "r": priority: must be at most 70368744177663, got 70368744177664'],
    ],
    [
      'vars that are wrong',
      route('paths: [/a], vars: [[arg_a, "==", json], [arg_b, "=>", 10], [post_arg_x, "==", 1]]'),
      [
        '2:70: route "r": vars[1][1]: must be one of ==, ~=, >, >=, <, <=, ~~, ~*, in, has, ipmatch, or "!" and one of them, got "=>"; did you mean ">="?',
      ],
    ],
    [
      'vars that need the body',
      route('paths: [/a], vars: [[post_arg_x, "==", 1]]'),
      [
        '2:42: route "r": vars[0][0]: the variable "post_arg_x" needs the body, which has not been read when the route is looked for',
      ],
    ],
    [
      'vars alone',
      route('vars: [[arg_a, "==", json]]'),
      [
        '2:10: route "r": must have at least one of methods, hosts, headers, paths or snis, or an expression',
      ],
    ],
  ])('is refused with %s', (_what, text, messages) => {
    expect(errorsOf(versioned(text))).toEqual(messages.map((message) => `kong.yml:${message}`))
  })

  test('is warned of when && and || stand side by side', () => {
    const text = route(
      String.raw`expression: 'http.path == "/a" && tls.sni == "b" || tls.sni == "c"'`,
    )
    const result = load(versioned(text))
    expect(result.ok && result.warnings).toEqual([
      'route "r": expression has && beside || without brackets: || is read first, as in Kong',
    ])
  })
})

describe('the page on expressions', () => {
  test('shows a file that loads as it stands', () => {
    const page = readFileSync(new URL('../../../docs/expressions.md', import.meta.url), 'utf8')
    const [, yaml = ''] = /```yaml\n([^]*?)```/.exec(page) ?? []
    const { routes, plugins } = loadGood(yaml)
    expect(routes.map(({ expression, vars }) => [expression !== null, vars?.length])).toEqual([
      [true, undefined],
      [false, 2],
    ])
    expect(plugins[0]?.condition).toBe('!(http.path == "/health")')
  })
})

describe('the priority of a route without an expression', () => {
  test('may be 0, which is what Kong writes for none', () => {
    expect(loadGood(versioned(route('paths: [/a], priority: 0'))).routes[0]?.priority).toBe(0)
  })
})

describe('a condition of a plugin', () => {
  test.each([
    ['plugins: [{ name: plain, condition: "http.path" }]', '2:26: plugin "plain": condition:', 10],
    [
      'global_plugins: [{ name: plain, condition: "http.path" }]',
      '2:33: global plugin "plain": condition:',
      10,
    ],
    [
      'plugin_sets: [{ name: s, plugins: [{ name: plain, condition: "http.path" }] }]',
      '2:51: plugin "plain" of plugin set "s": condition:',
      10,
    ],
  ])('is refused with its place: %s', (text, place, column) => {
    expect(errorsOf(versioned(text))).toEqual([
      `kong.yml:${place} line 1, column ${column}: wanted an operator (==, !=, ~, ^=, =^, contains, >, >=, <, <=, in, not in), but the expression ends here`,
    ])
  })

  test('is warned of when && and || stand side by side', () => {
    const condition = 'http.method == "GET" || http.method == "PUT" && http.path ^= "/a"'
    const result = load(versioned(`plugins: [{ name: plain, condition: '${condition}' }]`))
    expect(result.ok && result.warnings).toEqual([
      'plugin "plain": condition has && beside || without brackets: || is read first, as in Kong',
    ])
  })
})
