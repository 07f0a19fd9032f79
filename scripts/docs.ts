import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { docsBlocks } from './docs-blocks.ts'
import { replaceBlocks } from './generated-blocks.ts'

// Brings the generated blocks of all pages up to date with the tables in code.
const root = join(import.meta.dirname, '..')
const pages = globSync('**/*.md', { cwd: root, exclude: ['**/node_modules/**', '**/dist/**'] })
for (const page of pages) {
  const path = join(root, page)
  const before = readFileSync(path, 'utf8')
  const after = replaceBlocks(before, (name) => render(page, name))
  if (after === before) continue
  writeFileSync(path, after)
  process.stdout.write(`${page} written\n`)
}

function render(page: string, name: string): string {
  const block = docsBlocks[name]
  if (block !== undefined) return block()
  const known = Object.keys(docsBlocks).join(', ')
  throw new Error(`${page} has a block "${name}"; scripts/docs-blocks.ts knows ${known}`)
}
