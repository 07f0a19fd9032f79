export interface HostParts {
  /** Without port and without the brackets of an IPv6 literal. What cannot be parsed is whole. */
  readonly hostname: string
  /** With the port that was written, else with the default port if one was given. */
  readonly hostWithPort: string
  readonly hadPort: boolean
}

const bracketed = /^\[(.*?)\]:(\d*)$/
const plain = /^([^:]*):(\d*)$/

/** Splits `name:port`. Only digits are a port; several colons need brackets around the name. */
export function splitPort(name: string, defaultPort?: number): HostParts {
  const suffix = defaultPort === undefined ? '' : `:${defaultPort}`
  if (name.startsWith('[')) return splitBracketed(name, suffix)
  if (!name.includes(':')) return { hostname: name, hostWithPort: name + suffix, hadPort: false }
  const found = plain.exec(name)
  if (found === null) {
    const hostWithPort = suffix === '' ? name : `[${name}]${suffix}`
    return { hostname: name, hostWithPort, hadPort: false }
  }
  const [, hostname = '', port = ''] = found
  if (port === '') return { hostname, hostWithPort: hostname + suffix, hadPort: false }
  return { hostname, hostWithPort: name, hadPort: true }
}

function splitBracketed(name: string, suffix: string): HostParts {
  if (name.endsWith(']')) {
    return { hostname: name.slice(1, -1), hostWithPort: name + suffix, hadPort: false }
  }
  const found = bracketed.exec(name)
  if (found === null) return { hostname: name, hostWithPort: name + suffix, hadPort: false }
  const [, hostname = '', port = ''] = found
  if (port !== '') return { hostname, hostWithPort: name, hadPort: true }
  // The colon is there already.
  return { hostname, hostWithPort: name + suffix.slice(1), hadPort: false }
}
