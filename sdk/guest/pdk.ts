import type { Pdk } from '../index.ts'
import type { HandlerCall } from './handler-call.ts'
import { PDK_IMPLEMENTATION } from './pdk-implementation.ts'
import { createPdkMaker } from './pdk-object.ts'

/** The PDK object of one call. */
export const createPdk = createPdkMaker<HandlerCall>(PDK_IMPLEMENTATION)

/** Outside of a request there are these namespaces only. */
export function createLifecyclePdk(call: HandlerCall): Pick<Pdk, 'log' | 'node' | 'plugin'> {
  const pdk = createPdk(call)
  return { log: pdk.log, node: pdk.node, plugin: pdk.plugin }
}
