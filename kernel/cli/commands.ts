import type { ConfiguredCommand } from '../settings.ts'

export interface CommandRow {
  /** What follows `sallyport`. */
  readonly usage: string
  readonly summary: string
  /** Its name in the settings table; null for a command that exists in the design only. */
  readonly served: ConfiguredCommand | null
}

/** All commands, also those that are not served yet: they are refused by name. */
export const COMMANDS: Readonly<Record<string, CommandRow>> = {
  start: {
    usage: 'start --config FILE [flags]',
    summary: 'runs the gateway until SIGTERM or SIGINT; SIGHUP reloads the file',
    served: 'start',
  },
  check: {
    usage: 'check FILE [flags]',
    summary: 'validates a declarative file; exits 1 and names every error',
    served: 'check',
  },
  explain: {
    usage: 'explain --config FILE [flags] < REQUESTS',
    summary:
      'tells of each request, a line of JSON on stdin, which route it takes and what would run',
    served: 'explain',
  },
  doctor: {
    usage: 'doctor [--json] [flags]',
    summary: 'tells what this machine offers, and whether start would work with these flags',
    served: 'doctor',
  },
  config: {
    usage: 'config dump|diff|sync',
    summary: 'works on the configuration of a running gateway',
    served: null,
  },
  plugin: {
    usage: 'plugin create|dev|test|..',
    summary: 'makes and installs plugins',
    served: null,
  },
}
