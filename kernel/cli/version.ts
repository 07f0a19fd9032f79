import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The version in the package.json that is nearest above the folder, from source as from `dist/`. */
export function readVersion(folder: string): string {
  const path = join(folder, 'package.json')
  if (!existsSync(path)) return readVersion(dirname(folder))
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}
