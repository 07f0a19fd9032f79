import { request } from 'node:http'
import { connect } from 'node:net'
import type { Plugin } from '@sallyport/sdk'
import { onTestFinished } from 'vitest'
import type { GatewayOptions } from '../../kernel/gateway.ts'
import { startTestGateway, type TestGateway } from './gateway.ts'
import { type Answer, startUpstream, type TestUpstream } from './upstream.ts'

export interface Setting {
  readonly gateway: TestGateway
  readonly upstream: TestUpstream
}

/** Handlers of a plugin of the test; its name comes with them. */
export type TestHandlers = Omit<Plugin, 'name' | 'version'>

/**
 * A gateway with one route to one upstream, and global plugins made of these handlers: `a` runs
 * before `b` and so on. All of it ends with the test.
 */
export async function startWithPlugins(
  handlers: readonly TestHandlers[],
  options: { answer?: Answer; gateway?: Partial<GatewayOptions> } = {},
): Promise<Setting> {
  const upstream = await startUpstream(options.answer)
  onTestFinished(() => upstream.close())
  const plugins = handlers.map((plugin, i) => ({
    name: 'abcdef'[i]!,
    version: '1.0.0',
    priority: 100 - i,
    ...plugin,
  }))
  const gateway = await startTestGateway({
    plugins,
    gateway: options.gateway ?? {},
    yaml: `
_format_version: "3.0"
services: [{ name: main, url: "${upstream.url}", routes: [{ name: main, paths: [/] }] }]
plugins: [${plugins.map(({ name }) => `{ name: ${name} }`).join(', ')}]
`,
  })
  onTestFinished(() => gateway.close())
  return { gateway, upstream }
}

export interface PlainAnswer {
  readonly status: number
  /** Flat, as received. */
  readonly rawHeaders: readonly string[]
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** Asks without what `fetch` adds, forbids or hides. */
export function ask(
  { port }: TestGateway,
  options: { method?: string; path?: string; headers?: Record<string, string> } = {},
): Promise<PlainAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, agent: false, ...options }, (response) => {
      let body = ''
      response.setEncoding('latin1').on('data', (chunk: string) => (body += chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode: status = 0, rawHeaders, headers } = response
        resolve({ status, rawHeaders, headers, body })
      })
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** The values of a header, in the order received. */
export function valuesOf(rawHeaders: readonly string[], lowerName: string): string[] {
  return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === lowerName)
}

/** Sends a GET and hangs up when `when` has resolved. */
export async function askAndLeave({ port }: TestGateway, when: Promise<unknown>): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await when
  socket.destroy()
}
