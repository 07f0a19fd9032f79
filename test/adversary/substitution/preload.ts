import { registerHooks } from 'node:module'

/**
 * Imported before the gateway's own modules, in primary and workers: where the composition root asks
 * for the hosts of the sandbox it gets those of the test. Everything else is as it is, and the gateway
 * has no switch for it.
 */
const SUBSTITUTE = new URL('./substituted-hosts.ts', import.meta.url).href

registerHooks({
  resolve: (specifier, context, next) => {
    const isHosts = specifier.endsWith('sandbox/create-hosts.ts')
    const isRoot = context.parentURL?.endsWith('/kernel/main.ts') ?? false
    return isHosts && isRoot ? { url: SUBSTITUTE, shortCircuit: true } : next(specifier, context)
  },
})
