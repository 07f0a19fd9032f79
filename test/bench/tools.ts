import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A program that the bench runs and does not bring along. */
export interface Tool {
  readonly name: string
  readonly purpose: string
  /** Its package in Debian and Ubuntu. */
  readonly debianPackage: string
}

export const TOOLS: readonly Tool[] = [
  { name: 'nginx', purpose: 'the upstream and the yardstick', debianPackage: 'nginx' },
  { name: 'wrk', purpose: 'the client', debianPackage: 'wrk' },
  { name: 'taskset', purpose: 'pinning to cores', debianPackage: 'util-linux' },
  { name: 'chrt', purpose: 'clients that give way to others', debianPackage: 'util-linux' },
  { name: 'setpriv', purpose: 'ending with the bench', debianPackage: 'util-linux' },
]

/** Debian keeps nginx in /usr/sbin, which is not on the PATH of ordinary users. */
const EXTRA_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin']

/** The path of a program, or null. */
export function findTool(name: string, path = process.env['PATH'] ?? ''): string | null {
  for (const folder of [...path.split(delimiter), ...EXTRA_FOLDERS]) {
    if (folder === '') continue
    const candidate = join(folder, name)
    try {
      accessSync(candidate, constants.X_OK)
      return candidate
    } catch {
      // Not in this folder.
    }
  }
  return null
}

/** One sentence for each tool that `find` does not know. */
export function describeMissingTools(
  tools: readonly Tool[],
  find: (name: string) => string | null = findTool,
): string[] {
  return tools
    .filter(({ name }) => find(name) === null)
    .map(
      ({ name, purpose, debianPackage }) =>
        `The bench needs ${name} (${purpose}), which is not installed: ` +
        `"apt-get install ${debianPackage}" on Debian and Ubuntu.`,
    )
}
