import type { NativeCalls } from './native-calls.ts'
import type { CheckedCall, SyscallTable } from './syscalls.ts'

// Of linux/filter.h and linux/seccomp.h.
const LOAD = 0x20
const IF_EQUAL = 0x15
const IF_ANY_BIT = 0x45
const RETURN = 0x06
const ALLOW = 0x7fff_0000
const KILL_PROCESS = 0x8000_0000
const REFUSE = 0x0005_0000
const EPERM = 1
const EBADF = 9
const ENOSYS = 38
const NUMBER_AT = 0
const ARCH_AT = 4
const SET_MODE_FILTER = 1n
const TSYNC = 1n

const CLONE_THREAD = 0x0001_0000
const PR_SET_NAME = 15
/** Names a mapping, which allocators do. */
const PR_SET_VMA = 0x5356_4d41
const F_GETFL = 3
const F_SETFL = 4

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number]

/**
 * Lets the process and all its threads make no other system calls than those of the table, from now
 * on and for ever. Returns null, or why it could not be done.
 */
export function installSyscallFilter(calls: NativeCalls, table: SyscallTable): string | null {
  // Without it a filter needs rights; the wrapper sets it as well where it is there.
  if (calls.noNewPrivileges() !== 0) return 'no_new_privs was refused'
  const program = assemble(toFilter(table, process.pid))
  const header = Buffer.alloc(16)
  header.writeUInt16LE(program.length / 8, 0)
  header.writeBigUInt64LE(calls.addressOf(program), 8)
  const code = calls.syscall(table.seccomp, SET_MODE_FILTER, TSYNC, calls.addressOf(header))
  return code === 0n ? null : `seccomp answered ${code}`
}

/** The filter as instructions, for `pid`. */
function toFilter(table: SyscallTable, pid: number): Instruction[] {
  const { audit, free, checked } = table
  return [
    [LOAD, 0, 0, ARCH_AT],
    [IF_EQUAL, 1, 0, audit],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD, 0, 0, NUMBER_AT],
    ...free.flatMap((number) => when(number, [[RETURN, 0, 0, ALLOW]])),
    ...Object.entries(checked).flatMap(([name, number]) =>
      when(number, toCheck(name as CheckedCall, pid)),
    ),
    [RETURN, 0, 0, REFUSE | EPERM],
  ]
}

/** What is done for one call. Each list ends with a verdict. */
function toCheck(name: CheckedCall, pid: number): Instruction[] {
  switch (name) {
    case 'clone':
      // A thread is allowed, a process is not.
      return [[LOAD, 0, 0, argumentAt(0)], ...allowIf([IF_ANY_BIT, 0, 1, CLONE_THREAD])]
    case 'clone3':
      // Its flags are in memory, where a filter cannot look; the C library then takes `clone`.
      return [[RETURN, 0, 0, REFUSE | ENOSYS]]
    case 'tgkill':
      // `abort`, and V8 stopping one of its own threads.
      return [[LOAD, 0, 0, argumentAt(0)], ...allowIf([IF_EQUAL, 0, 1, pid])]
    case 'prctl':
      return [
        [LOAD, 0, 0, argumentAt(0)],
        [IF_EQUAL, 1, 0, PR_SET_NAME],
        ...allowIf([IF_EQUAL, 0, 1, PR_SET_VMA]),
      ]
    case 'prlimit64':
      // Asking how large a stack may be, but not for more: the new limit is no pointer.
      return [
        [LOAD, 0, 0, argumentAt(2)],
        [IF_EQUAL, 1, 0, 0],
        [RETURN, 0, 0, REFUSE | EPERM],
        [LOAD, 0, 0, argumentAt(2) + 4],
        ...allowIf([IF_EQUAL, 0, 1, 0]),
      ]
    case 'fcntl':
      // Node puts its standard descriptors back as they were when it ends.
      return [
        [LOAD, 0, 0, argumentAt(1)],
        [IF_EQUAL, 1, 0, F_GETFL],
        ...allowIf([IF_EQUAL, 0, 1, F_SETFL]),
      ]
    case 'newfstatat':
      // How some C libraries spell `fstat`. Node, when it ends, takes this for a closed descriptor.
      return [[RETURN, 0, 0, REFUSE | EBADF]]
  }
}

function when(number: number, then: readonly Instruction[]): Instruction[] {
  return [[IF_EQUAL, 0, then.length, number], ...then]
}

/** The test skips the first verdict when it fails. */
function allowIf(test: Instruction): Instruction[] {
  return [test, [RETURN, 0, 0, ALLOW], [RETURN, 0, 0, REFUSE | EPERM]]
}

/** The low half of an argument; the high one is four bytes further, on all architectures here. */
function argumentAt(index: number): number {
  return 16 + index * 8
}

function assemble(instructions: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * 8)
  for (const [index, [code, ifTrue, ifFalse, value]] of instructions.entries()) {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(ifTrue, index * 8 + 2)
    bytes.writeUInt8(ifFalse, index * 8 + 3)
    bytes.writeUInt32LE(value >>> 0, index * 8 + 4)
  }
  return bytes
}
