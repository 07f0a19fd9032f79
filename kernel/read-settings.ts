import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { parseDocument } from 'yaml'
import { didYouMean, quote } from './config/config-error.ts'
import { ValueError } from './setting-values.ts'
import {
  type ConfiguredCommand,
  type SettingKey,
  type SettingRow,
  type Settings,
  SETTINGS,
  settingKeysOf,
  toFileKey,
  toFlag,
  toVariable,
} from './settings.ts'

/** One sentence that names the setting, quotes the value and says what is wanted. */
export class SettingError extends Error {
  override readonly name = 'SettingError'
}

export interface SettingSources {
  readonly command: ConfiguredCommand
  /** What follows the name of the command. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Working directory: relative paths start here, and `sallyport.yml` is looked for here. */
  readonly folder: string
}

export interface ReadSettings<Command extends ConfiguredCommand> {
  readonly settings: Settings<Command>
  /** What is no flag, in order. */
  readonly positionals: readonly string[]
}

/** Where a value was found, with the words that errors use for it. */
interface Found {
  readonly name: string
  readonly texts: readonly string[]
  readonly folder: string
}

/**
 * Reads the settings of a command: flag over variable over settings file over default. Unknown flags
 * and keys are errors; unknown variables are not, for whoever runs containers sets `SALLYPORT_PORT`
 * and the like for a service of that name. Throws `SettingError`.
 */
export function readSettings<Command extends ConfiguredCommand>(
  sources: SettingSources & { readonly command: Command },
): ReadSettings<Command> {
  const { command, env, folder } = sources
  const { flags, positionals } = readFlags(command, sources.args)
  const file = readSettingsFile(flags.get('settings')?.at(-1), env, folder)
  const settings: Record<string, unknown> = {}
  for (const key of settingKeysOf(command)) {
    const row: SettingRow = SETTINGS[key]
    const all = [fromFlags(flags, key, folder), fromVariable(env, key, folder), file.get(key)]
    const found = all.filter((each) => each !== null && each !== undefined)
    if (found.length === 0 && row.required?.includes(command)) {
      throw new SettingError(
        `${command} needs ${toFlag(key)} ${row.value}: ${row.help.split(';')[0]!}`,
      )
    }
    settings[key] = row.merged
      ? found.toReversed().flatMap((each) => toValue(row, each, folder))
      : toValue(row, found[0] ?? null, folder)
  }
  return { settings: settings as Settings<Command>, positionals }
}

function toValue(row: SettingRow, found: Found | null, folder: string): unknown {
  const { name, texts } = found ?? { name: '', texts: row.default === null ? [] : [row.default] }
  const values = texts.map((text) => {
    try {
      return row.form(text, found?.folder ?? folder)
    } catch (error) {
      if (!(error instanceof ValueError)) throw error
      throw new SettingError(`${name} ${quote(text)}: ${error.message}`)
    }
  })
  return row.repeatable ? values : (values.at(-1) ?? null)
}

function readFlags(command: ConfiguredCommand, args: readonly string[]) {
  const keys = settingKeysOf(command)
  const names = new Map<string, string>([['settings', 'settings']])
  for (const key of keys) names.set(toFlag(key).slice(2), key)
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      [...names].map(([name, key]) => [name, { type: isToggle(key) ? 'boolean' : 'string' }]),
    ),
    // Not strict: our own errors quote the value and tell what is near.
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const flags = new Map<string, string[]>()
  const positionals: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const key = names.get(token.name)
    if (key === undefined || !token.rawName.startsWith('--')) {
      const near = didYouMean(token.name, names.keys()).replace('"', '"--')
      throw new SettingError(`${command}: unknown flag ${quote(token.rawName)}${near}`)
    }
    if (isToggle(key) && token.value === undefined) {
      flags.set(key, ['on'])
      continue
    }
    // A flag that follows at once is not meant as the value.
    if (token.value === undefined || (!token.inlineValue && token.value.startsWith('--'))) {
      const value = key === 'settings' ? 'FILE' : SETTINGS[key as SettingKey].value
      throw new SettingError(`${token.rawName}: expected a value: ${token.rawName} ${value}`)
    }
    flags.set(key, [...(flags.get(key) ?? []), token.value])
  }
  return { flags, positionals }
}

function isToggle(key: string): boolean {
  return key !== 'settings' && (SETTINGS[key as SettingKey] as SettingRow).toggle === true
}

function fromFlags(flags: Map<string, string[]>, key: string, folder: string): Found | null {
  const texts = flags.get(key)
  return texts === undefined ? null : { name: toFlag(key), texts, folder }
}

function fromVariable(env: SettingSources['env'], key: SettingKey, folder: string): Found | null {
  const name = toVariable(key)
  const text = env[name]
  // An empty variable is what a shell leaves of one that is not set.
  if (text === undefined || text === '') return null
  const { repeatable }: SettingRow = SETTINGS[key]
  return { name, texts: repeatable ? text.split(',').map((part) => part.trim()) : [text], folder }
}

const DEFAULT_FILE = 'sallyport.yml'

function readSettingsFile(
  flag: string | undefined,
  env: SettingSources['env'],
  folder: string,
): Map<SettingKey, Found> {
  const asked = flag ?? (env['SALLYPORT_SETTINGS'] || undefined)
  const filename = asked ?? DEFAULT_FILE
  let text: string
  try {
    text = readFileSync(resolve(folder, filename), 'utf8')
  } catch (error) {
    if (asked === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    throw new SettingError(`settings file ${quote(filename)}: ${(error as Error).message}`)
  }
  const document = parseDocument(text)
  const broken = document.errors[0]
  if (broken !== undefined) {
    const [first = broken.message] = broken.message.split('\n')
    throw new SettingError(`settings file ${quote(filename)}: ${first.replace(/:$/, '')}`)
  }
  return toFound(document.toJS(), filename, resolve(folder, dirname(filename)))
}

function toFound(content: unknown, filename: string, folder: string): Map<SettingKey, Found> {
  const found = new Map<SettingKey, Found>()
  if (content === null || content === undefined) return found
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new SettingError(`settings file ${quote(filename)}: expected keys and values`)
  }
  const keys = new Map<string, SettingKey>()
  for (const key of Object.keys(SETTINGS) as SettingKey[]) keys.set(toFileKey(key), key)
  for (const [fileKey, value] of Object.entries(content)) {
    const name = `${filename}: ${fileKey}`
    const key = keys.get(fileKey)
    if (key === undefined) {
      throw new SettingError(`${name}: unknown key${didYouMean(fileKey, keys.keys())}`)
    }
    if (value === null) continue
    const { repeatable, structured }: SettingRow = SETTINGS[key]
    const values: unknown[] = repeatable && Array.isArray(value) ? value : [value]
    const texts = values.map((each) => {
      if (typeof each === 'string' || typeof each === 'number') return String(each)
      if (structured && typeof each === 'object') return JSON.stringify(each)
      throw new SettingError(`${name}: expected text${repeatable ? ' or a list of texts' : ''}`)
    })
    found.set(key, { name, texts, folder })
  }
  return found
}
