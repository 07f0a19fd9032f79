import {
  type ValueForm,
  accessLog,
  addressRange,
  durationMs,
  filePath,
  hostName,
  limitChanges,
  listenAddress,
  notServed,
  onlyOff,
  oneOf,
  optionalAddress,
  pluginGrants,
  pluginPath,
  pluginStore,
  variablePrefix,
  workerCount,
} from './setting-values.ts'
import { SANDBOX_ABILITIES } from './plugin-host.ts'
import { HEADER_NAMINGS } from './header-names.ts'
import { LOG_LEVELS } from './telemetry/log.ts'

/** The commands that have settings. */
export type ConfiguredCommand = 'start' | 'check' | 'explain' | 'doctor'

export interface SettingRow<T = unknown> {
  /** Stands for the value in help and errors. */
  readonly value: string
  readonly form: ValueForm<T>
  /** In the form of a value; null: not set. */
  readonly default: string | null
  /** Why the default is what it is; shown by help. */
  readonly reason: string
  readonly help: string
  readonly commands: readonly ConfiguredCommand[]
  /** Given several times (a list in the file, commas in the variable). */
  readonly repeatable?: true
  /** Keys and values in the settings file, JSON elsewhere. */
  readonly structured?: true
  /** As a flag it may stand alone, which means `on`. */
  readonly toggle?: true
  /** Instead of the one that follows from the key, where it reads better. */
  readonly flag?: string
  /** Values of all sources are taken, the strongest last, instead of those of the strongest. */
  readonly merged?: true
  /** Commands that say so and end when it is not given. */
  readonly required?: readonly ConfiguredCommand[]
}

/**
 * Everything that can be set from outside, once. A key like `proxyListen` is the flag
 * `--proxy-listen`, the variable `SALLYPORT_PROXY_LISTEN` and the key `proxy_listen` of the settings
 * file; parsing, help and errors all come from this table.
 */
export const SETTINGS = {
  config: row({
    value: 'FILE',
    form: filePath,
    default: null,
    reason: 'there is no gateway without a configuration',
    help: 'the declarative file with services, routes and plugins; read again when it changes',
    commands: ['start', 'explain'],
    required: ['start', 'explain'],
  }),
  workers: row({
    value: 'N|auto',
    form: workerCount,
    default: '1',
    reason: 'one is enough for most; auto takes one for each core',
    help: 'processes that carry the traffic',
    commands: ['start'],
  }),
  proxyListen: row({
    value: 'HOSTNAME:PORT',
    form: listenAddress,
    default: '0.0.0.0:8000',
    reason: "Kong's",
    help: 'where clients connect',
    commands: ['start'],
  }),
  plugin: row({
    value: 'PATH[=inline|isolate|process]|unix:PATH[=remote]',
    form: pluginPath,
    default: null,
    reason: 'the bundled plugins are always there; others run in the process tier',
    help: 'loads a plugin (a file, a folder with a package.json, or a program on a Unix socket) into a tier; may be repeated',
    commands: ['start', 'check', 'explain'],
    repeatable: true,
  }),
  pluginGrants: row({
    value: 'JSON',
    form: pluginGrants,
    default: '{}',
    reason: 'nobody reaches beyond the request without being allowed to',
    help: 'what plugins may do of what they ask for: http, cache, store, vault (docs/effects.md)',
    commands: ['start', 'check'],
    structured: true,
  }),
  pluginStore: row({
    value: 'memory|sqlite:PATH',
    form: pluginStore,
    default: 'memory',
    reason: 'no file is written unasked; each worker then has values of its own, until it ends',
    help: 'where pdk.store keeps values; a file is the same for all workers',
    commands: ['start'],
  }),
  vaultEnvPrefix: row({
    value: 'TEXT',
    form: variablePrefix,
    default: '',
    reason: "Kong's",
    help: 'comes before the names of the variables that hold secrets: {vault://env/api-key} is API_KEY',
    commands: ['start', 'check'],
  }),
  why: row({
    value: 'on|off',
    form: oneOf(['on', 'off']),
    default: 'off',
    reason: 'it asks every route again',
    help: 'also tells why the nearest other routes were not taken; --why alone is on',
    commands: ['explain'],
    toggle: true,
  }),
  accessLog: row({
    value: 'off|stdout|PATH',
    form: accessLog,
    default: 'stdout',
    reason: 'what happened should be seen without asking for it',
    help: 'one JSON line for each request',
    commands: ['start'],
  }),
  logLevel: row({
    value: LOG_LEVELS.join('|'),
    form: oneOf(LOG_LEVELS),
    default: 'info',
    reason: 'starts, reloads and troubles, nothing for each request',
    help: "the gateway's own log, JSON lines on stderr",
    commands: ['start'],
  }),
  drainTimeout: row({
    value: 'TIME',
    form: durationMs,
    default: '30s',
    reason: 'longer than most answers take, shorter than what init systems wait',
    help: 'how long requests in flight may take when the gateway stops',
    commands: ['start'],
  }),
  trustedIps: row({
    value: 'ADDRESS[/BITS]',
    form: addressRange,
    default: null,
    reason: 'whoever can reach the gateway could say any address',
    help: 'a proxy whose X-Forwarded-* headers are believed; may be repeated',
    commands: ['start'],
    repeatable: true,
  }),
  headerNames: row({
    value: HEADER_NAMINGS.join('|'),
    form: oneOf(HEADER_NAMINGS),
    default: 'sallyport',
    reason: 'they are our headers',
    help: 'whose names the added headers have: X-Sallyport-Request-Id or X-Kong-Request-Id',
    commands: ['start'],
  }),
  debugHeader: row({
    value: 'on|off',
    form: oneOf(['on', 'off']),
    default: 'off',
    reason: 'it tells clients which plugins there are',
    help: 'answers a request with "Sallyport-Debug: 1" with a trace of its steps and tries',
    commands: ['start'],
  }),
  sandboxAllowMissing: row({
    value: SANDBOX_ABILITIES.join('|'),
    form: oneOf(SANDBOX_ABILITIES),
    default: null,
    reason: 'a tenant that is not contained is worse than one that is not served',
    help: "what a tenant's sandbox may be able to do on a machine that cannot deny it; may be repeated",
    commands: ['start'],
    repeatable: true,
  }),
  sandboxJit: row({
    value: 'tenant:NAME|plugin:NAME',
    form: hostName,
    default: null,
    reason: 'half of the holes in V8 are in its compilers',
    help: "runs these sandboxes with V8's compilers: faster in long loops; may be repeated",
    commands: ['start'],
    repeatable: true,
  }),
  limits: row({
    value: 'NAME=NUMBER',
    form: limitChanges,
    default: null,
    reason: 'each limit has a default with a reason (docs/limits.md)',
    help: 'changes one of the limits; tenants can only lower theirs; may be repeated',
    commands: ['start', 'check', 'explain'],
    repeatable: true,
    structured: true,
    merged: true,
    flag: '--limit',
  }),
  adminListen: row({
    value: 'off',
    form: onlyOff('the Admin API'),
    default: 'off',
    reason: 'it is not served yet',
    help: 'where the Admin API listens',
    commands: ['start'],
  }),
  statusListen: row({
    value: 'HOSTNAME:PORT|off',
    form: optionalAddress,
    default: '127.0.0.1:8007',
    reason: "Kong's port; metrics tell what a gateway serves, which is not everybody's business",
    help: 'where readiness (/status/ready) and metrics (/metrics) are served',
    commands: ['start'],
  }),
  store: row({
    value: 'URL',
    form: notServed('a store besides the declarative file'),
    default: null,
    reason: 'it is not served yet',
    help: 'the database that keeps the configuration',
    commands: ['start'],
  }),
}

