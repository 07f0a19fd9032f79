import { request } from 'node:http'
import { PHASE_NAMES } from '@sallyport/sdk'
import type { Tier } from '../../kernel/plugin-host.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { makeHostOptions, makePlugin } from '../support/host-call.ts'
import type { PlainAnswer } from '../support/one-plugin.ts'
import { startUpstream, type TestUpstream } from '../support/upstream.ts'
import {
  ANSWER_BODY,
  OTHER_BODY,
  OTHER_UPSTREAM,
  PDK_ROWS,
  REQUEST_BODY,
  SECRET,
} from './pdk-rows.ts'
import { prepareTier } from './tiers.ts'

const TOLD = 'told '
/** Each is a request head, so `certificate` and `preread` are not among them. */
const PHASES = PHASE_NAMES.filter((phase) => phase !== 'certificate' && phase !== 'preread')

export interface TierGateway {
  readonly gateway: TestGateway
  readonly main: TestUpstream
  readonly other: TestUpstream
  /** Sends the request in which the plugin makes this call. */
  ask(member: string): Promise<PlainAnswer>
  /** What the plugin told of its call in the last request: `['gives', value]` or `['throws', ..]`. */
  told(): Promise<unknown>
  close(): Promise<void>
}

/** A gateway with one plugin in this tier, which makes the calls of the table when asked to. */
export async function startTierGateway(tier: Tier): Promise<TierGateway> {
  const main = await startUpstream((seen, response) => {
    // For a time-out.
    if (seen.url.startsWith('/silent')) return
    response.writeHead(201, { 'X-Up': '1', 'Content-Type': 'application/json' }).end(ANSWER_BODY)
  })
  const other = await startUpstream((_, response) => response.end(OTHER_BODY))
  const node = { id: 'test-node', hostname: 'test-host' }
  const trustedIps = ['127.0.0.0/8']
  const permissions = {
    http: [`127.0.0.1:${other.port}`],
    cache: true,
    store: true,
    vault: [SECRET.reference],
  }
  const body = `permissions: ${JSON.stringify(permissions)}, ${HANDLERS}`
  const plugin = makePlugin('probe', body, HEAD + toRows(other.port))
  const code = { ...plugin, manifest: { ...plugin.manifest, phases: PHASES, permissions } }
  const { options } = makeHostOptions({ node, trustedIps })
  const prepared = await prepareTier(tier, [code], options)
  const gateway = await startTestGateway({
    yaml: toYaml(main.url, other.port),
    code: prepared.codes,
    gateway: {
      trustedIps,
      pluginGrants: { probe: permissions },
      effects: { variables: { [SECRET.variable]: SECRET.value } },
      hostFactories: prepared.factory === null ? {} : { [tier]: prepared.factory },
    },
  })
  let from = 0
  return {
    gateway,
    main,
    other,
    ask: (member) => {
      from = gateway.log.length
      return ask(gateway.port, member)
    },
    told: () => findTold(gateway, from),
    close: async () => {
      await gateway.close()
      await prepared.close()
      await Promise.all([main.close(), other.close()])
    },
  }
}

const HEAD = `
const text = (bytes) => new TextDecoder().decode(bytes)
async function probe(phase, pdk) {
  const name = pdk.request.getHeader('x-run')
  if (rows[name]?.phase !== phase) return
  let told
  try {
    told = ['gives', await rows[name].run(pdk)]
  } catch (error) {
    told = ['throws', error.code, error.message]
  }
  pdk.log.info('${TOLD}', told)
}`

const HANDLERS = PHASES.map((phase) => `${phase}: (pdk) => probe('${phase}', pdk)`).join(', ')

function toRows(otherPort: number): string {
  const rows = Object.entries(PDK_ROWS).map(([member, { phase, run }]) => {
    const code = run.replace('{{host}}', '127.0.0.1').replace('{{port}}', String(otherPort))
    return `'${member}': { phase: '${phase}', run: (pdk) => ${code} }`
  })
  return `\nconst rows = {\n${rows.join(',\n')}\n}`
}

function toYaml(url: string, otherPort: number): string {
  return `
_format_version: "3.0"
services:
  - name: main
    url: "${url}"
    routes: [{ name: shop, paths: ["~/shop/(?<item>[a-z]+)"] }]
upstreams: [{ name: ${OTHER_UPSTREAM}, targets: [{ target: "127.0.0.1:${otherPort}" }] }]
consumers: [{ username: ann, keyauth_credentials: [{ key: secret }] }]
plugins: [{ name: probe }]
`
}

function ask(port: number, member: string): Promise<PlainAnswer> {
  const headers = [
    ...['Host', 'shop.test', 'X-A', '1', 'x-a', '2', 'X-Run', member],
    ...['Content-Type', 'application/x-www-form-urlencoded'],
    ...['Content-Length', String(Buffer.byteLength(REQUEST_BODY))],
    ...['X-Forwarded-For', '198.51.100.7', 'X-Forwarded-Proto', 'https'],
    ...['X-Forwarded-Host', 'front.test', 'X-Forwarded-Port', '8443'],
    ...['X-Forwarded-Path', '/front', 'X-Forwarded-Prefix', '/pre'],
  ]
  const path = '/shop/ab/c%20d?x=1&y&z=a%20b'
  return new Promise((resolve, reject) => {
    const asked = request({ port, method: 'POST', path, headers, agent: false }, (response) => {
      let body = ''
      response.setEncoding('latin1').on('data', (chunk: string) => (body += chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode: status = 0, rawHeaders, headers: received } = response
        resolve({ status, rawHeaders, headers: received, body })
      })
    })
    asked.on('error', reject)
    asked.end(REQUEST_BODY)
  })
}

/** The line comes when the handler has ended, which in `log` is after the answer. */
async function findTold(gateway: TestGateway, from: number): Promise<unknown> {
  for (;;) {
    const lines = gateway.log.slice(from).map(({ msg }) => String(msg))
    const line = lines.find((msg) => msg.startsWith(TOLD))
    if (line !== undefined) return JSON.parse(line.slice(TOLD.length)) as unknown
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
