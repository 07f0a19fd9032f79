import type { TidyFile, Violation } from './source.ts'

const PAGE = 'ARCHITECTURE.md'

/** The map is the first table of ARCHITECTURE.md whose rows begin with a folder, as in `kernel/`. */
export function checkArchitectureMap(files: readonly TidyFile[]): Violation[] {
  const page = files.find(({ path }) => path === PAGE)
  if (page === undefined) return [{ path: PAGE, line: 0, message: 'the page is missing' }]
  const listed = foldersOfMap(page.text)
  if (listed.size === 0) return [{ path: PAGE, line: 0, message: 'has no map of the folders' }]
  const missing = [...listed]
    .filter(([folder]) => !files.some(({ path }) => path.startsWith(folder)))
    .map(([folder, line]) => ({ path: PAGE, line, message: `${folder} does not exist` }))
  const unlisted = topFolders(files)
    .filter((folder) => !listed.has(folder))
    .map((folder) => ({ path: PAGE, line: 0, message: `${folder} is not on the map` }))
  return [...missing, ...unlisted]
}

/** Folder with its closing `/`, and the line that names it. */
function foldersOfMap(text: string): Map<string, number> {
  const folders = new Map<string, number>()
  for (const [at, line] of text.split('\n').entries()) {
    const folder = /^\| *`([\w.-][\w./-]*\/)` *\|/.exec(line)?.[1]
    if (folder !== undefined) folders.set(folder, at + 1)
    else if (folders.size > 0) break
  }
  return folders
}

/** Folders of tools start with a dot and need no place on the map. */
function topFolders(files: readonly TidyFile[]): string[] {
  const folders = files
    .filter(({ path }) => path.includes('/') && !path.startsWith('.'))
    .map(({ path }) => `${path.split('/')[0]}/`)
  return [...new Set(folders)]
}
