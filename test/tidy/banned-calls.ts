import type { Node } from 'oxc-parser'
import { toLine, toSources, walk, type Source, type TidyFile, type Violation } from './source.ts'

interface BannedCall {
  /** Matched against the callee as it is written: `console.log`, `process.exit`, `Function`. */
  readonly callee: RegExp
  readonly within: RegExp
  /** Files that may, because it is their work. */
  readonly except: RegExp | null
  readonly instead: string
}

const PROGRAM = /^(?:kernel|sandbox|sdk|plugins)\//

const BANNED_CALLS: readonly BannedCall[] = [
  {
    callee: /^console\./,
    within: PROGRAM,
    except: null,
    instead: 'log through the logger, or write to process.stdout',
  },
  {
    callee: /^(?:globalThis\.)?(?:eval|Function)$/,
    within: /./,
    except: /^(?:sandbox|test)\//,
    instead: 'code that arrives as text runs in sandbox/ only',
  },
  {
    callee: /^process\.exit$/,
    within: /^(?:kernel|sandbox|sdk|plugins)\//,
    // The entry files of processes, and who owns their signals, end them; nobody else.
    except:
      /^(?:kernel\/(?:main|node-version|cli\/start)|kernel\/process\/(?:primary|worker)|sandbox\/process\/child)\.ts$/,
    instead: 'set process.exitCode, or return to the entry file of the process',
  },
  {
    callee: /^process\.(?:abort|kill)$/,
    within: /^(?:sdk|plugins)\//,
    except: null,
    instead: 'a plugin ends nobody',
  },
  {
    callee: /^(?:describe|it|test)(?:\.\w+)*\.only$/,
    within: /^test\//,
    except: null,
    instead: 'the other tests count too',
  },
]

const CLOCKS = /^(?:Date\.now|performance\.now|process\.hrtime(?:\.bigint)?)$/

/** Where measuring time is the matter itself. */
const TIMED = /^test\/(?:bench|adversary|soak)\//

export function checkBannedCalls(files: readonly TidyFile[]): Violation[] {
  return toSources(files).flatMap((source) => [
    ...bannedCalls(source),
    ...(source.path.startsWith('test/') ? [...clockAssertions(source), ...fixedPorts(source)] : []),
  ])
}

function bannedCalls(source: Source): Violation[] {
  const rows = BANNED_CALLS.filter(
    ({ within, except }) => within.test(source.path) && !(except?.test(source.path) ?? false),
  )
  return calls(source.program).flatMap(({ callee, node }) => {
    const row = rows.find((each) => each.callee.test(callee))
    return row === undefined ? [] : [violation(source, node, `${callee}(): ${row.instead}`)]
  })
}

/** `expect(Date.now() - start)`, also by way of a variable: such a test fails on a busy machine. */
function clockAssertions(source: Source): Violation[] {
  if (TIMED.test(source.path)) return []
  const clocked = new Set<string>()
  const readsClock = (root: Node): boolean => {
    let found = false
    walk(root, (node) => {
      if (node.type === 'Identifier' && clocked.has(node.name)) found = true
      if (node.type === 'CallExpression' && CLOCKS.test(calleeOf(node.callee))) found = true
    })
    return found
  }
  walk(source.program, (node) => {
    if (node.type !== 'VariableDeclarator' || node.id.type !== 'Identifier') return
    if (node.init?.type === 'BinaryExpression' && readsClock(node.init)) clocked.add(node.id.name)
  })
  return calls(source.program)
    .filter(({ callee, node }) => callee === 'expect' && node.arguments.some(readsClock))
    .map(({ node }) => violation(source, node, 'a clock is no oracle: count events instead'))
}

function fixedPorts(source: Source): Violation[] {
  return calls(source.program).flatMap(({ callee, node }) => {
    const port = node.arguments[0]
    if (!callee.endsWith('.listen') || port?.type !== 'Literal') return []
    if (typeof port.value !== 'number' || port.value === 0) return []
    return [violation(source, node, `port ${port.value} may be taken: listen on 0`)]
  })
}

type Call = Extract<Node, { type: 'CallExpression' | 'NewExpression' }>

function calls(root: Node): { callee: string; node: Call }[] {
  const found: { callee: string; node: Call }[] = []
  walk(root, (node) => {
    if (node.type !== 'CallExpression' && node.type !== 'NewExpression') return
    found.push({ callee: calleeOf(node.callee), node })
  })
  return found
}

function calleeOf(node: Node): string {
  if (node.type === 'Identifier') return node.name
  if (node.type !== 'MemberExpression' || node.computed) return ''
  return node.property.type === 'Identifier'
    ? `${calleeOf(node.object)}.${node.property.name}`
    : calleeOf(node.object)
}

function violation(source: Source, node: Node, message: string): Violation {
  return { path: source.path, line: toLine(source.text, node.start), message }
}
