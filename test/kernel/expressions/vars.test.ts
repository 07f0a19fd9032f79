import { describe, expect, test } from 'vitest'
import { compileExpression } from '../../../kernel/expressions/expression.ts'
import { VarsError } from '../../../kernel/expressions/parse-vars.ts'
import { RequestFacts } from '../../../kernel/expressions/request-facts.ts'
import type { RouterRequest } from '../../../kernel/router/types.ts'
import { makeRouterRequest } from '../../support/router-request.ts'

const operators = '==, ~=, >, >=, <, <=, ~~, ~*, in, has, ipmatch'
const variables =
  'uri, request_uri, host, request_method, scheme, remote_addr, remote_port, server_addr, server_port, args, query_string, is_args, ssl_server_name, arg_*, cookie_*, http_*'

type Row = readonly [vars: unknown[], request: Partial<RouterRequest>, holds: boolean]

const shop = {
  path: '/shop/b c',
  query: '?v=2&ttl=3600&tag=x&tag=y&empty',
  host: 'Shop.Test:8080',
  headers: ['X-Env', 'dev', 'X-Env', 'test', 'Cookie', 'user=42; plan=gold'],
}

const groups: Readonly<Record<string, readonly Row[]>> = {
  'a variable': [
    [['uri', '==', '/shop/b c'], shop, true],
    [['request_uri', '==', '/shop/b%20c?v=2&ttl=3600&tag=x&tag=y&empty'], shop, true],
    [['host', '==', 'SHOP.test'], shop, true],
    [['request_method', '==', 'GET'], shop, true],
    [['scheme', '==', 'http'], shop, true],
    [['remote_addr', '==', '10.0.0.1'], { srcIp: '::ffff:10.0.0.1' }, true],
    [['remote_port', '>', 3999], shop, true],
    [['server_addr', '==', '10.0.0.2'], shop, true],
    [['server_port', '==', 80], shop, true],
    [['server_port', '==', '80'], shop, true],
    [['args', '~~', '^v=2&'], shop, true],
    [['query_string', '==', ''], {}, true],
    [['is_args', '==', '?'], shop, true],
    [['ssl_server_name', '==', null], shop, true],
    [['arg_v', '==', '2'], shop, true],
    [['arg_tag', '==', 'x'], shop, true],
    [['arg_empty', '==', ''], shop, true],
    [['http_x_env', '==', 'dev, test'], shop, true],
    [['http_X_Env', '~~', 'test$'], shop, true],
    [['http_host', '==', null], shop, true],
    [['cookie_plan', '==', 'gold'], shop, true],
  ],
  'an operator': [
    [['arg_v', '==', 2], shop, true],
    [['arg_v', '~=', 2], shop, false],
    [['arg_missing', '==', 'x'], shop, false],
    [['arg_missing', '~=', 'x'], shop, true],
    [['arg_missing', '==', null], shop, true],
    [['arg_v', '~=', null], shop, true],
    [['arg_missing', '<', 5], shop, false],
    [['arg_missing', '!', '<', 5], shop, true],
    [['arg_ttl', '>=', '3600'], shop, true],
    [['arg_ttl', '<=', 3599], shop, false],
    [['arg_tag', '<', 5], shop, false],
    [['arg_v', '==', 0], { query: '?v=' }, false],
    [['arg_v', '~~', '^[0-9]$'], shop, true],
    [['cookie_plan', '~*', 'GOLD'], shop, true],
    [['cookie_plan', '~~', 'GOLD'], shop, false],
    [['arg_v', 'in', ['1', '2']], shop, true],
    [['arg_v', 'in', [1, 2]], shop, true],
    [['arg_v', '!', 'in', ['1', '2']], shop, false],
    [['arg_tag', 'has', 'y'], shop, true],
    [['http_x_env', 'has', 'test'], shop, true],
    [['http_x_env', '!', 'has', 'prod'], shop, true],
    [['remote_addr', 'ipmatch', ['10.0.0.0/8', 'fd00::1']], shop, true],
    [['remote_addr', 'ipmatch', '11.0.0.0/8'], shop, false],
    [['arg_v', 'ipmatch', ['0.0.0.0/0']], shop, false],
  ],
  'a list': [
    [
      [
        ['arg_v', '==', '2'],
        ['host', '==', 'shop.test'],
      ],
      shop,
      true,
    ],
    [
      [
        ['arg_v', '==', '2'],
        ['host', '==', 'x'],
      ],
      shop,
      false,
    ],
    [['OR', ['arg_v', '==', '1'], ['arg_v', '==', '2']], shop, true],
    [['!AND', ['arg_v', '==', '2'], ['host', '==', 'x']], shop, true],
    [['!OR', ['arg_v', '==', '1'], ['arg_v', '==', '2']], shop, false],
    [
      [
        ['arg_v', '==', '2'],
        ['OR', ['host', '==', 'x'], ['AND', ['uri', '~~', '^/s']]],
      ],
      shop,
      true,
    ],
  ],
}

describe.each(Object.entries(groups))('vars: %s', (_group, rows) => {
  test.each(rows)('%j of %o', (vars, request, holds) => {
    const facts = new RequestFacts(makeRouterRequest(request))
    expect(compileExpression(null, vars)!.holds(facts)).toBe(holds)
  })
})

