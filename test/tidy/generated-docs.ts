import { findBlocks } from '../../scripts/generated-blocks.ts'
import type { TidyFile, Violation } from './source.ts'

/** Blocks that a program wrote must be what it would write now, and each must stand somewhere. */
export function checkGeneratedDocs(
  files: readonly TidyFile[],
  renderers: Readonly<Record<string, () => string>>,
): Violation[] {
  const used = new Set<string>()
  const stale = files
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap(({ path, text }) =>
      findBlocks(text).flatMap(({ name, content, line }) => {
        used.add(name)
        const render = renderers[name]
        if (render === undefined) return [{ path, line, message: `nothing generates "${name}"` }]
        if (render().trim() === content) return []
        return [{ path, line, message: `"${name}" is not up to date: run "npm run docs"` }]
      }),
    )
  const unused = Object.keys(renderers)
    .filter((name) => !used.has(name))
    .map((name) => ({
      path: 'scripts/docs-blocks.ts',
      line: 0,
      message: `no page has the block "${name}"`,
    }))
  return [...stale, ...unused]
}
