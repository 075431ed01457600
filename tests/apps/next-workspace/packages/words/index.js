export function greeting(name, port) {
  return `fixture ${name} on port ${port}`
}
