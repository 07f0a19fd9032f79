import { describe, expect, it } from 'vitest'
import { HostList } from '../../../kernel/effects/host-list.ts'

const https = (hostname: string, port = 443) => ({ hostname, port, isDefaultPort: port === 443 })

describe('a list of hosts', () => {
  it.each([
    ['api.example.com', https('api.example.com')],
    ['API.Example.com', https('api.example.com')],
    ['*.example.com', https('api.example.com')],
    ['*.example.com', https('a.b.example.com')],
    ['example.com:8443', https('example.com', 8_443)],
    ['example.com:443', https('example.com')],
    ['example.com:*', https('example.com', 1)],
    ['*', https('example.com')],
    ['*:*', https('example.com', 8_443)],
    ['10.0.0.5:8080', https('10.0.0.5', 8_080)],
    ['10.0.0.0/8', https('10.200.0.1')],
    ['10.0.0.0/8:*', https('10.200.0.1', 81)],
    ['::1', https('::1')],
    ['[::1]:8080', https('::1', 8_080)],
    ['[0:0::1]', https('::1')],
    ['fd00::/8', https('fd12::1')],
    ['[fd00::]/8:81', https('fd12::1', 81)],
    ['::ffff:10.0.0.1', https('10.0.0.1')],
  ])('%s has %o', (entry, destination) => {
    expect(new HostList([entry]).has(destination)).toBe(true)
  })

  it.each([
    ['example.com', https('example.com', 8_443)],
    ['example.com', https('api.example.com')],
    ['example.com', https('example.com.evil.test')],
    ['*.example.com', https('example.com')],
    ['*.example.com', https('evil-example.com')],
    ['example.com:8443', https('example.com')],
    ['*', https('example.com', 8_443)],
    ['10.0.0.0/8', https('11.0.0.1')],
    ['10.0.0.0/8', https('10.evil.test')],
    ['::/0', https('10.0.0.1')],
    ['0.0.0.0/0', https('::1')],
  ])('%s has not %o', (entry, destination) => {
    expect(new HostList([entry]).has(destination)).toBe(false)
  })

  it('names an address only where the address itself is written', () => {
    const destination = https('inside.test')
    for (const entry of ['*', '*:*', 'inside.test']) {
      expect(new HostList([entry]).hasAddress('10.0.0.5', destination), entry).toBe(false)
    }
    for (const entry of ['10.0.0.5', '10.0.0.0/8', '10.0.0.5:443']) {
      expect(new HostList([entry]).hasAddress('10.0.0.5', destination), entry).toBe(true)
    }
    expect(new HostList(['10.0.0.5:80']).hasAddress('10.0.0.5', destination)).toBe(false)
  })

  it.each([
    ...[
      '',
      ':80',
      'http://example.com',
      'example.com/',
      'a b',
      'example.com:0',
      'example.com:65536',
    ],
    ...[
      '10.0.0.0/33',
      'fd00::/129',
      'example.com/8',
      '1.2.3',
      '*.',
      'a.*.com',
      '**',
      'user@example.com',
    ],
    ...['[::1', '[fe80::1%eth0]', 'exämple.com'],
  ])('%j cannot be read', (entry) => {
    expect(() => new HostList([entry])).toThrow(/expected a host like/)
  })
})