export type SettingKey = keyof typeof SETTINGS

/** Doctor looks at what `start` would use, so it takes the same. */
type TakenAs<Command extends ConfiguredCommand> = Command extends 'doctor' ? 'start' : Command

type KeysOf<Command extends ConfiguredCommand> = {
  [K in SettingKey]: TakenAs<Command> extends (typeof SETTINGS)[K]['commands'][number] ? K : never
}[SettingKey]

type ValueOf<Row, Command> =
  Row extends SettingRow<infer T>
    ? Row extends { repeatable: true }
      ? readonly T[]
      : Row extends { default: string }
        ? T
        : Row extends { required: readonly (infer Asking)[] }
          ? Command extends Asking
            ? T
            : T | null
          : T | null
    : never

/** The values in force for a command, one for each row of the table that it takes. */
export type Settings<Command extends ConfiguredCommand> = {
  readonly [K in KeysOf<Command>]: ValueOf<(typeof SETTINGS)[K], Command>
}

export const toFlag = (key: string) =>
  (SETTINGS as Readonly<Record<string, SettingRow>>)[key]?.flag ?? `--${toWords(key).join('-')}`
export const toVariable = (key: string) => `SALLYPORT_${toWords(key).join('_').toUpperCase()}`
export const toFileKey = (key: string) => toWords(key).join('_')

export function settingKeysOf(command: ConfiguredCommand): SettingKey[] {
  const keys = Object.keys(SETTINGS) as SettingKey[]
  const taken: TakenAs<ConfiguredCommand> = command === 'doctor' ? 'start' : command
  return keys.filter((key) => (SETTINGS[key] as SettingRow).commands.includes(taken))
}

function toWords(key: string): string[] {
  return key.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).split(' ')
}

/** Keeps what a row says of itself in its type: whether it is repeatable, required, has a default. */
function row<T, const Row extends Omit<SettingRow<T>, 'form'>>(
  it: Row & { readonly form: ValueForm<T> },
): Row & { readonly form: ValueForm<T> } {
  return it
}
