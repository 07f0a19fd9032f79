import type { Plugin as EsbuildPlugin } from 'esbuild'
import { readFile } from 'node:fs/promises'
import { bundle, sourcePath } from '../../../sandbox/guest-library.ts'
import type { Leak } from './substitute.ts'

/** The line after which the hole is made. */
const CONTEXT = 'this.#context = this.#isolate.createContextSync()\n'
const HOLE = `this.#context.global.setSync('planted', new isolatedVm.Reference(globalThis.process))\n`

/** The program of a child with a hole in its guard; null where the hole is not in the child. */
export function leakyProgram(leak: Leak): Promise<string> | null {
  if (leak !== 'reference') return null
  const planted: EsbuildPlugin = {
    name: 'planted-reference',
    setup(setup) {
      setup.onLoad({ filter: /isolate\/plugin-isolate\.ts$/ }, async ({ path }) => {
        const source = await readFile(path, 'utf8')
        if (!source.includes(CONTEXT)) throw new Error(`${path}: there is no line to plant after`)
        return { contents: source.replace(CONTEXT, `${CONTEXT}${HOLE}`), loader: 'ts' }
      })
    },
  }
  const entry = sourcePath('process/child')
  return bundle({ entry, format: 'cjs', platform: 'node', plugins: [planted] })
}
