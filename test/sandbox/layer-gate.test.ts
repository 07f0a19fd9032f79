import { onTestFinished, describe, expect, test } from 'vitest'
import type { SandboxAbility } from '../../kernel/plugin-host.ts'
import { createProcessHostFactory } from '../../sandbox/create-hosts.ts'
import { withLimits } from '../../sandbox/limits.ts'
import { ProcessHost } from '../../sandbox/process/host.ts'
import { prepareLaunch } from '../../sandbox/process/launch.ts'
import { LayerGate } from '../../sandbox/process/layer-gate.ts'
import { activeLayers } from '../../sandbox/process/layers.ts'
import { thisPlatform } from '../../sandbox/process/platform.ts'
import { SparePool } from '../../sandbox/process/spare-pool.ts'
import { makeCall, makeHostOptions, makePlugin } from '../support/host-call.ts'

const INSTANCE = { key: 'key', id: 'id', pluginName: 'p', config: {} }
const BODY = `access(pdk) { pdk.log.info('ok') }`

/** A host whose children lack these layers. */
async function startWithout(
  missing: readonly string[],
  { tenant, allowMissing = [] }: { tenant: string | null; allowMissing?: SandboxAbility[] },
) {
  const layers = activeLayers(await thisPlatform()).filter(({ name }) => !missing.includes(name))
  const limits = withLimits({})
  const { options, lines } = makeHostOptions()
  const host = new ProcessHost({
    ...options,
    name: tenant === null ? 'plugin:p' : `tenant:${tenant}`,
    tenant,
    plugins: [makePlugin('p', BODY)],
    pool: new SparePool(limits, { prepare: () => prepareLaunch({ layers }) }),
    gate: new LayerGate({ log: options.log, allowMissing }),
    sandboxLimits: limits,
  })
  onTestFinished(() => host.close())
  return { host, lines, configured: host.configure([INSTANCE]) }
}

const KILL_LAYERS = ['syscall-filter', 'own-user', 'no-new-privileges']

describe('a child that can kill its gateway', () => {
  test("may not hold a tenant's plugin", async () => {
    const { host, configured } = await startWithout(KILL_LAYERS, { tenant: 'acme' })
    await expect(configured).rejects.toThrow(
      /tenant:acme: no plugin of tenant "acme" may start: its sandbox is not denied kill.*sandbox_allow_missing: \[kill\]/,
    )
    expect(host.state).toBe('failed')
    expect(host.stats()).toMatchObject({ starts: 0, sandbox: null })
    await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({ kind: 'unavailable' })
  })

  test('may hold it when the operator says so, and that is seen', async () => {
    const { host, lines, configured } = await startWithout(KILL_LAYERS, {
      tenant: 'acme',
      allowMissing: ['kill'],
    })
    await configured
    await host.call(makeCall({ key: 'key' }))
    expect(host.stats().sandbox).toMatchObject({
      possible: ['kill'],
      layers: { 'syscall-filter': false, 'no-jit': true },
    })
    expect(lines.join('\n')).toContain('warn: its sandbox is not denied: kill')
    expect(lines.join('\n')).toContain('a layer is not in force: syscall-filter')
  })

  test('may hold a plugin that no tenant owns, with a warning', async () => {
    const { host, lines, configured } = await startWithout(KILL_LAYERS, { tenant: null })
    await configured
    await host.call(makeCall({ key: 'key' }))
    expect(lines.filter((line) => line.includes('not denied: kill'))).toHaveLength(1)
  })
})

test.each([
  ['file', ['syscall-filter', 'permission-model', 'dropped-permissions']],
  ['spawn', ['syscall-filter', 'permission-model', 'dropped-permissions']],
  ['network', ['syscall-filter', 'permission-model', 'dropped-permissions']],
  ['environment', ['empty-environment']],
])('a child that is not denied %s holds no plugin of a tenant', async (ability, missing) => {
  const { configured } = await startWithout(missing, { tenant: 'acme' })
  await expect(configured).rejects.toThrow(new RegExp(`is not denied .*${ability}`))
})

test('the JIT is there for those that the operator has named', async () => {
  const { options } = makeHostOptions({ settings: { allowMissing: [], jit: ['tenant:fast'] } })
  const factory = createProcessHostFactory(options)
  const isJit = async (tenant: string) => {
    const host = factory.createHost({
      name: `tenant:${tenant}`,
      tenant,
      plugins: [makePlugin('p', BODY)],
    })
    onTestFinished(() => host.close())
    await host.configure([INSTANCE])
    const call = makeCall({ key: 'key' })
    await host.call(call)
    expect(call.applied).toHaveLength(1)
    return !host.stats().sandbox!.layers['no-jit']
  }
  expect(await isJit('fast')).toBe(true)
  expect(await isJit('other')).toBe(false)
})
