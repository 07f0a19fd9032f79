import { type Pdk, PDK_MEMBERS, type PdkMember, PDK_PHASE_BITS } from '@sallyport/sdk'
import type { PluginCall } from '../plugin-call.ts'
import { PDK_IMPLEMENTATION } from './implementation.ts'

/** A namespace of the PDK for one call, like `pdk.request`. */
interface Namespace {
  readonly call: PluginCall
}
type NamespaceClass = new (call: PluginCall) => Namespace
type Implementation = (call: PluginCall, ...args: unknown[]) => unknown

/** The classes of all namespaces, made once out of the table of PDK members. */
const NAMESPACES = makeNamespaceClasses()

/** The PDK object of one call. Namespaces are made when they are used. */
export function createPdk(call: PluginCall): Pdk {
  return new KernelPdk(call) as unknown as Pdk
}

class KernelPdk {
  readonly #call: PluginCall
  readonly #made: Record<string, Namespace> = {}

  constructor(call: PluginCall) {
    this.#call = call
  }

  get ctx() {
    return new CtxNamespace(this.#call)
  }

  get service() {
    const service = this.namespace('service') as ServiceNamespace
    service.request ??= this.namespace('service.request')
    service.response ??= this.namespace('service.response')
    return service
  }

  namespace(name: string): Namespace {
    return (this.#made[name] ??= new (NAMESPACES.get(name)!)(this.#call))
  }
}

for (const name of NAMESPACES.keys()) {
  if (name.startsWith('service')) continue
  Object.defineProperty(KernelPdk.prototype, name, {
    get(this: KernelPdk) {
      return this.namespace(name)
    },
  })
}

interface ServiceNamespace extends Namespace {
  request?: Namespace
  response?: Namespace
}

class CtxNamespace {
  readonly #call: PluginCall

  constructor(call: PluginCall) {
    this.#call = call
  }

  get shared() {
    return this.#call.sharedContext
  }

  get plugin() {
    return this.#call.pluginContext
  }
}

function makeNamespaceClasses(): Map<string, NamespaceClass> {
  const classes = new Map<string, NamespaceClass>()
  for (const member of Object.keys(PDK_MEMBERS) as PdkMember[]) {
    const dot = member.lastIndexOf('.')
    const name = member.slice(0, dot)
    let made = classes.get(name)
    if (made === undefined) classes.set(name, (made = makeNamespaceClass()))
    const phaseBits = PDK_PHASE_BITS[member]
    const implementation = PDK_IMPLEMENTATION[member] as Implementation
    Object.defineProperty(made.prototype, member.slice(dot + 1), {
      value(this: Namespace, ...args: unknown[]) {
        this.call.check(member, phaseBits)
        return implementation(this.call, ...args)
      },
    })
  }
  return classes
}

function makeNamespaceClass(): NamespaceClass {
  return class {
    readonly call: PluginCall
    constructor(call: PluginCall) {
      this.call = call
    }
  }
}
