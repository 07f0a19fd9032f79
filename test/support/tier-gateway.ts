import { type Plugin, type PluginPermissions, toManifest } from '@sallyport/sdk'
import { onTestFinished } from 'vitest'
import type { GatewayOptions } from '../../kernel/gateway.ts'
import type { PluginCode } from '../../kernel/plugin-host.ts'
import { createIsolateHostFactory, createProcessHostFactory } from '../../sandbox/create-hosts.ts'
import { startTestGateway, type TestGateway } from './gateway.ts'
import { makeHostOptions } from './host-call.ts'
import { startUpstream, type TestUpstream } from './upstream.ts'

export const CODE_TIERS = ['inline', 'isolate', 'process'] as const
export type CodeTier = (typeof CODE_TIERS)[number]

/** Deadlines of a machine that has other things to do. */
const PATIENT = {
  handlerCpuMs: 2_000,
  isolateHandlerMs: 2_000,
  killCpuMs: 4_000,
  silenceMs: 8_000,
  loadMs: 8_000,
}

export interface SourcePlugin {
  readonly name: string
  /** Handlers, as the body of an object literal. */
  readonly body: string
  readonly permissions?: PluginPermissions
}

/** The same source in any tier, asking for these permissions. */
async function toTierCode(tier: CodeTier, plugin: SourcePlugin): Promise<PluginCode> {
  const { name, body, permissions = {} } = plugin
  const asked = JSON.stringify(permissions)
  const source = `export default { name: '${name}', version: '1.0.0', permissions: ${asked},
    config: { type: 'object', additionalProperties: true }, ${body} }`
  const url = `data:text/javascript,${encodeURIComponent(source)}`
  const { default: module } = (await import(/* @vite-ignore */ url)) as { default: Plugin }
  const manifest = toManifest(module)
  if (tier === 'inline') return { manifest, tier, module, source: null, origin: 'test' }
  return { manifest, tier, module: null, source, origin: 'test' }
}

export interface TierGateway extends TestGateway {
  readonly upstream: TestUpstream
}

/** A gateway with plugins in one tier; each is global unless `yaml` says otherwise. Ends with the test. */
export async function startTierGateway(options: {
  tier: CodeTier
  plugins: readonly SourcePlugin[]
  gateway?: Partial<GatewayOptions>
  /** What the declarative file has besides the upstream. */
  yaml?: string
}): Promise<TierGateway> {
  const { tier, plugins } = options
  const upstream = await startUpstream()
  onTestFinished(() => upstream.close())
  const code = await Promise.all(plugins.map((plugin) => toTierCode(tier, plugin)))
  const { options: hostOptions } = makeHostOptions({ limits: PATIENT })
  const names = plugins.map(({ name }) => `{ name: ${name} }`).join(', ')
  const gateway = await startTestGateway({
    code,
    gateway: {
      hostFactories: {
        isolate: createIsolateHostFactory(hostOptions),
        process: createProcessHostFactory(hostOptions),
      },
      ...options.gateway,
    },
    yaml: `
_format_version: "3.0"
services: [{ name: main, url: "${upstream.url}", routes: [{ name: main, paths: [/] }] }]
${options.yaml ?? `plugins: [${names}]`}
`,
  })
  onTestFinished(() => gateway.close())
  return Object.assign(gateway, { upstream })
}

/**
 * A handler that answers with what the expression gives, as JSON, or with the code and message of what
 * it throws.
 */
export function answering(expression: string, phase = 'access'): string {
  return `async ${phase}(pdk, config) {
    try { pdk.response.exit(200, { value: await (${expression}) }) }
    catch (error) { pdk.response.exit(200, { code: error.code, message: error.message }) }
  }`
}

export interface Answered {
  readonly value?: unknown
  readonly code?: string
  readonly message?: string
}

/** What a plugin made with `answering` has answered. */
export async function askAnswered({ url }: TestGateway, path = '/'): Promise<Answered> {
  const answer = await fetch(url + path, { headers: { connection: 'close' } })
  return (await answer.json()) as Answered
}
