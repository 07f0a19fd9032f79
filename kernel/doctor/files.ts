import { access, constants, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
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

/**
 * Why this user could not append to a file; null when it could. Nothing is written: a report leaves
 * nothing behind.
 */
async function writingFault(path: string): Promise<string | null> {
  const folder = dirname(path)
  try {
    if (!(await stat(path)).isFile()) return 'it is there and is no file'
    await access(path, constants.W_OK)
    return null
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') return message
  }
  try {
    await access(folder, constants.W_OK | constants.X_OK)
    return null
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? `there is no folder ${folder}` : message
  }
}
