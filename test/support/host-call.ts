import { type CallResult, type CallView, type Pdk, type Phase, writeView } from '@sallyport/sdk'
import type { HostCall, PluginCode } from '../../kernel/plugin-host.ts'
import type { SandboxHostOptions } from '../../sandbox/host-options.ts'

type Parts = {
  readonly [Key in keyof CallView]?: CallView[Key] extends object | null
    ? Partial<NonNullable<CallView[Key]>> | null
    : CallView[Key]
}

/** A view of a plain GET request; parts of it can be replaced. */
function makeView(parts: Parts = {}): CallView {
  const base = {
    client: {
      ip: '192.0.2.1',
      port: 5_000,
      forwardedIp: '198.51.100.7',
      consumer: null,
      credential: null,
    },
    request: {
      id: 'request-1',
      scheme: 'http',
      hostname: 'example.com',
      port: 8_000,
      httpVersion: '1.1',
      method: 'GET',
      path: '/a b',
      rawPath: '/a%20b',
      rawQuery: 'x=1&y&z=a%20b',
      startTimeMs: 1_000,
      forwarded: null,
      prefix: '',
      captures: null,
    },
    requestHeaders: ['Host', 'example.com', 'X-A', '1', 'x-a', '2'],
    route: null,
    service: null,
    target: null,
    response: null,
    serviceResponse: null,
    log: null,
    chunk: null,
    ctx: { shared: {}, plugin: {} },
  }
  const merged: Record<string, unknown> = { ...base }
  for (const [key, part] of Object.entries(parts)) {
    const before = merged[key]
    merged[key] = isRecord(before) && isRecord(part) ? { ...before, ...part } : part
  }
  return merged as unknown as CallView
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export interface FakeCall extends HostCall {
  over: boolean
  /** Every result that was applied. */
  readonly applied: CallResult[]
  readonly effects: (readonly [member: string, args: readonly unknown[]])[]
}

/** A call as the kernel would make it, which keeps what is applied. */
export function makeCall(options: {
  key: string
  phase?: Phase
  view?: Parts
  timeoutMs?: number
  effect?: (member: string, args: readonly unknown[]) => Promise<unknown>
}): FakeCall {
  const { key, phase = 'access', view = {}, timeoutMs = 10_000 } = options
  const applied: CallResult[] = []
  const effects: (readonly [string, readonly unknown[]])[] = []
  return {
    instanceKey: key,
    phase,
    config: null,
    pdk: null as unknown as Pdk,
    view: () => writeView(makeView(view)),
    apply: (result) => {
      applied.push(result as CallResult)
    },
    effect: (member, args) => {
      effects.push([member, args])
      return options.effect?.(member, args) ?? Promise.resolve(null)
    },
    pluginContextText: () => '{}',
    timeoutMs,
    over: false,
    applied,
    effects,
  }
}

/** A plugin as the loader would give it. `body` holds the handlers of the object. */
export function makePlugin(name: string, body: string, head = ''): PluginCode {
  return {
    manifest: {
      name,
      version: '1.0.0',
      priority: 0,
      phases: [],
      schema: null,
      scopes: { consumer: true, route: true, service: true },
    },
    tier: 'process',
    module: null,
    source: `${head}\nexport default { name: '${name}', version: '1.0.0', ${body} }`,
    origin: `${name}.js`,
  }
}

/** Options of a factory whose lines and strikes can be looked at. */
export function makeHostOptions(changed: Partial<SandboxHostOptions> = {}) {
  const lines: string[] = []
  const strikes = new Map<string, number>()
  const options: SandboxHostOptions = {
    log: ({ level, text }) => lines.push(`${level}: ${text}`),
    counters: {
      add: (key, amount) => {
        strikes.set(key, (strikes.get(key) ?? 0) + amount)
        return Promise.resolve(strikes.get(key)!)
      },
    },
    node: { id: 'node-1', hostname: 'gateway-1' },
    ...changed,
  }
  return { options, lines, strikes }
}
