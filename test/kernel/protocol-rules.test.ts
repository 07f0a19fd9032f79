import { expect, test } from 'vitest'
import { refusalByProtocol } from '../../kernel/protocol-rules.ts'
import type { Route } from '../../kernel/config/entities.ts'

const plain = { isSecure: false, isHttp2: false, contentType: null }
const grpc = { ...plain, isHttp2: true, contentType: 'application/grpc+proto' }

test.each<
  [protocols: Route['protocols'], facts: typeof plain | typeof grpc, refusal: string | null]
>([
  [['http', 'https'], plain, null],
  [['http'], { ...plain, isSecure: true }, null],
  [['https'], plain, 'HTTPS_ONLY'],
  [['https'], { ...plain, isSecure: true }, null],
  [['grpc', 'grpcs'], plain, 'HTTP2_ONLY'],
  [['grpc'], { ...plain, isHttp2: true }, 'NOT_GRPC'],
  [['grpc'], { ...grpc, contentType: 'application/json' }, 'NOT_GRPC'],
  [['grpc'], grpc, null],
  [['grpcs'], grpc, 'GRPCS_ONLY'],
  [['grpcs'], { ...grpc, isSecure: true }, null],
])('a route for %j, asked by %j: %s', (protocols, facts, refusal) => {
  expect(refusalByProtocol({ protocols }, facts)).toBe(refusal)
})
