import { didYouMean, quote } from '../config/config-error.ts'
import { escapePath } from '../router/uri.ts'
import type { RequestFacts } from './request-facts.ts'
import type { Field } from './syntax-tree.ts'

/** A variable of `vars`: one text, and where it can have several values, all of them. */
export interface Variable {
  readonly one: Field
  readonly all: Field | null
}

type Read<T> = (facts: RequestFacts) => T | null

/** nginx's variables, as far as they are known when the route is looked for. */
const single: readonly Variable[] = [
  variable('uri', ({ request }) => request.path, { role: 'uri' }),
  variable('request_uri', (facts) => escapePath(facts.request.path) + facts.query),
  variable('host', (facts) => facts.host, {
    role: 'host',
    fold: (literal) => literal.toLowerCase(),
  }),
  variable('request_method', ({ request }) => request.method),
  variable('scheme', ({ request }) => request.scheme),
  variable('remote_addr', (facts) => facts.clientAddress),
  variable('remote_port', (facts) => String(facts.clientPort)),
  variable('server_addr', (facts) => facts.localAddress),
  variable('server_port', (facts) => String(facts.localPort)),
  variable('args', (facts) => facts.query.slice(1)),
  variable('query_string', (facts) => facts.query.slice(1)),
  variable('is_args', (facts) => facts.query.slice(0, 1)),
  variable('ssl_server_name', (facts) => facts.sni),
]

const known: ReadonlyMap<string, Variable> = new Map(single.map((each) => [each.one.name, each]))

/** Variables named after something of the request. */
const families: Readonly<Record<string, (name: string, rest: string) => Variable>> = {
  arg_: (name, rest) => several(name, (facts) => facts.queryArgument(rest)),
  cookie_: (name, rest) => several(name, (facts) => facts.cookie(rest)),
  http_: (name, rest) => headerVariable(name, rest),
}

const needsBody = 'needs the body, which has not been read when the route is looked for'
const needsParameters =
  'needs paths with parameters like "/users/:id", which routes do not have; match "uri" with "~~"'
const comesLater = 'is only known after the route was found'

/** Variables of APISIX that are refused, with the reason. */
const refused: Readonly<Record<string, string>> = {
  post_arg: needsBody,
  graphql_: needsBody,
  request_body: needsBody,
  uri_param_: needsParameters,
  consumer_: comesLater,
  route_: comesLater,
  service_: comesLater,
  balancer_: comesLater,
  upstream_: comesLater,
}

/** The variable of that name, or a sentence that says why there is none. */
export function findVariable(name: string): Variable | string {
  const found = known.get(name)
  if (found !== undefined) return found
  for (const [prefix, make] of Object.entries(families)) {
    if (name === prefix) return `wanted a name after ${quote(prefix)}`
    if (name.startsWith(prefix)) return make(name, name.slice(prefix.length))
  }
  for (const [prefix, reason] of Object.entries(refused)) {
    if (name.startsWith(prefix)) return `the variable ${quote(name)} ${reason}`
  }
  const names = [...known.keys(), ...Object.keys(families).map((prefix) => `${prefix}*`)]
  const hint = didYouMean(name, names)
  return `unknown variable ${quote(name)}${hint === '' ? `; there are ${names.join(', ')}` : hint}`
}

function variable(
  name: string,
  read: Read<string>,
  more: Pick<Field, 'role' | 'fold'> = {},
): Variable {
  return { one: { name, type: 'string', read, ...more }, all: null }
}

function several(
  name: string,
  read: Read<readonly string[]>,
  toOne: (values: readonly string[]) => string | null = ([first]) => first ?? null,
): Variable {
  return {
    one: {
      name,
      type: 'string',
      read: (facts) => {
        const values = read(facts)
        return values === null ? null : toOne(values)
      },
    },
    all: { name, type: 'strings', read },
  }
}

/** A repeated header is one text, as nginx joins it. */
function headerVariable(name: string, rest: string): Variable {
  const header = rest.toLowerCase().replaceAll('_', '-')
  const separator = header === 'cookie' ? '; ' : ', '
  return several(
    name,
    (facts) => facts.header(header),
    (values) => values.join(separator),
  )
}
