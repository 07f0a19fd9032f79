import { HostFailure, type Plugin } from '@sallyport/sdk'
import type {
  HostCall,
  HostFactory,
  HostState,
  HostStats,
  InstanceSpec,
  PluginCode,
  PluginHost,
} from './plugin-host.ts'
import type { LifecyclePdk } from '@sallyport/sdk'

/** An honest start is over long before; one that never ends would hold every reload after it. */
const LIFECYCLE_MS = 10_000

/** The PDK that `init`, `configure` and `close` get. */
export type LifecyclePdkOf = (pluginName: string) => LifecyclePdk

/**
 * Runs plugins as plain functions of the worker. Only for code that the operator trusts: it survives
 * what a handler throws and promises that never end, not a handler that blocks.
 */
class InlineHost implements PluginHost {
  readonly tier = 'inline'
  readonly name: string
  state: HostState = 'starting'
  readonly #modules: ReadonlyMap<string, Plugin>
  readonly #lifecyclePdk: LifecyclePdkOf
  readonly #instances = new Map<string, InstanceSpec>()
  readonly #initialised = new Set<string>()
  #calls = 0
  #errors = 0
  #timeouts = 0

  constructor(name: string, plugins: readonly PluginCode[], lifecyclePdk: LifecyclePdkOf) {
    this.name = name
    this.#lifecyclePdk = lifecyclePdk
    this.#modules = new Map(
      plugins.flatMap((code) => (code.module === null ? [] : [[code.manifest.name, code.module]])),
    )
  }

  async configure(instances: readonly InstanceSpec[]): Promise<void> {
    const names = new Set([
      ...instances.map((spec) => spec.pluginName),
      ...[...this.#instances.values()].map((spec) => spec.pluginName),
    ])
    for (const name of names) await this.#configurePlugin(name, instances)
    this.#instances.clear()
    for (const spec of instances) this.#instances.set(spec.key, spec)
    this.state = 'ready'
  }

  call(call: HostCall): void | Promise<void> {
    this.#calls++
    const spec = this.#instances.get(call.instanceKey)
    const plugin = spec && this.#modules.get(spec.pluginName)
    const handler = plugin?.[call.phase]
    if (handler === undefined) {
      throw new HostFailure('unavailable', `no handler for ${call.phase} of ${call.instanceKey}`)
    }
    try {
      const result = handler.call(plugin, call.pdk, call.config)
      if (result instanceof Promise || isThenable(result)) return this.#wait(result, call)
    } catch (error) {
      this.#errors++
      throw error
    }
  }

  stats(): HostStats {
    return {
      calls: this.#calls,
      errors: this.#errors,
      timeouts: this.#timeouts,
      kills: 0,
      starts: 1,
      queued: 0,
    }
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return
    this.state = 'closed'
    const errors: unknown[] = []
    for (const name of this.#initialised) {
      try {
        await inTime(name, 'close', this.#modules.get(name)?.close?.(this.#lifecyclePdk(name)))
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) {
      throw new AggregateError(
        errors,
        `plugins could not be closed: ${errors.map(messageOf).join('; ')}`,
      )
    }
  }

  async #configurePlugin(name: string, instances: readonly InstanceSpec[]): Promise<void> {
    const plugin = this.#modules.get(name)
    if (plugin === undefined) return
    const configs = instances.filter((spec) => spec.pluginName === name).map((spec) => spec.config)
    try {
      const pdk = this.#lifecyclePdk
      if (!this.#initialised.has(name)) await inTime(name, 'init', plugin.init?.(pdk(name)))
      this.#initialised.add(name)
      await inTime(name, 'configure', plugin.configure?.(pdk(name), configs))
    } catch (error) {
      throw new Error(`plugin "${name}" could not be configured: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }

  #wait(result: PromiseLike<void>, call: HostCall): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      this.#timeouts++
      reject(new HostFailure('timeout', `no answer within ${call.timeoutMs} ms`))
    }, call.timeoutMs)
    result.then(
      () => {
        clearTimeout(timer)
        resolve()
      },
      (error: unknown) => {
        clearTimeout(timer)
        this.#errors++
        reject(error instanceof Error ? error : new Error(messageOf(error)))
      },
    )
    return promise
  }
}

export function createInlineHostFactory(lifecyclePdk: LifecyclePdkOf): HostFactory {
  return { createHost: ({ name, plugins }) => new InlineHost(name, plugins, lifecyclePdk) }
}

/** What the life-cycle handler returned, with a deadline on it. */
async function inTime(name: string, what: string, result: unknown): Promise<void> {
  if (!isThenable(result)) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(
    () => reject(new Error(`${what} of plugin "${name}" did not end within ${LIFECYCLE_MS} ms`)),
    LIFECYCLE_MS,
  )
  result.then(resolve, reject)
  await promise.finally(() => clearTimeout(timer))
}

function isThenable(value: unknown): value is PromiseLike<void> {
  return typeof value === 'object' && value !== null && 'then' in value
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
