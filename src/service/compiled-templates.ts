/** A template as a function of its view, `v`. */
export type CompiledTemplate = (locals: {readonly v: Readonly<Record<string, unknown>>}) => string

/** The templates of the package by their names, such as `systemd/gateway.service.ejs`. Filled by the build; empty where the source runs as it is. */
export const COMPILED_TEMPLATES: Readonly<Record<string, CompiledTemplate>> = {}
