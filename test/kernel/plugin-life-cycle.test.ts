import type { LifecyclePdk, Plugin } from '@sallyport/sdk'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createInlineHostFactory } from '../../kernel/inline-host.ts'
import type { HostFactory, PluginHost } from '../../kernel/plugin-host.ts'
import { type LeasedInstance, PluginHosts } from '../../kernel/plugin-hosts.ts'
import { toInlineCode } from '../support/inline-plugins.ts'

const forever = () => new Promise<void>(() => {})
const factory = createInlineHostFactory(() => ({}) as LifecyclePdk)

function makePlugin(name: string, handlers: Partial<Plugin>): Plugin {
  return { name, version: '1.0.0', ...handlers }
}

function instanceOf(pluginName: string, key = pluginName): LeasedInstance {
  return { key, id: key, pluginName, config: {}, tenant: null, lowered: {} }
}

function makeHosts(plugins: readonly Plugin[], inline: HostFactory = factory) {
  const problems: string[] = []
  const code = new Map(plugins.map((plugin) => [plugin.name, toInlineCode(plugin)]))
  const hosts = new PluginHosts(code, { inline }, (error) => problems.push(error.message))
  return { hosts, problems }
}

afterEach(() => {
  vi.useRealTimers()
})

describe('a life-cycle handler that never ends', () => {
  it.each(['init', 'configure'] as const)('in %s is given up, and named', async (handler) => {
    vi.useFakeTimers()
    const { hosts } = makeHosts([makePlugin('stuck', { [handler]: forever })])
    const error = hosts.lease([instanceOf('stuck')]).catch((thrown: Error) => thrown.message)
    await vi.runAllTimersAsync()
    expect(await error).toContain(`${handler} of plugin "stuck" did not end within`)
  })

  it('in close keeps no other plugin from being closed', async () => {
    vi.useFakeTimers()
    const close = vi.fn<() => void>()
    const { hosts, problems } = makeHosts([
      makePlugin('stuck', { close: forever }),
      makePlugin('tidy', { close }),
    ])
    await hosts.lease([instanceOf('stuck'), instanceOf('tidy')])
    const closed = hosts.close()
    await vi.runAllTimersAsync()
    await closed
    expect(close).toHaveBeenCalledOnce()
    expect(problems).toEqual([expect.stringContaining('close of plugin "stuck"')])
  })
})

describe('hosts that are put away', () => {
  const broken = makePlugin('broken', {
    close() {
      throw new Error('close is broken')
    },
  })

  it('tell what their plugins throw, and the gateway goes on', async () => {
    const { hosts, problems } = makeHosts([broken])
    await (await hosts.lease([instanceOf('broken')])).release()
    expect(problems).toEqual([expect.stringContaining('close is broken')])
    await hosts.lease([instanceOf('broken')])
    expect(hosts.hosts).toHaveLength(1)
    await hosts.close()
    expect(problems).toHaveLength(2)
  })

  it('tell what a handler throws when instances go', async () => {
    const picky = makePlugin('picky', {
      configure(_pdk, configs) {
        if (configs.length < 2) throw new Error('two are wanted')
      },
    })
    const { hosts, problems } = makeHosts([picky])
    const two = await hosts.lease([instanceOf('picky', 'one'), instanceOf('picky', 'two')])
    const one = await hosts.lease([instanceOf('picky', 'one')])
    await two.release()
    expect(problems).toEqual([expect.stringContaining('two are wanted')])
    await one.release()
  })
})

describe('instances that cannot be made', () => {
  it('are undone only when every host has ended its part', async () => {
    const told: string[] = []
    const gate = Promise.withResolvers<void>()
    const makeHost = (name: string): PluginHost => ({
      ...({} as PluginHost),
      name,
      tier: 'process',
      state: 'ready',
      async configure() {
        if (name === 'plugin:bad') throw new Error('bad')
        await gate.promise
        told.push(`${name} configured`)
      },
      close() {
        told.push(`${name} closed`)
        return Promise.resolve()
      },
    })
    const plugins = ['bad', 'slow'].map((name) => ({
      ...toInlineCode(makePlugin(name, {})),
      tier: 'process' as const,
    }))
    const hosts = new PluginHosts(
      new Map(plugins.map((code) => [code.manifest.name, code])),
      { process: { createHost: ({ name }) => makeHost(name) } },
      (error) => told.push(error.message),
    )
    const leased = hosts.lease([instanceOf('bad'), instanceOf('slow')])
    await new Promise((resolve) => setImmediate(resolve))
    gate.resolve()
    await expect(leased).rejects.toThrow('bad')
    expect(told).toEqual(['plugin:slow configured', 'plugin:bad closed', 'plugin:slow closed'])
  })
})
