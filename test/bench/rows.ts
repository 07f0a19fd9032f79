import { existsSync } from 'node:fs'
import { join } from 'node:path'

/**
 * One row of the table. To add a row is to add an entry to ROWS: what runs between client and
 * upstream, the request that is sent, and what proves that it does the work it is named for.
 */
export interface Row {
  readonly name: string
  readonly start: RowStart
  /** Name of the row that this one is given as a multiple of. */
  readonly yardstick: string
  /** Name of the row whose latency at a fixed rate this one's is compared with; else the yardstick. */
  readonly latencyAgainst?: string
  /** Files below the repository's root without which the row is left out. */
  readonly needs: readonly string[]
  /** Of the request that is measured. */
  readonly requestHeaders: Readonly<Record<string, string>>
  /** Headers that a good answer carries: proof that the plugin ran. */
  readonly answerHeaders: readonly string[]
  /** Status of the same request without `requestHeaders`, where that must be refused. */
  readonly bareStatus?: number
}

export type RowStart =
  | { readonly kind: 'nginx'; readonly accessLog: boolean }
  | { readonly kind: 'script'; readonly script: string }
  | {
      readonly kind: 'gateway'
      readonly accessLog: boolean
      /** Values of `--plugin`, paths relative to the repository's root. */
      readonly plugins: readonly string[]
      /** What the declarative file holds besides the one service with its one route, both `bench`. */
      readonly config: string
    }

const GATEWAY = 'kernel/main.ts'
const HEADER_PLUGIN = 'test/bench/header-plugin.ts'
const HEADER_CONFIG = `
plugins:
  - name: bench-header
    route: bench
`

export const NGINX = 'nginx proxy_pass'
export const NGINX_LOGGING = 'nginx proxy_pass, access log'
export const BARE_NODE = 'bare node:http + undici'

const NODE_PATH = 'gateway on node:http + undici'

const PLAIN = { yardstick: NGINX, needs: [], requestHeaders: {}, answerHeaders: [] } as const

export const ROWS: readonly Row[] = [
  { ...PLAIN, name: NGINX, start: { kind: 'nginx', accessLog: false } },
  {
    ...PLAIN,
    name: NGINX_LOGGING,
    yardstick: NGINX_LOGGING,
    start: { kind: 'nginx', accessLog: true },
  },
  {
    ...PLAIN,
    name: 'raw TCP relay over node:net',
    start: { kind: 'script', script: 'test/bench/tcp-relay.ts' },
  },
  {
    ...PLAIN,
    name: BARE_NODE,
    start: { kind: 'script', script: 'test/bench/undici-proxy.ts' },
  },
  {
    ...PLAIN,
    name: 'gateway, no plugin',
    latencyAgainst: NODE_PATH,
    needs: [GATEWAY],
    start: { kind: 'gateway', accessLog: false, plugins: [], config: '' },
  },
  {
    ...PLAIN,
    name: 'gateway, no plugin, access log',
    yardstick: NGINX_LOGGING,
    needs: [GATEWAY],
    start: { kind: 'gateway', accessLog: true, plugins: [], config: '' },
  },
  {
    ...PLAIN,
    name: NODE_PATH,
    start: { kind: 'script', script: 'test/bench/node-path-gateway.ts' },
  },
  headerPluginRow('inline'),
  headerPluginRow('isolate'),
  headerPluginRow('process'),
  {
    ...PLAIN,
    name: 'gateway, key-auth',
    needs: [GATEWAY, 'plugins/key-auth.ts'],
    requestHeaders: { apikey: 'bench-key' },
    bareStatus: 401,
    start: {
      kind: 'gateway',
      accessLog: false,
      plugins: [],
      config: `
plugins:
  - name: key-auth
    route: bench
consumers:
  - username: bench
    keyauth_credentials:
      - key: bench-key
`,
    },
  },
  {
    ...PLAIN,
    name: 'gateway, correlation-id',
    needs: [GATEWAY, 'plugins/correlation-id.ts'],
    answerHeaders: ['x-bench-id'],
    start: {
      kind: 'gateway',
      accessLog: false,
      plugins: [],
      config: `
plugins:
  - name: correlation-id
    route: bench
    config:
      header_name: X-Bench-Id
      echo_downstream: true
`,
    },
  },
]

/** The rows whose name contains `only`, with the rows that their figures are compared with. */
export function selectRows(rows: readonly Row[], only: string): Row[] {
  const wanted = rows.filter(({ name }) => name.toLowerCase().includes(only.toLowerCase()))
  if (wanted.length === 0) {
    const names = rows.map(({ name }) => `"${name}"`).join(', ')
    throw new Error(`--only is "${only}": no row's name contains it; the rows are ${names}`)
  }
  const names = new Set(wanted.flatMap(({ name, yardstick }) => [name, yardstick]))
  return rows.filter(({ name }) => names.has(name))
}

/** The first file that a row needs and that is not there, or null. */
export function findMissingFile(row: Row, root: string): string | null {
  return row.needs.find((file) => !existsSync(join(root, file))) ?? null
}

function headerPluginRow(tier: 'inline' | 'isolate' | 'process'): Row {
  return {
    ...PLAIN,
    name: `gateway, header plugin, ${tier}`,
    needs: [GATEWAY],
    answerHeaders: ['x-bench'],
    start: {
      kind: 'gateway',
      accessLog: false,
      plugins: [`${HEADER_PLUGIN}=${tier}`],
      config: HEADER_CONFIG,
    },
  }
}
