import { access, constants, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { PluginStoreSetting } from '../effects/plugin-store.ts'
import type { AccessLogSetting } from '../telemetry/access-log.ts'
import { ok, problem, skipped, type Told } from './finding.ts'

export async function tellAccessLog(setting: AccessLogSetting): Promise<Told> {
  if (setting === 'off') return skipped('access_log', 'off')
  if (setting === 'stdout') return ok('access_log', 'stdout')
  const { path } = setting
  const fault = await writingFault(path)
  if (fault === null) return ok('access_log', `${path}: can be written`)
  const step = 'let the user of the gateway write there, or choose another file: --access-log PATH'
  return problem('access_log', `${path}: ${fault}`, step)
}

export async function tellPluginStore(setting: PluginStoreSetting): Promise<Told> {
  if (setting === 'memory') {
    return ok('plugin_store', 'memory: each worker has values of its own, which end with it')
  }
  const { path } = setting
  // SQLite writes beside the file, too.
  const fault = (await writingFault(path)) ?? (await formatFault(path)) ?? (await folderFault(path))
  if (fault === null) return ok('plugin_store', `sqlite:${path}: can be written`)
  const step =
    'let the user of the gateway write there and beside it, or choose another file: --plugin-store sqlite:PATH'
  return problem('plugin_store', `sqlite:${path}: ${fault}`, step)
}

/** How every file of SQLite's begins; an empty one becomes a database, too. */
const SQLITE_START = 'SQLite format 3\0'

async function formatFault(path: string): Promise<string | null> {
  try {
    await using file = await open(path, 'r')
    const { bytesRead, buffer } = await file.read(Buffer.alloc(SQLITE_START.length))
    const start = buffer.toString('latin1', 0, bytesRead)
    return start === '' || start === SQLITE_START ? null : 'it is there and is no SQLite database'
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? null : message
  }
}

/**
 * Why this user could not append to a file; null when it could. Nothing is written: a report leaves
 * nothing behind.
 */
async function writingFault(path: string): Promise<string | null> {
  try {
    if (!(await stat(path)).isFile()) return 'it is there and is no file'
    await access(path, constants.W_OK)
    return null
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? await folderFault(path) : message
  }
}

/** Why this user could not make a file beside this one; null when it could. */
async function folderFault(path: string): Promise<string | null> {
  const folder = dirname(path)
  try {
    await access(folder, constants.W_OK | constants.X_OK)
    return null
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? `there is no folder ${folder}` : message
  }
}
