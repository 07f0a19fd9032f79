/**
 * The system calls that a sandbox host may make once its add-on is loaded: what V8's threads, its heap
 * and its clock need, and reading and writing of descriptors that are open already. All others are
 * refused, so a call that a newer Linux brings is refused as well. Numbers of x64 and arm64; null where
 * an architecture does not have the call.
 */
type Numbers = readonly [x64: number | null, arm64: number]

const FREE: Readonly<Record<string, Numbers>> = {
  // The channel, and what Node writes before it dies.
  read: [0, 63],
  write: [1, 64],
  readv: [19, 65],
  writev: [20, 66],
  close: [3, 57],
  fstat: [5, 80],
  lseek: [8, 62],
  poll: [7, 73],
  epoll_wait: [232, 22],
  epoll_pwait: [281, 22],
  epoll_ctl: [233, 21],
  // The heap.
  mmap: [9, 222],
  mprotect: [10, 226],
  munmap: [11, 215],
  mremap: [25, 216],
  madvise: [28, 233],
  brk: [12, 214],
  membarrier: [324, 283],
  pkey_mprotect: [329, 288],
  pkey_alloc: [330, 289],
  pkey_free: [331, 290],
  // Threads. They belong to the process: making one is checked below.
  futex: [202, 98],
  sched_yield: [24, 124],
  sched_getaffinity: [204, 123],
  // A lock of V8 that waits asks for its own; what it is not told it complains of on stderr.
  sched_getparam: [143, 121],
  sched_getscheduler: [145, 120],
  set_robust_list: [273, 99],
  rseq: [334, 293],
  gettid: [186, 178],
  getpid: [39, 172],
  exit: [60, 93],
  exit_group: [231, 94],
  // Signals that it gets, none that it sends: V8 stops threads with them.
  rt_sigaction: [13, 134],
  rt_sigprocmask: [14, 135],
  rt_sigreturn: [15, 139],
  sigaltstack: [131, 132],
  restart_syscall: [219, 128],
  // Time, chance, and what it has used itself.
  nanosleep: [35, 101],
  clock_nanosleep: [230, 115],
  clock_gettime: [228, 113],
  clock_getres: [229, 114],
  gettimeofday: [96, 169],
  getrandom: [318, 278],
  getrusage: [98, 165],
  sysinfo: [99, 179],
  getuid: [102, 174],
  geteuid: [107, 175],
  getgid: [104, 176],
  getegid: [108, 177],
}

/** Allowed with some arguments only; what is checked stands in `syscall-filter.ts`. */
const CHECKED = {
  clone: [56, 220],
  clone3: [435, 435],
  tgkill: [234, 131],
  prctl: [157, 167],
  prlimit64: [302, 261],
  fcntl: [72, 25],
  newfstatat: [262, 79],
} as const satisfies Readonly<Record<string, Numbers>>

export type CheckedCall = keyof typeof CHECKED

export interface SyscallTable {
  /** `AUDIT_ARCH_*`: calls of another architecture have other numbers. */
  readonly audit: number
  readonly seccomp: number
  readonly free: readonly number[]
  readonly checked: Readonly<Record<CheckedCall, number>>
  /** Made by the probe, which expects to be refused. */
  readonly probed: {
    readonly openat: number
    readonly close: number
    readonly socket: number
    readonly execve: number
    readonly kill: number
  }
}

/** Null for an architecture that has no table. */
export function syscallsOf(arch: string): SyscallTable | null {
  if (arch === 'x64') {
    return {
      audit: 0xc000_003e,
      seccomp: 317,
      ...toNumbers(0),
      probed: { openat: 257, close: 3, socket: 41, execve: 59, kill: 62 },
    }
  }
  if (arch === 'arm64') {
    return {
      audit: 0xc000_00b7,
      seccomp: 277,
      ...toNumbers(1),
      probed: { openat: 56, close: 57, socket: 198, execve: 221, kill: 129 },
    }
  }
  return null
}

function toNumbers(column: 0 | 1): Pick<SyscallTable, 'free' | 'checked'> {
  const free = Object.values(FREE).map((numbers) => numbers[column])
  const checked = Object.entries(CHECKED).map(([name, numbers]) => [name, numbers[column]])
  return {
    free: [...new Set(free)].filter((number) => number !== null),
    checked: Object.fromEntries(checked) as Record<CheckedCall, number>,
  }
}
