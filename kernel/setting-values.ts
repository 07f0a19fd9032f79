import { existsSync } from 'node:fs'
import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import type { LimitChanges } from '@sallyport/sdk/limits'
import { type PluginGrants, toPluginGrants } from './effects/grants.ts'
import { toPlainAddress } from './effects/addresses.ts'
import type { PluginStoreSetting } from './effects/plugin-store.ts'
import { TIERS, type Tier } from './plugin-host.ts'
import type { Address } from './process/listening-socket.ts'
import type { AccessLogSetting } from './telemetry/access-log.ts'

/**
 * The forms that the value of a setting may have. Each reads the text of one value; what it cannot
 * use it throws as a `ValueError`, whose message says what is wanted.
 */
export class ValueError extends Error {
  override readonly name = 'ValueError'
}

/** `folder` is what a relative path starts from. */
export type ValueForm<T> = (text: string, folder: string) => T

/**
 * A plugin that the operator loads, and the tier that was chosen for it. The path of a remote one is
 * `unix:` and that of a socket.
 */
export interface PluginSetting {
  readonly path: string
  readonly tier: Tier
}

export const filePath: ValueForm<string> = (text, folder) => {
  if (text === '') throw new ValueError('expected the path of a file')
  return resolve(folder, text)
}

export function oneOf<const Value extends string>(values: readonly Value[]): ValueForm<Value> {
  return (text) => {
    const value = values.find((each) => each === text)
    if (value === undefined) throw new ValueError(`expected ${toChoice(values)}`)
    return value
  }
}

/** For what exists in the design only: it can be switched off, and nothing else. */
export function onlyOff(what: string): ValueForm<'off'> {
  return (text) => {
    if (text !== 'off') throw new ValueError(`${what} is not served yet; only "off" is accepted`)
    return text
  }
}

export function notServed(what: string): ValueForm<never> {
  return () => {
    throw new ValueError(`${what} is not served yet`)
  }
}

const WORKERS_MAX = 256

export const workerCount: ValueForm<number> = (text) => {
  if (text === 'auto') return availableParallelism()
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > WORKERS_MAX) {
    throw new ValueError(`expected a number from 1 to ${WORKERS_MAX}, or "auto"`)
  }
  return count
}

export const listenAddress: ValueForm<Address> = (text) => {
  const match = /^(?:\[([0-9A-Fa-f:.%a-z]+)\]|([A-Za-z0-9_.-]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    throw new ValueError('expected HOSTNAME:PORT, like 127.0.0.1:8000 or [::]:8000')
  }
  return { hostname: match[1] ?? match[2]!, port }
}

/** An address to listen on, or `off`. */
export const optionalAddress: ValueForm<Address | 'off'> = (text, folder) => {
  if (text === 'off') return text
  try {
    return listenAddress(text, folder)
  } catch (error) {
    throw new ValueError(`${(error as Error).message}, or "off"`)
  }
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }
const DURATION_MS_MAX = 3_600_000

export const durationMs: ValueForm<number> = (text) => {
  const match = /^(\d{1,7})(ms|s|m)$/.exec(text)
  const ms = match === null ? -1 : Number(match[1]) * UNITS_MS[match[2]!]!
  if (ms < 0 || ms > DURATION_MS_MAX) {
    throw new ValueError('expected a time up to one hour with its unit, like 30s, 500ms or 2m')
  }
  return ms
}

/** An address, or a range of them in CIDR notation. */
export const addressRange: ValueForm<string> = (text) => {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  const bitsMax = family === 6 ? 128 : 32
  const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax)
  if (family === 0 || !fits || rest.length > 0) {
    throw new ValueError('expected an address or a range, like 10.0.0.1, 10.0.0.0/8 or fd00::/8')
  }
  // Clients have plain addresses here, so an entry of this kind would mean nobody.
  if (family === 6 && isIP(toPlainAddress(address) ?? '') === 4) {
    throw new ValueError('expected IPv4 in its own spelling, like 10.0.0.0/8')
  }
  return text
}

