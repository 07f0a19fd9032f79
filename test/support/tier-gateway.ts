import { type Plugin, type PluginPermissions, toManifest } from '@sallyport/sdk'
import { onTestFinished } from 'vitest'
import type { GatewayOptions } from '../../kernel/gateway.ts'
import type { PluginCode, Tier } from '../../kernel/plugin-host.ts'
import { createProcessHostFactory } from '../../sandbox/create-hosts.ts'
import { PATIENT, prepareTier } from '../sandbox/tiers.ts'
import { startTestGateway, type TestGateway } from './gateway.ts'
import { makeHostOptions } from './host-call.ts'
import { startUpstream, type TestUpstream } from './upstream.ts'

export interface SourcePlugin {
  readonly name: string
  /** Handlers, as the body of an object literal. */
  readonly body: string
  readonly permissions?: PluginPermissions
}

/** As the loader would give it, asking for these permissions. */
async function toCode(plugin: SourcePlugin): Promise<PluginCode> {
  const { name, body, permissions = {} } = plugin
  const asked = JSON.stringify(permissions)
  const source = `export default { name: '${name}', version: '1.0.0', permissions: ${asked},
    config: { type: 'object', additionalProperties: true }, ${body} }`
  const url = `data:text/javascript,${encodeURIComponent(source)}`
  const { default: module } = (await import(/* @vite-ignore */ url)) as { default: Plugin }
  const manifest = toManifest(module)
  return { manifest, tier: 'process', module: null, source, origin: 'test' }
}

export interface TierGateway extends TestGateway {
  readonly upstream: TestUpstream
}

/** A gateway with plugins in one tier; each is global unless `yaml` says otherwise. Ends with the test. */
export async function startTierGateway(options: {
  tier: Tier
  plugins: readonly SourcePlugin[]
  gateway?: Partial<GatewayOptions>
  /** What the declarative file has besides the upstream. */
  yaml?: string
}): Promise<TierGateway> {
  const { tier, plugins } = options
  const upstream = await startUpstream()
  onTestFinished(() => upstream.close())
  const { options: hostOptions } = makeHostOptions({ limits: PATIENT })
  const prepared = await prepareTier(tier, await Promise.all(plugins.map(toCode)), hostOptions)
  onTestFinished(() => prepared.close())
  const names = plugins.map(({ name }) => `{ name: ${name} }`).join(', ')
  const gateway = await startTestGateway({
    code: prepared.codes,
    gateway: {
      hostFactories: {
        // Where a tenant's plugins go that were to run in a worker.
        process: createProcessHostFactory(hostOptions),
        ...(prepared.factory === null ? {} : { [tier]: prepared.factory }),
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