const needsBody = 'needs the body, which has not been read when the route is looked for'

// The list, where in it something is wrong, and the message.
const refusals: readonly (readonly [unknown[], string, string])[] = [
  [['arg_v'], '', 'must be a condition like ["arg_version", "==", "v2"], got ["arg_v"]'],
  [['arg_v', '2'], '', 'must be a condition like ["arg_version", "==", "v2"], got ["arg_v", "2"]'],
  [[[]], '0', 'must be a condition like ["arg_version", "==", "v2"], got an empty list'],
  [
    [['arg_v', '==', '2'], 'OR', ['arg_v', '==', '3']],
    '1',
    'must be a condition like ["arg_version", "==", "v2"], got "OR"; AND and OR stand first in their list',
  ],
  [['OR'], '', 'must have conditions after "OR"'],
  [[5, '==', '2'], '0', 'must be a variable, got 5'],
  [['urri', '==', '2'], '0', 'unknown variable "urri"; did you mean "uri"?'],
  [['colour', '==', '2'], '0', `unknown variable "colour"; there are ${variables}`],
  [['arg_', '==', '2'], '0', 'wanted a name after "arg_"'],
  [['post_arg_model', '==', '2'], '0', `the variable "post_arg_model" ${needsBody}`],
  [['post_arg.a.b', '==', '2'], '0', `the variable "post_arg.a.b" ${needsBody}`],
  [['graphql_name', '==', '2'], '0', `the variable "graphql_name" ${needsBody}`],
  [
    ['uri_param_id', '==', '2'],
    '0',
    'the variable "uri_param_id" needs paths with parameters like "/users/:id", which routes do not have; match "uri" with "~~"',
  ],
  [
    ['consumer_name', '==', '2'],
    '0',
    'the variable "consumer_name" is only known after the route was found',
  ],
  [
    ['arg_v', '=', '2'],
    '1',
    `must be one of ${operators}, or "!" and one of them, got "="; did you mean "=="?`,
  ],
  [
    ['arg_v', '!=', '2'],
    '1',
    `must be one of ${operators}, or "!" and one of them, got "!="; did you mean "~="?`,
  ],
  [
    ['arg_v', 'constructor', '2'],
    '1',
    `must be one of ${operators}, or "!" and one of them, got "constructor"`,
  ],
  [
    ['arg_v', '!', 'like', '2'],
    '2',
    `must be one of ${operators}, or "!" and one of them, got "like"`,
  ],
  [['uri', 'has', 'a'], '1', '"has" looks among several values, and "uri" is one text; use "=="'],
  [['arg_v', '==', true], '2', 'must be a string or a number, got true'],
  [['arg_v', '==', ['a']], '2', 'must be a string or a number, got ["a"]'],
  [['arg_v', '>', 'ten'], '2', 'must be a number, got "ten"'],
  [['arg_v', '>', null], '2', 'must be a number, got null'],
  [['arg_v', 'in', 'a'], '2', 'must be a list of strings and numbers, got "a"'],
  [['arg_v', 'in', []], '2', 'must be a list of strings and numbers, got an empty list'],
  [['arg_v', 'in', [true]], '2', 'must be a list of strings and numbers, got [true]'],
  [['arg_v', 'has', null], '2', 'must be a string or a number, got null'],
  [['arg_v', '~~', 5], '2', 'must be a regular expression as a string, got 5'],
  [
    ['arg_v', '~~', '(a)\\1'],
    '2',
    'regular expression "(a)\\\\1", offset 5: back-references cannot be matched in linear time; repeat the group instead',
  ],
  [
    ['remote_addr', 'ipmatch', ['10.0.0.0/8', 'x']],
    '2',
    'must be a list of addresses and blocks like "10.0.0.0/8", got "x"',
  ],
  [
    ['remote_addr', 'ipmatch', '10.0.0.0/40'],
    '2',
    'must be a list of addresses and blocks like "10.0.0.0/8", got "10.0.0.0/40"',
  ],
  [
    [
      ['arg_v', '==', '2'],
      ['OR', ['arg_v', '>', 'x']],
    ],
    '1 1 2',
    'must be a number, got "x"',
  ],
]

describe('vars', () => {
  test.each(refusals)('are refused with the place: %j', (vars, place, message) => {
    const error = errorOf(vars)
    expect(error.message).toBe(message)
    expect(error.path.join(' ')).toBe(place)
  })

  test('ask for nothing when they are empty', () => {
    expect(compileExpression(null, [])).toBeNull()
  })

  test('must hold besides the expression of the same route', () => {
    const both = compileExpression('http.path ^= "/s"', [['arg_v', '==', '2']])!
    const holds = (request: Partial<RouterRequest>) =>
      both.holds(new RequestFacts(makeRouterRequest(request)))
    expect([holds(shop), holds({ ...shop, query: '' }), holds({ ...shop, path: '/' })]).toEqual([
      true,
      false,
      false,
    ])
  })
})

function errorOf(vars: unknown[]): VarsError {
  try {
    compileExpression(null, vars)
  } catch (error) {
    if (error instanceof VarsError) return error
    throw error
  }
  throw new Error(`not refused: ${JSON.stringify(vars)}`)
}
