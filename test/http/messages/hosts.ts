import { accepted, get, type MessageRow, refused } from './row.ts'

const bytes = (host: string) => `GET / HTTP/1.1\r\nHost:${host}\r\n\r\n`
const good = (what: string, host: string): MessageRow =>
  accepted(what, bytes(` ${host}`), [get('/', { authority: host })])
const bad = (what: string, host: string, more: { stricter?: string } = { stricter: WRITTEN }) =>
  refused(what, bytes(host), [400, /hostname with an optional port|not HTTP/], more)

const WRITTEN =
  'the Host decides on the route; what is no hostname is read in as many ways as readers'
const TWO = 'which of the two decides differs from server to server'

/** The Host header: the one that decides where a request goes. */
export const HOST_ROWS: readonly MessageRow[] = [
  good('a hostname', 'shop.example'),
  good('a hostname with a port', 'shop.example:8000'),
  good('a hostname in capitals', 'SHOP.Example'),
  good('a hostname with a dot at its end', 'shop.example.'),
  good('a hostname with an underscore', 'my_service.default'),
  good('an IPv4 address', '127.0.0.1:80'),
  good('an IPv6 address', '[2001:db8::1]'),
  good('an IPv6 address with a port', '[::1]:8000'),
  good('a hostname in Punycode', 'xn--bcher-kva.example'),
  accepted('spaces around a Host', bytes(' \t a \t'), [get('/', { authority: 'a' })]),
  accepted('no Host in HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', [get('/', { authority: null })], {
    closes: true,
  }),
  accepted('the Host after other headers', 'GET / HTTP/1.1\r\nX-A: b\r\nhost: a\r\n\r\n', [
    get('/', { authority: 'a' }),
  ]),
  accepted('the Host in capitals', 'GET / HTTP/1.1\r\nHOST: a\r\n\r\n', [
    get('/', { authority: 'a' }),
  ]),
  refused('no Host', 'GET / HTTP/1.1\r\n\r\n', [400, /no Host/]),
  refused('no Host but X-Host', 'GET / HTTP/1.1\r\nX-Host: a\r\n\r\n', [400, /no Host/]),
  refused('no Host but H_ost', 'GET / HTTP/1.1\r\nH_ost: a\r\n\r\n', [400, /no Host/]),
  refused(
    'two different Hosts',
    'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    [400, /more than one Host/],
    { stricter: TWO },
  ),
  refused(
    'two equal Hosts',
    'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n',
    [400, /more than one Host/],
    { stricter: TWO },
  ),
  refused(
    'two Hosts in two spellings',
    'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\nhOST: b\r\n\r\n',
    [400, /more than one Host/],
    { stricter: TWO },
  ),
  refused(
    'two Hosts in HTTP/1.0',
    'GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n',
    [400, /more than one Host/],
    { stricter: TWO },
  ),
  refused(
    'an empty Host before another',
    'GET / HTTP/1.1\r\nHost:\r\nHost: a\r\n\r\n',
    [400, /more than one Host|hostname/],
    { stricter: TWO },
  ),
  bad('an empty Host', ' '),
  bad('a Host with a path', ' a/b'),
  bad('a Host with a query', ' a?b'),
  bad('a Host with a fragment', ' a#b'),
  bad('a Host with a user', ' a@b'),
  bad('a URL as the Host', ' http://a'),
  bad('a Host with a space', ' a b'),
  bad('a Host with a tab', ' a\tb'),
  bad('a list of Hosts', ' a, b'),
  bad('a Host with a backslash', ' a\\b'),
  bad('a Host with a quote', ' "a"'),
  bad('a Host with an angle bracket', ' <a>'),
  bad('a Host with a byte over 127', ' caf\xe9'),
  bad('a Host with a NUL', ' a\0b', {}),
  bad('a Host with a port that is none', ' a:b'),
  bad('a Host with an empty port', ' a:'),
  bad('a Host with a port of six digits', ' a:123456'),
  bad('a Host with a signed port', ' a:+80'),
  bad('a Host with two ports', ' a:80:81'),
  bad('a Host that is a port only', ' :80'),
  bad('an IPv6 address without brackets', ' ::1'),
  bad('an IPv6 address with one bracket', ' [::1'),
  bad('an IPv6 address with letters after it', ' [::1]a'),
  bad('an IPv6 address with a zone', ' [fe80::1%25eth0]'),
  bad('two pairs of brackets', ' [::1][::1]'),
  bad('an asterisk within brackets', ' [*]'),
]