export const accessLog: ValueForm<AccessLogSetting> = (text, folder) =>
  text === 'off' || text === 'stdout' ? text : { path: filePath(text, folder) }

const SOCKET = /^unix:(.+?)(?:=remote)?$/s

/**
 * `PATH` or `PATH=TIER`. What follows the last `=` is a tier unless it looks like part of a path.
 * `unix:PATH` is a program that listens there, which is remote with or without saying so.
 */
export const pluginPath: ValueForm<PluginSetting> = (text, folder) => {
  const [, before = text, suffix] = /^(.*)=([A-Za-z]*)$/s.exec(text) ?? []
  const tier = TIERS.find((each) => each === suffix)
  if (text.startsWith('unix:')) return remotePlugin(text, folder, tier)
  const isPath = suffix === undefined || existsSync(resolve(folder, text))
  const path = filePath(isPath ? text : before, folder)
  // The safe tier is what a plugin gets that nobody has vouched for.
  if (isPath) return { path, tier: 'process' }
  if (tier === 'remote') {
    throw new ValueError(
      'a remote plugin is a program that listens on a Unix socket: expected unix:PATH=remote',
    )
  }
  if (tier === undefined) {
    throw new ValueError(
      'expected PATH, PATH=inline, PATH=isolate, PATH=process or unix:PATH=remote',
    )
  }
  return { path, tier }
}

/** JSON: plugin names with what is granted to them. */
export const pluginGrants: ValueForm<PluginGrants> = (text) => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new ValueError(`expected JSON: ${(error as Error).message}`)
  }
  try {
    return toPluginGrants(value)
  } catch (error) {
    throw new ValueError((error as Error).message)
  }
}

/** `NAME=VALUE`, or JSON: limits with their values. Which there are is for the one who has the tables. */
export const limitChanges: ValueForm<LimitChanges> = (text) => {
  const [, name, digits] = /^([A-Za-z]+)=(\d{1,16})$/.exec(text) ?? []
  if (name !== undefined) return { [name]: Number(digits) }
  let value: unknown = null
  try {
    value = JSON.parse(text)
  } catch {
    // Then it is no JSON, either.
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ValueError('expected NAME=NUMBER, like logLinesMax=20')
  }
  for (const [key, each] of Object.entries(value)) {
    if (typeof each === 'number') continue
    throw new ValueError(`${key}: expected a whole number, got ${JSON.stringify(each)}`)
  }
  return value as LimitChanges
}

export const pluginStore: ValueForm<PluginStoreSetting> = (text, folder) => {
  if (text === 'memory') return text
  const [, path] = /^sqlite:(.+)$/s.exec(text) ?? []
  if (path === undefined) throw new ValueError('expected memory or sqlite:PATH')
  return { path: filePath(path, folder) }
}

export const variablePrefix: ValueForm<string> = (text) => {
  if (/^[A-Za-z0-9_]{0,100}$/.test(text)) return text
  throw new ValueError('expected letters, digits and _')
}

function remotePlugin(text: string, folder: string, tier: Tier | undefined): PluginSetting {
  const [, path] = SOCKET.exec(text) ?? []
  if (path === undefined || (tier !== undefined && tier !== 'remote')) {
    throw new ValueError('expected unix:PATH or unix:PATH=remote: what listens there is remote')
  }
  return { path: `unix:${filePath(path, folder)}`, tier: 'remote' }
}

/** The name of a sandbox: of a tenant's, or of a plugin's that no tenant owns. */
export const hostName: ValueForm<string> = (text) => {
  if (!/^(?:tenant|plugin):./s.test(text)) {
    throw new ValueError('expected tenant:NAME or plugin:NAME, like tenant:acme')
  }
  return text
}

function toChoice(values: readonly string[]): string {
  const quoted = values.map((value) => `"${value}"`)
  return quoted.length < 2
    ? quoted.join('')
    : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`
}
