export const OCLIF_VERSION: string
export const COLD_OCLIF_PARTS: readonly string[]
export function oclifFolder(): string
export function withLazyRequires(file: string, source: string): string
export function withoutStdout(file: string, source: string): string
