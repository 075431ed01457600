export function load() {
  return { port: process.env.PORT }
}
