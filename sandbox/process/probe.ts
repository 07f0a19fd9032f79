import { spawnSync } from 'node:child_process'
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NativeCalls } from './native-calls.ts'
import type { SyscallTable } from './syscalls.ts'

/** What a process turned out to be able to do, tried with all that Node offers. */
export interface Abilities {
  readonly file: boolean
  readonly write: boolean
  readonly addon: boolean
  readonly network: boolean
  readonly spawn: boolean
  readonly kill: boolean
  readonly environment: boolean
  readonly jit: boolean
}

/** The same, tried past Node by system calls. */
export type NativeAbilities = Pick<Abilities, 'file' | 'write' | 'network' | 'spawn' | 'kill'>

/**
 * Tries everything that a sandbox host must not be able to do, as if whoever runs in the isolate had
 * got out of it and had all of Node. `victimPid` is a process that must be out of reach: the gateway's.
 */
export function probeAbilities(victimPid: number): Abilities {
  return {
    file: works(() => readFileSync(process.execPath)) || works(() => readFileSync('/etc/hosts')),
    write: works(() => {
      const path = join(tmpdir(), `sallyport-probe-${process.pid}`)
      writeFileSync(path, 'x')
      unlinkSync(path)
    }),
    addon: canLoadCode(),
    network: works(() => listen('127.0.0.1', 4)) || works(() => listen('\0sallyport-probe', -1)),
    spawn: works(() => {
      const { error } = spawnSync(process.execPath, ['--version'], { timeout: 1_000 })
      if (error !== undefined) throw error
    }),
    kill: works(() => process.kill(victimPid, 0)),
    environment: Object.keys(process.env).length > 0,
    jit: 'WebAssembly' in globalThis,
  }
}

/** An add-on that was loaded twice would abort the process, so what is tried is a file that is none. */
function canLoadCode(): boolean {
  try {
    process.dlopen({ exports: {} }, process.execPath)
    return true
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ERR_DLOPEN_FAILED' && !/not permitted|denied/i.test(message)
  }
}

/** Opens a socket and binds it at once; a server would tell of a refusal later only. */
function listen(address: string, family: number): void {
  const create = (net as unknown as Record<string, unknown>)['_createServerHandle']
  if (typeof create !== 'function') {
    net.createServer().listen(0).close()
    return
  }
  const made: unknown = Reflect.apply(create, net, [address, family === 4 ? 0 : -1, family, -1])
  if (typeof made === 'number') throw new Error(`bind answered ${made}`)
  ;(made as { close(): void }).close()
}

const AT_FDCWD = -100n
const O_WRONLY = 1n
/** `O_TMPFILE` of x64 and arm64: a file without a name, so nothing is left behind. */
const O_TMPFILE = { x64: 0x41_0000n, arm64: 0x40_4000n }
const AF_UNIX = 1n
const AF_INET = 2n
const SOCK_STREAM = 1n
const EFAULT = 14

/** Tries the same by system calls. Functions of `calls` work also when nothing else does any more. */
export function probeNatively(
  calls: NativeCalls,
  table: SyscallTable,
  victimPid: number,
): NativeAbilities {
  const { openat, close, socket, execve, kill } = table.probed
  const opens = (path: string, flags: bigint) => {
    const bytes = Buffer.from(`${path}\0`)
    const fd = calls.syscall(openat, AT_FDCWD, calls.addressOf(bytes), flags, 0o600n)
    if (fd >= 0n) calls.syscall(close, fd)
    return fd >= 0n
  }
  const flags = O_WRONLY | (process.arch === 'arm64' ? O_TMPFILE.arm64 : O_TMPFILE.x64)
  return {
    file: opens('/etc/hosts', 0n),
    write: ['/tmp', '/var/tmp', '/dev/shm'].some((folder) => opens(folder, flags)),
    network: [AF_UNIX, AF_INET].some((family) => calls.syscall(socket, family, SOCK_STREAM) >= 0n),
    // A program without a name is refused as a bad address; by a filter it is not looked at.
    spawn: calls.syscall(execve, 0n, 0n, 0n) >= 0n || calls.lastError() === EFAULT,
    kill: calls.syscall(kill, BigInt(victimPid), 0n) === 0n,
  }
}

function works(attempt: () => unknown): boolean {
  try {
    attempt()
    return true
  } catch {
    return false
  }
}
