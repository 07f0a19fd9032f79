import type { Node } from 'oxc-parser'
import { toLine, toSources, walk, type TidyFile, type Violation } from './source.ts'

/**
 * One word per thing: the field's other words for what we have a name for. Only words that mean
 * nothing else here are listed; `hook`, `pipeline`, `cluster`, `peer` and `ctx` are also Node's or
 * Kong's own.
 */
export const OTHER_WORDS: Readonly<Record<string, string>> = {
  middleware: 'handler or step',
  middlewares: 'handlers or steps',
  endpoint: 'route',
  endpoints: 'routes',
  backend: 'service, upstream or target',
  backends: 'services, upstreams or targets',
  'load balancer': 'balancer',
  'master process': 'primary',
  'plugin runner': 'plugin host',
  'sandbox worker': 'sandbox host',
}

const PROGRAM = /^(?:kernel|sandbox|sdk|plugins|examples)\//

export function checkWords(files: readonly TidyFile[]): Violation[] {
  return toSources(files)
    .filter(({ path }) => PROGRAM.test(path))
    .flatMap((source) => {
      const found: Violation[] = []
      walk(source.program, (node, parent) => {
        if (node.type !== 'Identifier' || isForeign(node, parent)) return
        const instead = otherWord(node.name)
        if (instead === null) return
        const line = toLine(source.text, node.start)
        found.push({ path: source.path, line, message: `"${node.name}": we say ${instead}` })
      })
      return found
    })
}

/** A member of somebody else's object, or a name under which a package exports something. */
function isForeign(node: Node, parent: Node | null): boolean {
  if (parent?.type === 'MemberExpression') return parent.property === node && !parent.computed
  return parent?.type === 'ImportSpecifier' && parent.imported === node
}

function otherWord(identifier: string): string | null {
  const words = identifier
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/[_$]+/g, ' ')
    .toLowerCase()
  const other = Object.keys(OTHER_WORDS).find((each) => ` ${words} `.includes(` ${each} `))
  return other === undefined ? null : (OTHER_WORDS[other] ?? null)
}
