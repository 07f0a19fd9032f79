import { describe, expect, test } from 'vitest'
import { toVersion } from './machine.ts'
import { parseBenchOptions } from './options.ts'
import { TOOLS, describeMissingTools } from './tools.ts'

describe('the flags of the bench', () => {
  test('have defaults', () => {
    expect(parseBenchOptions([])).toEqual({
      seconds: 5,
      warmupSeconds: 2,
      rounds: 1,
      only: '',
      pairs: 0,
      json: null,
      help: false,
    })
  })

  test('may all be given', () => {
    const argv = '--seconds 1 --warmup 0 --rounds 3 --only key --pairs 5 --json a.json'.split(' ')
    expect(parseBenchOptions(argv)).toMatchObject({
      seconds: 1,
      warmupSeconds: 0,
      rounds: 3,
      only: 'key',
      pairs: 5,
      json: 'a.json',
    })
  })

  test.each([
    ['--seconds', '0'],
    ['--seconds', '1.5'],
    ['--rounds', 'many'],
    ['--rounds', '101'],
    ['--warmup', ''],
  ])('%s refuses %j and says what is wanted', (flag, value) => {
    expect(() => parseBenchOptions([flag, value])).toThrow(
      new RegExp(`^${flag} is "${value}": a whole number from \\d+ to \\d+ is wanted$`),
    )
  })

  test('refuse one that does not exist by its name', () => {
    expect(() => parseBenchOptions(['--second', '5'])).toThrow("'--second'")
  })
})

describe('missing tools', () => {
  test('are named one by one, with the package to install', () => {
    const sentences = describeMissingTools(TOOLS, (name) => (name === 'nginx' ? '/x/nginx' : null))
    expect(sentences).toHaveLength(TOOLS.length - 1)
    expect(sentences[0]).toBe(
      'The bench needs wrk (the client), which is not installed: ' +
        '"apt-get install wrk" on Debian and Ubuntu.',
    )
  })

  test('are none when all are found', () => {
    expect(describeMissingTools(TOOLS, (name) => `/usr/bin/${name}`)).toEqual([])
  })
})

test.each([
  ['nginx version: nginx/1.22.1\n', '1.22.1'],
  ['wrk debian/4.1.0-3+b2 [epoll] Copyright (C) 2012 Will Glozer\nUsage: wrk', '4.1.0'],
  ['', 'unknown'],
])('the version in %j is %s', (text, version) => {
  expect(toVersion(text)).toBe(version)
})
