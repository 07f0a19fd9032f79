import type ivm from 'isolated-vm'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export type IsolatedVm = typeof ivm

/**
 * The file of the add-on that was built for this Node. It is found here and not by the package's own
 * loader, which looks at the machine in ways that a locked-down process is not allowed to.
 */
export function findIsolatedVm(): string {
  const require = createRequire(import.meta.url)
  const folder = dirname(require.resolve('isolated-vm/package.json'))
  const prebuilds = join(folder, 'prebuilds', `${process.platform}-${process.arch}`)
  const abi = `isolated-vm.abi${process.versions.modules}`
  const libc = process.platform === 'linux' ? (isMusl() ? '.musl' : '.glibc') : ''
  const candidates = [
    join(prebuilds, `${abi}${libc}.node`),
    join(folder, 'build', 'Release', 'isolated_vm.node'),
  ]
  const found = candidates.find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new Error(
    `isolated-vm has no binary for Node ${process.version} on ${process.platform}-${process.arch}; looked at ${candidates.join(' and ')}`,
  )
}

let loaded: IsolatedVm | null = null

/** Loads the add-on from its file: once a process, a second time would abort it. */
export function loadIsolatedVm(path: string): IsolatedVm {
  if (loaded !== null) return loaded
  const module = { exports: {} as { ivm: IsolatedVm } }
  process.dlopen(module, path)
  loaded = module.exports.ivm
  return loaded
}

function isMusl(): boolean {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return report.header?.glibcVersionRuntime === undefined
}
