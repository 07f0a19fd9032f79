import { compileExpression } from '../expressions/expression.ts'
import { VarsError } from '../expressions/parse-vars.ts'
import { parseExpression } from '../expressions/parse-expression.ts'
import { quote } from './config-error.ts'
import type { Entities, PluginInstance, Route } from './entities.ts'
import type { Issue } from './validate.ts'

/** What is wrong with expressions and `vars`, found when they are written. */
export function expressionIssues({ expression }: Route): Issue[] {
  return issuesOf('expression', () => compileExpression(expression))
}

export function varsIssues({ vars }: Route): Issue[] {
  return issuesOf('vars', () => compileExpression(null, vars))
}

export function conditionIssues({ condition }: PluginInstance): Issue[] {
  return issuesOf('condition', () => compileExpression(condition))
}

/** By what a route selects that is not an expression, and how to say the same in one. */
const otherMatchers = {
  methods: 'http.method',
  hosts: 'http.host',
  paths: 'http.path',
  headers: 'http.headers.*',
  snis: 'tls.sni',
  sources: 'net.src.ip and net.src.port',
  destinations: 'net.dst.ip and net.dst.port',
} as const

/** What `togetherIssues` reads. */
export const fieldsTogether: readonly string[] = [
  'expression',
  'priority',
  'regex_priority',
  'path_handling',
  ...Object.keys(otherMatchers),
]

/** An expression says everything itself; what goes with it goes with nothing else. */
export function togetherIssues(route: Route): Issue[] {
  const { expression, priority, regex_priority, path_handling } = route
  if (expression === null) {
    // Kong writes a priority of 0 where there is none.
    if (priority === null || priority === 0) return []
    const message = `belongs to an expression, and this route has none, got ${priority}`
    return [{ path: ['priority'], message }]
  }
  const issues: Issue[] = []
  for (const [field, inExpression] of Object.entries(otherMatchers)) {
    const value = route[field as keyof typeof otherMatchers]
    if (value === null || Object.keys(value).length === 0) continue
    const message = `cannot be given together with expression; write ${inExpression} in it`
    issues.push({ path: [field], message })
  }
  if (regex_priority !== 0) {
    const message = 'cannot be given together with expression; give priority instead'
    issues.push({ path: ['regex_priority'], message: `${message}, got ${regex_priority}` })
  }
  if (path_handling !== 'v0') {
    const message = 'cannot be given together with expression, which only knows "v0"'
    issues.push({ path: ['path_handling'], message: `${message}, got ${quote(path_handling)}` })
  }
  return issues
}

/** Expressions that are right and easily misread. */
export function expressionWarnings(entities: Entities): string[] {
  const routes = entities.routes.map(({ name, id, expression }) => ({
    subject: `route ${quote(name ?? id)}: expression`,
    text: expression,
  }))
  const plugins = [...entities.plugins, ...entities.global_plugins].map(({ name, condition }) => ({
    subject: `plugin ${quote(name)}: condition`,
    text: condition,
  }))
  return [...routes, ...plugins]
    .filter(({ text }) => text?.includes('&&') === true && text.includes('||'))
    .filter(({ text }) => text !== null && parseExpression(text).mixesOperators)
    .map(
      ({ subject }) => `${subject} has && beside || without brackets: || is read first, as in Kong`,
    )
}

function issuesOf(field: string, compile: () => unknown): Issue[] {
  try {
    compile()
    return []
  } catch (error) {
    if (error instanceof VarsError)
      return [{ path: [field, ...error.path], message: error.message }]
    return [{ path: [field], message: error instanceof Error ? error.message : String(error) }]
  }
}
