import { Hono } from 'hono'

const port: number = Number(process.env.PORT ?? 3000)
const app = new Hono()

app.get('/', (context) => context.text(`fixture bun on port ${port} by bun ${Bun.version}`))

export default { port, fetch: app.fetch }
