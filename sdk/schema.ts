/**
 * Schemas of plugin configuration. `Type` is TypeBox's builder: what it returns is JSON Schema
 * (2020-12), so a package can publish it and the gateway can validate with it, and `Static` is the
 * TypeScript type of the values it accepts.
 */
export { Type, type Static, type TSchema } from 'typebox'
