import type { TidyFile, Violation } from './source.ts'

const PAGE = 'ARCHITECTURE.md'

/**
 * The map is the first fenced block of ARCHITECTURE.md. A line that starts with a name ending in
 * `/` is a folder; what is indented below it, or written as `a/b/`, is inside.
 */
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
  const lines = text.split('\n')
  const first = lines.findIndex((line) => line.startsWith('```'))
  const folders = new Map<string, number>()
  const parents: { indent: number; path: string }[] = []
  for (let at = first + 1; first !== -1 && at < lines.length; at += 1) {
    const line = lines[at] ?? ''
    if (line.startsWith('```')) break
    const match = /^( *)(\.?[a-z][\w./-]*\/)(?:\s|$)/.exec(line)
    if (match === null) continue
    const [, { length: indent } = '', name = ''] = match
    while ((parents.at(-1)?.indent ?? -1) >= indent) parents.pop()
    const path = `${parents.at(-1)?.path ?? ''}${name}`
    parents.push({ indent, path })
    folders.set(path, at + 1)
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
