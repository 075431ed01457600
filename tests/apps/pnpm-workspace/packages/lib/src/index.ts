export function greeting(name: string, port: number): string {
  return `fixture ${name} on port ${port}`
}
