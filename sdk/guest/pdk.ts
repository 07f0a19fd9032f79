import { type Pdk, PDK_MEMBERS, PDK_PHASE_BITS, type PdkMember } from '../index.ts'
import type { HandlerCall } from './handler-call.ts'
import { PDK_IMPLEMENTATION } from './pdk-implementation.ts'
import { defineProperty, SafeMap } from './primordials.ts'

/** A namespace of the PDK for one call, like `pdk.request`. */
interface Namespace {
  readonly call: HandlerCall
}
type NamespaceClass = new (call: HandlerCall) => Namespace
type Implementation = (call: HandlerCall, ...args: unknown[]) => unknown

/** The classes of all namespaces, made once out of the table of PDK members. */
const NAMESPACES = makeNamespaceClasses()

/** The PDK object of one call. Namespaces are made when they are used. */
export function createPdk(call: HandlerCall): Pdk {
  return new GuestPdk(call) as unknown as Pdk
}

class GuestPdk {
  readonly #call: HandlerCall

  constructor(call: HandlerCall) {
    this.#call = call
  }

  get ctx() {
    return new CtxNamespace(this.#call)
  }

  get service() {
    const service = new (NAMESPACES.get('service')!)(this.#call)
    for (const name of ['request', 'response'] as const) {
      const Class = NAMESPACES.get(`service.${name}`)!
      defineProperty(service, name, { value: new Class(this.#call) })
    }
    defineProperty(this, 'service', { value: service })
    return service
  }

  static {
    NAMESPACES.forEach((Class, name) => {
      if (name.startsWith('service')) return
      defineProperty(GuestPdk.prototype, name, {
        get(this: GuestPdk) {
          const namespace = new Class(this.#call)
          defineProperty(this, name, { value: namespace })
          return namespace
        },
      })
    })
  }
}

class CtxNamespace {
  readonly #call: HandlerCall

  constructor(call: HandlerCall) {
    this.#call = call
  }

  get shared() {
    return this.#call.shared
  }

  get plugin() {
    return this.#call.plugin
  }
}

/** Outside of a request there are these namespaces only. */
export function createLifecyclePdk(call: HandlerCall): Pick<Pdk, 'log' | 'node' | 'plugin'> {
  const pdk = createPdk(call)
  return { log: pdk.log, node: pdk.node, plugin: pdk.plugin }
}

function makeNamespaceClasses(): SafeMap<string, NamespaceClass> {
  const classes = new SafeMap<string, NamespaceClass>()
  for (const member of Object.keys(PDK_MEMBERS) as PdkMember[]) {
    const dot = member.lastIndexOf('.')
    const name = member.slice(0, dot)
    let made = classes.get(name)
    if (made === undefined) classes.set(name, (made = makeNamespaceClass()))
    const phaseBits = PDK_PHASE_BITS[member]
    const isForAnyTime = isOfNoRequest(member)
    const implementation = PDK_IMPLEMENTATION[member] as Implementation
    defineProperty(made.prototype, member.slice(dot + 1), {
      value(this: Namespace, ...args: unknown[]) {
        if (isForAnyTime) this.call.checkOpen(member)
        else this.call.check(member, phaseBits)
        return implementation(this.call, ...args)
      },
    })
  }
  return classes
}

function makeNamespaceClass(): NamespaceClass {
  return class {
    declare readonly call: HandlerCall
    constructor(call: HandlerCall) {
      defineProperty(this, 'call', { value: call })
    }
  }
}

/** What `init`, `configure` and `close` may call as well: it looks at no request. */
function isOfNoRequest(member: PdkMember): boolean {
  if (member === 'log.serialize' || member === 'log.setSerializeValue') return false
  return member.startsWith('log.') || member.startsWith('node.') || member.startsWith('plugin.')
}
