import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileExpression } from '../../../kernel/expressions/expression.ts'
import { RequestFacts } from '../../../kernel/expressions/request-facts.ts'
import { createRouter } from '../../../kernel/router/router.ts'
import type { RouterRequest, RouterRoute } from '../../../kernel/router/types.ts'
import {
  type Drawing,
  drawingArbitrary,
  evaluateDrawing,
  printDrawing,
  requestArbitrary,
} from '../../support/reference-expressions.ts'
import { evaluateVars, varsArbitrary } from '../../support/reference-vars.ts'

// A failure prints seed and path; give them here to see it again.
const repeat: { seed?: number; path?: string } = {}

const requests = fc.array(requestArbitrary, { minLength: 1, maxLength: 6 })

describe('expressions beside the plain reference', () => {
  it('hold for the same requests', () => {
    const held = { yes: 0, no: 0 }
    fc.assert(
      fc.property(drawingArbitrary, requests, (drawing, asked) => {
        const text = printDrawing(drawing)
        const expression = compileExpression(text)!
        for (const request of asked) {
          const expected = evaluateDrawing(drawing, request)
          held[expected ? 'yes' : 'no']++
          expect(expression.holds(new RequestFacts(request)), text).toBe(expected)
        }
      }),
      { numRuns: 6_000, ...repeat },
    )
    // Neither answer may be rare, or the test would see too little.
    expect(Math.min(held.yes, held.no)).toBeGreaterThan((held.yes + held.no) / 10)
  })

  it('hold for the same requests as vars', () => {
    fc.assert(
      fc.property(varsArbitrary, requests, (vars, asked) => {
        const expression = compileExpression(null, vars)!
        for (const request of asked) {
          const shown = JSON.stringify(vars)
          expect(expression.holds(new RequestFacts(request)), shown).toBe(
            evaluateVars(vars, request),
          )
        }
      }),
      { numRuns: 6_000, ...repeat },
    )
  })
})

interface DrawnRoute {
  readonly drawing: Drawing | null
  readonly vars: unknown[] | null
  readonly priority: number
  readonly protocols: string[]
}

const routeArbitrary: fc.Arbitrary<DrawnRoute> = fc.record({
  // Most routes begin with what an index can list.
  drawing: fc.oneof(drawingArbitrary, fc.tuple(listed(), drawingArbitrary).map(conjunction)),
  vars: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, varsArbitrary),
  priority: fc.constantFrom(0, 1, 2 ** 46 - 1),
  protocols: fc.constantFrom(['http', 'https'], ['https'], ['http'], ['grpc', 'grpcs']),
})
const traditionalArbitrary: fc.Arbitrary<DrawnRoute> = fc.record({
  drawing: fc.constant(null),
  vars: fc.oneof(fc.constant(null), varsArbitrary),
  priority: fc.constant(-1),
  protocols: fc.constant(['http', 'https']),
})

describe('a router of expressions beside the plain reference', () => {
  it('finds the first route by rank that holds, whether or not it remembers', () => {
    const routes = fc.array(
      fc.oneof({ weight: 4, arbitrary: routeArbitrary }, traditionalArbitrary),
      {
        maxLength: 14,
      },
    )
    fc.assert(
      fc.property(routes, requests, (drawn, asked) => {
        const list = drawn.map(toRoute)
        const fresh = createRouter(list, new Map(), { cacheEntriesMax: 0 })
        const remembering = createRouter(list, new Map(), { cacheEntriesMax: 3 })
        for (const request of [...asked, ...asked]) {
          const expected = expectedRoute(drawn, request)
          expect(fresh.match(request)?.route.id).toBe(expected)
          expect(remembering.match(request)?.route.id).toBe(expected)
        }
      }),
      { numRuns: 3_000, ...repeat },
    )
  })
})

function listed(): fc.Arbitrary<Drawing> {
  const test = (field: string, operator: string, literal: string): Drawing => ({
    kind: 'test',
    test: { field, operator, literal, spelling: 'raw', any: false, lower: false },
  })
  return fc.constantFrom(
    test('http.host', '==', 'a.test'),
    test('http.host', '==', 'A'),
    test('http.path', '^=', '/a'),
    test('http.path', '==', '/a/b'),
    test('http.path', '~', '^/a/'),
    test('http.path', '~', '^/a|/a'),
    {
      kind: 'or',
      bare: true,
      parts: [test('http.path', '==', '/b'), test('http.path', '^=', '/A')],
    } as const,
  )
}

function conjunction([left, right]: readonly [Drawing, Drawing]): Drawing {
  return { kind: 'and', parts: [left, right], bare: true }
}

const idOf = (index: number) => `r${String(index).padStart(2, '0')}`

function toRoute({ drawing, vars, priority, protocols }: DrawnRoute, index: number): RouterRoute {
  const common = { id: idOf(index), vars, protocols }
  // A regex path makes the router remember.
  if (drawing === null) return { ...common, paths: ['~/'], regex_priority: index }
  return { ...common, expression: printDrawing(drawing), priority }
}

function expectedRoute(drawn: readonly DrawnRoute[], request: RouterRequest): string | undefined {
  const rank = ({ drawing, priority, vars }: DrawnRoute, index: number) =>
    drawing === null ? [0, index, 0, 0] : [1, priority, (vars?.length ?? 0) > 0 ? 1 : 0, index]
  const byRank = drawn
    .map((route, index) => ({ route, index, rank: rank(route, index) }))
    .toSorted((left, right) => compareRanks(right.rank, left.rank))
  const found = byRank.find(({ route: { drawing, vars, protocols } }) => {
    // A route for TLS only is found by plain requests in order to be refused.
    if (protocols.join() === 'http' && request.scheme === 'https') return false
    if (drawing !== null && !evaluateDrawing(drawing, request)) return false
    return vars === null || evaluateVars(vars, request)
  })
  return found === undefined ? undefined : idOf(found.index)
}

function compareRanks(left: readonly number[], right: readonly number[]): number {
  for (const [at, value] of left.entries()) {
    if (value !== right[at]) return value - (right[at] ?? 0)
  }
  return 0
}
