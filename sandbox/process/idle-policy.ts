/** The part of `node:ffi`, which is experimental, that is used here. */
interface Ffi {
  dlopen(
    path: string | null,
    signatures: Readonly<Record<string, { arguments: readonly string[]; return: string }>>,
  ): { readonly functions: Readonly<Record<string, (...args: readonly unknown[]) => number>> }
}

const SCHED_OTHER = 0
/** For what may run when nothing else wants to: whoever wakes goes before it at once, whatever its slice. */
const SCHED_IDLE = 5
/** `struct sched_param`: a priority of 0, the only one that both policies have. */
const NO_PRIORITY = Buffer.alloc(8)

/** Has Linux run a thread only when nothing else wants to, or as all others. False when it cannot. */
export type SetIdle = (thread: number, isIdle: boolean) => boolean

let found: SetIdle | null | undefined

/** Null where the C library cannot be asked: without `node:ffi`, elsewhere than on Linux. */
export function loadSetIdle(): SetIdle | null {
  if (found === undefined) {
    // That it is experimental is for us to know: where it is another one, there is none.
    const warns = Object.getOwnPropertyDescriptor(process, 'emitWarning')!
    process.emitWarning = () => undefined
    found = load()
    Object.defineProperty(process, 'emitWarning', warns)
  }
  return found
}

function load(): SetIdle | null {
  if (process.platform !== 'linux') return null
  try {
    const ffi = process.getBuiltinModule('node:ffi') as unknown as Ffi | undefined
    if (ffi === undefined) return null
    const { functions } = ffi.dlopen(null, {
      sched_setscheduler: { arguments: ['int32', 'int32', 'buffer'], return: 'int32' },
    })
    const setScheduler = functions['sched_setscheduler']!
    return (thread, isIdle) =>
      setScheduler(thread, isIdle ? SCHED_IDLE : SCHED_OTHER, NO_PRIORITY) === 0
  } catch {
    return null
  }
}
