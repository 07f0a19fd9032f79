import { type FieldPath, formatPath } from './config-error.ts'
import type { PluginInstance } from './entities.ts'
import type { ErrorList } from './error-list.ts'
import type { PlacedInstance } from './plugin-sets.ts'

export interface InstanceIssue {
  /** From the instance on, like `['config', 'key']`. */
  readonly path: FieldPath
  readonly message: string
  /** Told, and no reason to refuse the file. */
  readonly isWarning: boolean
}

/** Knows what is beyond the file: what the gateway is told besides, and where it runs. */
export type CheckInstance = (instance: PluginInstance) => readonly InstanceIssue[]

/** Adds to the errors, and returns the warnings. What is said of one place is said once. */
export function checkInstances(
  placed: readonly PlacedInstance[],
  check: CheckInstance,
  errors: ErrorList,
): string[] {
  const warnings = new Set<string>()
  const told = new Set<string>()
  for (const { raw, instance } of placed) {
    for (const { path, message, isWarning } of check(instance)) {
      if (isWarning) {
        warnings.add(`${raw.label}: ${formatPath(path)}: ${message}`)
        continue
      }
      // A plugin of a set is an instance of each route that names the set.
      const key = `${formatPath([...raw.path, ...path])}: ${message}`
      if (told.has(key)) continue
      told.add(key)
      errors.entity(raw, path, message)
    }
  }
  return [...warnings]
}
