import { readFileSync, readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import type { TidyFile } from './source.ts'

/** What .gitignore leaves out. */
const IGNORED =
  /(?:^|\/)(?:\.git|node_modules|dist|coverage|\.sallyport)$|^sdk\/LICENSE$|\.(?:log|cpuprofile)$/

/** Pictures and the like have no words. */
const BINARY = /\.(?:png|ico|gif|woff2|gz|tgz|pem|der)$/

/** All files of the tree that are or could be kept in it, without asking git. */
export function readTree(root: string): TidyFile[] {
  return listFiles(root, root)
    .filter((path) => !BINARY.test(path))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

function listFiles(root: string, folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = join(folder, entry.name)
    const path = relative(root, full).split(sep).join('/')
    if (IGNORED.test(path)) return []
    if (entry.isDirectory()) return listFiles(root, full)
    return entry.isFile() ? [path] : []
  })
}
