/** The C library, called from JavaScript: only what the layers and the probe of a child need. */
export interface NativeCalls {
  noNewPrivileges(): number
  /** The result of the call, −1 when it was refused. */
  syscall(number: number, ...args: bigint[]): bigint
  /** `errno` of the last call. */
  lastError(): number
  /** Ends the process at once, without what Node and the C library do at an end. */
  exit(code: number): void
  /** Where the bytes are. Whoever asks keeps them alive. */
  addressOf(bytes: Buffer): bigint
}

type Native = (...args: readonly (number | bigint)[]) => number | bigint

/** The part of `node:ffi`, which is experimental, that is used here. */
interface Ffi {
  dlopen(
    path: string | null,
    signatures: Readonly<Record<string, { arguments: readonly string[]; return: string }>>,
  ): { readonly functions: Readonly<Record<string, Native>> }
  getRawPointer(bytes: Buffer): bigint
  getInt32(pointer: bigint): number
}

const PR_SET_NO_NEW_PRIVS = 38
const WORD = 'int64'

/** Null where Node has no `node:ffi`, or not the one that is known here. */
export function loadNativeCalls(): NativeCalls | null {
  try {
    const ffi = process.getBuiltinModule('node:ffi') as unknown as Ffi | undefined
    if (ffi === undefined) return null
    const { functions } = ffi.dlopen(null, {
      prctl: { arguments: ['int32', WORD, WORD, WORD, WORD], return: 'int32' },
      syscall: { arguments: [WORD, WORD, WORD, WORD, WORD, WORD], return: WORD },
      _exit: { arguments: ['int32'], return: 'void' },
      __errno_location: { arguments: [], return: 'pointer' },
    })
    const { prctl, syscall, _exit: exit } = functions
    // The same for the life of a thread; looked up now, so that nothing comes in between later.
    const errorAt = BigInt(functions['__errno_location']!())
    return {
      noNewPrivileges: () => Number(prctl!(PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n)),
      syscall: (number, ...args) => {
        const all = Array.from({ length: 5 }, (_, index) => args[index] ?? 0n)
        return BigInt(syscall!(BigInt(number), ...all))
      },
      exit: (code) => void exit!(code),
      lastError: () => ffi.getInt32(errorAt),
      addressOf: (bytes) => ffi.getRawPointer(bytes),
    }
  } catch {
    return null
  }
}
