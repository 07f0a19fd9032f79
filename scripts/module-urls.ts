import { parseSync, Visitor } from 'oxc-parser'

/**
 * `new URL('./child.ts', import.meta.url)` as it must read once `child.ts` is `child.js`. The
 * compiler rewrites imports; how the file of another process is named is only a string to it.
 */
export function rewriteModuleUrls(path: string, text: string): string {
  const ends: number[] = []
  const visitor = new Visitor({
    NewExpression({ callee, arguments: [specifier, base] }) {
      if (callee.type !== 'Identifier' || callee.name !== 'URL') return
      if (base?.type !== 'MemberExpression' || base.object.type !== 'MetaProperty') return
      if (specifier?.type !== 'Literal' || typeof specifier.value !== 'string') return
      if (/^\.\.?\/.*(?<!\.d)\.ts$/.test(specifier.value)) ends.push(specifier.end)
    },
  })
  visitor.visit(parseSync(path, text).program)
  let rewritten = text
  // From the last to the first, so that the offsets before stay right.
  for (const end of ends.toSorted((a, b) => b - a)) {
    rewritten = `${rewritten.slice(0, end - 3)}js${rewritten.slice(end - 1)}`
  }
  return rewritten
}
