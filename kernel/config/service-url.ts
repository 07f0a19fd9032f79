/** What the `url` of a service stands for. */
export interface ServiceUrl {
  readonly protocol: string
  readonly host: string
  readonly port: number
  readonly path: string | null
}

const shape =
  /^([A-Za-z][A-Za-z0-9_+.-]*):\/\/(\[[^\]]*\]|[^/?#@:[\]]+)(?::([0-9]{1,5}))?(\/[^?#]*)?$/
const defaultPorts: Readonly<Record<string, number>> = { https: 443 }

/**
 * Reads `protocol://hostname[:port][/path]`. Not `URL`: that would rewrite the path. Null when it
 * has another form, a user, a query or a fragment included.
 */
export function parseServiceUrl(url: string): ServiceUrl | null {
  const match = shape.exec(url)
  if (match === null) return null
  const [, scheme = '', host = '', port, path] = match
  const protocol = scheme.toLowerCase()
  return {
    protocol,
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port: port === undefined ? (defaultPorts[protocol] ?? 80) : Number(port),
    path: path ?? null,
  }
}
