import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { describeFaults } from './probe.ts'
import { BARE_NODE, NGINX, ROWS, findMissingFile, selectRows } from './rows.ts'
import { BODY, CLASSIFY, renderTemplate, toGatewayConfig } from './start-row.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

describe('the rows', () => {
  test('have names of their own and yardsticks that exist', () => {
    const names = ROWS.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const { yardstick } of ROWS) expect(names).toContain(yardstick)
    expect(names).toContain(BARE_NODE)
  })

  test.each(ROWS)(
    '$name starts from files that exist and a readable configuration',
    ({ start }) => {
      const files =
        start.kind === 'gateway' ? start.plugins.map((plugin) => plugin.split('=')[0]) : []
      if (start.kind === 'script') files.push(start.script)
      for (const file of files) expect(existsSync(`${ROOT}/${file}`)).toBe(true)
      if (start.kind !== 'gateway') return
      const config = parse(toGatewayConfig(1234, start.config)) as { services: { url: string }[] }
      expect(config.services[0]?.url).toBe('http://127.0.0.1:1234')
    },
  )

  test('are chosen by a part of their name, and bring their yardstick along', () => {
    expect(selectRows(ROWS, 'KEY-AUTH').map(({ name }) => name)).toEqual([
      NGINX,
      'gateway, key-auth',
    ])
    expect(selectRows(ROWS, '')).toEqual(ROWS)
  })

  test('are listed when none has the wanted name', () => {
    expect(() => selectRows(ROWS, 'caddy')).toThrow(/"caddy".*"nginx proxy_pass"/)
  })

  test('are left out by the first file that they miss', () => {
    const row = { ...ROWS[0]!, needs: ['package.json', 'no/such.ts', 'none.ts'] }
    expect(findMissingFile(row, ROOT)).toBe('no/such.ts')
    expect(findMissingFile({ ...row, needs: ['package.json'] }, ROOT)).toBeNull()
  })
})

describe('the templates of nginx', () => {
  test.each(['upstream.nginx.conf', 'proxy.nginx.conf'])(
    '%s asks for known values only',
    (file) => {
      const template = readFileSync(`${ROOT}/test/bench/${file}`, 'utf8')
      const values = { PORT: '1', UPSTREAM_PORT: '2', FOLDER: '/f', ACCESS_LOG: 'off', BODY: 'x' }
      const text = renderTemplate(template, values)
      expect(text).toContain('listen 127.0.0.1:1;')
      expect(text).not.toContain('${')
    },
  )

  test('name a value that is missing', () => {
    expect(() => renderTemplate('listen ${PORT} ${WHAT};', { PORT: '1' })).toThrow('"WHAT"')
  })
})

test('the upstream answers 109 bytes', () => {
  expect(Buffer.byteLength(BODY)).toBe(109)
})

test('processes of the gateway are told apart by their place and by their channel', () => {
  const kindOf = (depth: number, environment: string): string =>
    CLASSIFY.gateway({ depth, environment: () => environment })
  expect(kindOf(0, 'HOME=/\0')).toBe('primary')
  expect(kindOf(1, 'HOME=/\0NODE_CHANNEL_FD=3\0')).toBe('worker')
  expect(kindOf(2, '')).toBe('sandbox')
  expect(kindOf(1, 'X_NODE_CHANNEL_FD=3\0')).toBe('sandbox')
})

describe('a good answer', () => {
  const row = { requestHeaders: {}, answerHeaders: ['x-bench'] }
  const good = { status: 200, headers: { 'x-bench': '1' }, body: BODY, bytes: 300 }

  test('has the status, the body and the headers', () => {
    expect(describeFaults(row, good, BODY)).toEqual([])
  })

  test('is not one without the header that the plugin sets', () => {
    expect(describeFaults(row, { ...good, headers: {} }, BODY)).toEqual(['no header "x-bench"'])
  })

  test('is not one that the gateway made itself', () => {
    const faults = describeFaults(row, { ...good, status: 503, body: '{}' }, BODY)
    expect(faults).toEqual(['status 503, 200 is wanted', `body "{}", the upstream's is wanted`])
  })
})
