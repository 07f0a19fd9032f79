import type { LimitChanges } from '@sallyport/sdk/limits'
import { HTTP_LIMIT_ROWS } from '../http/limits.ts'
import { LimitBook, LimitError } from '../limit-book.ts'
import { PLUGIN_LIMIT_ROWS } from '../plugin-limits.ts'
import type { Parts } from '../process/parts.ts'
import { SettingError } from '../read-settings.ts'

/** All limits with what the settings change of them, later ones last. Rejects with `SettingError`. */
export async function readLimits(
  parts: Pick<Parts, 'sandboxLimitRows'>,
  changes: readonly LimitChanges[],
): Promise<LimitBook> {
  const tables = [HTTP_LIMIT_ROWS, PLUGIN_LIMIT_ROWS, await parts.sandboxLimitRows()]
  try {
    return new LimitBook(tables, Object.assign({}, ...changes) as LimitChanges)
  } catch (error) {
    if (!(error instanceof LimitError)) throw error
    throw new SettingError(`limits: ${error.message}`)
  }
}
